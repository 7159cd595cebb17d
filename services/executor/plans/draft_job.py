"""The job that makes a preview: guild as it is, words to intents, intents to operations, preflight, estimate, card.

It can be begun again at any point: nothing but the card is changed in Discord.
"""

from __future__ import annotations

import structlog

from chassis.clock import Clock
from chassis.errors import GuildhallError, Unavailable
from services.executor.discord.errors import Refused
from services.executor.discord.identity import BotIdentity
from services.executor.jobs.model import Fence, Job, Journal
from services.executor.plans import preflight
from services.executor.plans.choosing import Problem
from services.executor.plans.compiler import compile_plan
from services.executor.plans.estimate import estimate
from services.executor.plans.fetch import Fetcher
from services.executor.plans.latencies import Latencies
from services.executor.plans.operation import Operation
from services.executor.plans.pictures import Pictures, wants_picture
from services.executor.plans.present import card
from services.executor.plans.record import KeptEstimate, KeptProblem, KeptQuestion, PlanRecord, PlanStatus
from services.executor.plans.saying import saying
from services.executor.plans.schema import PlanDocument
from services.executor.plans.screen import Screen
from services.executor.plans.security_log import SecurityLog
from services.executor.plans.settings import PlanSettings
from services.executor.plans.snapshot import Snapshot
from services.executor.plans.starting import Starter
from services.executor.plans.store import PlanStore
from services.executor.plans.words import Words
from views.markdown import relative_time

_log = structlog.get_logger(__name__)

KIND = "plan.draft"
_FAILURES = {
    "NO_VALID_PLAN": "no_usable_plan",
    "NO_VALID_DOCUMENT": "no_usable_plan",
    "LIMITED": "limited",
    "FEATURE_FORBIDDEN": "forbidden",
    "PROMPT_TOO_LONG": "too_long",
    "PROVIDER_UNAVAILABLE": "model_away",
}
"""The texts for what llm answers."""


class DraftJobs:
    """Makes previews. Is a `JobKind`."""

    name = KIND

    def __init__(
        self,
        *,
        store: PlanStore,
        fetcher: Fetcher,
        words: Words,
        pictures: Pictures,
        screen: Screen,
        identity: BotIdentity,
        starter: Starter,
        security: SecurityLog,
        settings: PlanSettings,
        clock: Clock,
        latencies: Latencies,
    ) -> None:
        self._store = store
        self._fetcher = fetcher
        self._words = words
        self._pictures = pictures
        self._screen = screen
        self._identity = identity
        self._starter = starter
        self._security = security
        self._settings = settings
        self._clock = clock
        self._latencies = latencies

    async def run(self, job: Job, journal: Journal) -> None:
        """Makes the preview of the newest version of a plan."""
        plan = await self._store.get(job.payload.decode())
        if plan.status is not PlanStatus.DRAFTING:
            # A repeat: what is there may not have been shown any more.
            await self._screen.show(plan, card(plan), journal.fence)
            return
        base = plan.version
        try:
            plan = await self._made(plan, journal.fence)
        except Refused as refusal:
            plan = _failed(plan, "discord_refuses", message=refusal.message or refusal)
        except Unavailable as error:
            if error.reason not in _FAILURES:
                raise
            plan = _failed(plan, _FAILURES[error.reason])
        except GuildhallError as error:
            _log.info("plan.not_made", plan_id=plan.plan_id, reason=error.reason)
            when = relative_time(self._clock.now() + (error.retry_after or 0.0))
            plan = _failed(plan, _FAILURES.get(error.reason, "not_made"), when=when)

        def put(kept: PlanRecord) -> PlanRecord | None:
            # Further words that came meanwhile have a job of their own.
            return plan.model_copy(update={"version": kept.version}) if kept.version == base else None

        plan = await self._store.change(plan.plan_id, put)
        plan = await self._screen.show(plan, card(plan), journal.fence)
        if plan.status is PlanStatus.PREVIEW and self._may_run_at_once(plan):
            await self._starter.confirm(plan.plan_id, plan.requester.user_id, plan.hash)

    async def give_up(self, job: Job, journal: Journal, reason: str) -> None:
        """Says that it failed."""

        def fail(kept: PlanRecord) -> PlanRecord:
            return _failed(kept, "own_fault")

        plan = await self._store.change(job.payload.decode(), fail)
        await self._screen.show(plan, card(plan), journal.fence)

    async def _made(self, plan: PlanRecord, fence: Fence) -> PlanRecord:
        bot_id = self._identity.user_id
        snapshot = await self._fetcher.basics(plan.guild_id, bot_id, [plan.requester.user_id], fence)
        if plan.requester.user_id not in snapshot.members or bot_id not in snapshot.members:
            return _failed(plan, "no_member")
        operations: list[Operation] = list(plan.operations)
        found: list[Problem] = []
        if plan.words:
            document = (
                PlanDocument.model_validate(plan.document)
                if plan.document is not None and plan.understood == len(plan.words)
                else await self._words.understand(plan, snapshot)
            )
            plan = plan.model_copy(
                update={
                    "document": document.model_dump(mode="json", by_alias=True),
                    "understood": len(plan.words),
                    "summary": document.summary,
                    "unsupported": list(document.unsupported),
                    "question": document.question or "",
                }
            )
            await self._fetcher.everything(snapshot, document, fence)
            if plan.attached is not None and plan.picture is None and wants_picture(document):
                plan = plan.model_copy(update={"picture": await self._pictures.take(plan.attached)})
            compiled = compile_plan(
                document,
                snapshot,
                now=self._clock.now(),
                answers=plan.answers,
                picture=plan.picture,
                text=saying(plan.requester.locale),
            )
            operations, found = list(compiled.operations), list(compiled.problems)
            questions = [KeptQuestion.of(question) for question in compiled.questions]
            notes = list(compiled.notes)
            if plan.left_for_later:
                later = saying(plan.requester.locale)("plan.card.left_for_later", count=plan.left_for_later)
                notes.append(later)
            plan = plan.model_copy(update={"questions": questions, "notes": notes})
        return await self._checked(plan, snapshot, operations, found)

    async def _checked(
        self, plan: PlanRecord, snapshot: Snapshot, operations: list[Operation], found: list[Problem]
    ) -> PlanRecord:
        text = saying(plan.requester.locale)
        requester, bot = snapshot.members[plan.requester.user_id], snapshot.members[snapshot.bot_id]
        operations = preflight.without(operations, plan.dropped)
        operations = [_renamed(operation, plan.names) for operation in operations]
        if len(operations) > self._settings.max_operations:
            found.append(Problem("TOO_MANY", text("plan.problem.too_many", most=self._settings.max_operations)))
            operations = []
        checked = preflight.check(operations, snapshot, requester, bot, text)
        kept = list(checked.operations)
        await self._security.refused(plan, [problem.text for problem in checked.security])
        timed = estimate(kept, self._settings, self._latencies, polite=plan.polite)
        minutes = (
            self._settings.confirm_minutes_bulk
            if len(kept) >= self._settings.bulk_operations
            else self._settings.confirm_minutes
        )
        if plan.questions or (plan.question and not kept):
            status = PlanStatus.QUESTION
        else:
            status = PlanStatus.PREVIEW if kept else PlanStatus.REFUSED
        return plan.model_copy(
            update={
                "operations": kept,
                "problems": [KeptProblem.of(problem) for problem in [*found, *checked.problems]],
                "estimate": KeptEstimate(
                    p50=timed.p50,
                    p90=timed.p90,
                    quotas=[(q.kind, q.fits, q.wanted, q.seconds) for q in timed.quotas],
                ),
                "high_risk": preflight.high_risk(kept, many_deletions=self._settings.many_deletions),
                "status": status,
                "expires": self._clock.now() + minutes * 60,
                "page": 0,
            }
        )

    def _may_run_at_once(self, plan: PlanRecord) -> bool:
        if plan.guild_id not in self._settings.immediate_guilds or plan.problems or plan.unsupported or plan.stale:
            return False
        return not plan.dry_run and preflight.small_and_additive(
            plan.operations, at_most=self._settings.immediate_operations
        )


def _failed(plan: PlanRecord, key: str, **values: object) -> PlanRecord:
    said = saying(plan.requester.locale)(f"plan.failed.{key}", **values)
    return plan.model_copy(update={"status": PlanStatus.FAILED, "error": said})


def _renamed(operation: Operation, names: dict[str, str]) -> Operation:
    name = names.get(operation.id)
    if name is None or not isinstance(operation.body, dict) or "name" not in operation.body:
        return operation
    sign = operation.label[:1] if operation.label[:1] in ("#", "@") else ""
    return operation.model_copy(update={"body": operation.body | {"name": name}, "label": sign + name})
