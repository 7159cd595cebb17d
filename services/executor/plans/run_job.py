"""The job that runs a confirmed plan, from the last look at the guild to the report.

What is done stands in the journal before anything relies on it, so the job goes on where it was after any crash. Before
the first operation the targets are compared with what the preview showed: a plan whose targets have changed is not run
but previewed again. While it runs, the requester's rights are looked at again and again.
"""

from __future__ import annotations

import asyncio
import time

import structlog

from chassis.clock import Clock
from services.executor.discord.identity import BotIdentity
from services.executor.discord.rest import RestClient
from services.executor.jobs.model import Job, Journal
from services.executor.plans.choosing import quoted
from services.executor.plans.conductor import Conductor
from services.executor.plans.drift import drifted, watched_people
from services.executor.plans.fetch import Fetcher
from services.executor.plans.latencies import Latencies
from services.executor.plans.operation import Operation, Outcome, Status
from services.executor.plans.perform import Performer
from services.executor.plans.record import PlanRecord, PlanStatus, Wish
from services.executor.plans.rights import Rights
from services.executor.plans.run_journal import RunJournal
from services.executor.plans.run_screen import RunScreen
from services.executor.plans.run_state import Pause
from services.executor.plans.saying import Text, saying, title_of
from services.executor.plans.screen import Screen
from services.executor.plans.security_log import SecurityLog
from services.executor.plans.settings import PlanSettings
from services.executor.plans.snapshot import Snapshot
from services.executor.plans.starting import RUN, Starter
from services.executor.plans.store import AuditEntry, PlanStore

_log = structlog.get_logger(__name__)

_BEGUN = "begun"
_PEOPLE_LOOKED_AT = 10
"""Of so many people the rank is looked up before each step; in plans about more, Discord itself is the judge."""


class RunJobs:
    """Runs plans. Is a `JobKind`."""

    name = RUN

    def __init__(
        self,
        *,
        store: PlanStore,
        fetcher: Fetcher,
        mirrored: Fetcher,
        rest: RestClient,
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
        self._mirrored = mirrored
        self._rest = rest
        self._identity = identity
        self._starter = starter
        self._security = security
        self._settings = settings
        self._clock = clock
        self._latencies = latencies
        self.shown = RunScreen(screen, settings, latencies)
        """What people see of runs."""

    async def run(self, job: Job, journal: Journal) -> None:
        """Runs one plan to its end, or to a pause."""
        plan = await self._store.get(job.payload.decode())
        if plan.status is not PlanStatus.RUNNING:
            # An earlier attempt has ended it; perhaps without showing so.
            if plan.started:
                await self.shown.report(plan, journal.fence)
            return
        await _Run(self, plan, journal).go()

    async def give_up(self, job: Job, journal: Journal, reason: str) -> None:
        """Pauses the run: what is done is known, and a person can let it go on."""
        outcomes, _ = await RunJournal(journal).load()

        def stop(plan: PlanRecord) -> PlanRecord:
            return plan.model_copy(
                update={
                    "status": PlanStatus.PAUSED,
                    "outcomes": {**plan.outcomes, **outcomes},
                    "pause_reason": saying(plan.requester.locale)("plan.progress.own_fault"),
                }
            )

        plan = await self._store.change(job.payload.decode(), stop)
        await self.shown.report(plan, journal.fence)


class _Run:
    """One attempt at one run."""

    def __init__(self, jobs: RunJobs, plan: PlanRecord, journal: Journal) -> None:
        self._jobs = jobs
        self._store = jobs._store
        self._settings = jobs._settings
        self._clock = jobs._clock
        self._plan = plan
        self._text = saying(plan.requester.locale)
        self._fence = journal.fence
        self._journal = RunJournal(journal)
        self._wish = plan.wish
        self._begun = time.monotonic()
        concerned = {int(one.path["user_id"]) for one in plan.operations if one.path.get("user_id", "").isdecimal()}
        self._rights = Rights(
            lambda: self._basics(sorted(concerned) if len(concerned) <= _PEOPLE_LOOKED_AT else []),
            plan.requester.user_id,
            self._text,
            seconds=self._settings.authority_seconds,
        )

    async def go(self) -> None:
        outcomes, fields = await self._journal.load()
        outcomes = {**self._plan.outcomes, **outcomes}
        if _BEGUN not in fields and not outcomes:
            if self._plan.dry_run:
                await self._dry_run()
                return
            stale = await self._drift()
            if stale:
                await self._preview_again(stale)
                return
        started = self._plan.started or self._clock.now()
        self._plan, _ = await asyncio.gather(
            self._store.change(self._plan.plan_id, lambda plan: plan.model_copy(update={"started": started})),
            self._journal.set(_BEGUN, repr(started)),
        )
        conductor = self._conductor(outcomes)
        self._jobs._latencies.add_look(
            time.monotonic() - self._begun, targets=any(one.watches for one in self._plan.operations)
        )
        following = self._jobs.shown.follow(self._plan, conductor.progress, self._fence)
        helpers = [asyncio.create_task(self._listen()), asyncio.create_task(following)]
        try:
            pause = await conductor.run()
            if self._wish is Wish.CANCEL:
                await conductor.skip_rest(self._text("plan.skipped.stopped"))
        finally:
            for helper in helpers:
                helper.cancel()
            await asyncio.gather(*helpers, return_exceptions=True)
            await self._rights.close()
        await self._end(conductor.progress.outcomes, pause)

    def _conductor(self, outcomes: dict[str, Outcome]) -> Conductor:
        plan, jobs = self._plan, self._jobs
        performer = Performer(
            jobs._rest,
            self._settings,
            self._clock,
            plan_id=plan.plan_id,
            guild_id=plan.guild_id,
            fence=self._fence,
            bot_id=jobs._identity.user_id,
        )
        return Conductor(
            plan.operations,
            outcomes,
            performer=performer,
            journal=self._journal,
            settings=self._settings,
            clock=self._clock,
            latencies=jobs._latencies,
            refused=self._refused,
            wish=lambda: self._wish,
            why=f"for {plan.requester.display_name or plan.requester.user_id}",
            polite=plan.polite,
            text=self._text,
        )

    # Before the first operation.

    async def _drift(self) -> list[str]:
        """What has changed about the plan's targets since its preview."""
        operations = self._plan.operations
        # Targets are compared with Discord itself. Where there are none, only rights count, and for those the mirror is
        # no older than facts may be.
        source = self._jobs._fetcher if any(one.watches for one in operations) else self._jobs._mirrored
        snapshot = await self._basics(watched_people(operations), source)
        # The same facts say what the requester may do, for the first seconds.
        self._rights.take(snapshot)
        return drifted(operations, snapshot, self._text)

    async def _preview_again(self, stale: list[str]) -> None:
        def change(plan: PlanRecord) -> PlanRecord:
            return plan.model_copy(
                update={
                    "status": PlanStatus.DRAFTING,
                    "stale": stale,
                    "revision": plan.revision + 1,
                    "confirmed_by": 0,
                    "confirmed_hash": "",
                    "approver": 0,
                }
            )

        plan = await self._store.change(self._plan.plan_id, change)
        await self._starter.draft(plan)

    @property
    def _starter(self) -> Starter:
        return self._jobs._starter

    async def _dry_run(self) -> None:
        left_out = Outcome(status=Status.SKIPPED, error=self._text("plan.skipped.dry_run"))
        outcomes = {operation.id: left_out for operation in self._plan.operations}
        now = self._clock.now()

        def change(plan: PlanRecord) -> PlanRecord:
            update = {"status": PlanStatus.DONE, "outcomes": outcomes, "started": now, "ended": now}
            return plan.model_copy(update=update)

        await self._jobs.shown.report(await self._store.change(self._plan.plan_id, change), self._fence)

    # While it runs.

    async def _basics(self, people: list[int], fetcher: Fetcher | None = None) -> Snapshot:
        requester = self._plan.requester.user_id
        bot_id = self._jobs._identity.user_id
        source = fetcher or self._jobs._fetcher
        return await source.basics(self._plan.guild_id, bot_id, [requester, *people], self._fence)

    async def _refused(self, operation: Operation) -> str:
        """Whether the requester, and the bot, may do this now; what they may not is noted for the guild."""
        text = await self._rights.refusal(operation)
        if text:
            await self._jobs._security.refused(self._plan, [f"{quoted(operation.label)}: {text}"])
        return text

    async def _listen(self) -> None:
        """Notices wishes."""
        while True:
            await asyncio.sleep(self._settings.control_seconds)
            self._wish = await self._store.wish(self._plan.plan_id)

    # After it.

    async def _end(self, outcomes: dict[str, Outcome], pause: Pause | None) -> None:
        now = self._clock.now()

        def change(plan: PlanRecord) -> PlanRecord:
            update: dict[str, object] = {"outcomes": outcomes}
            if pause is not None or (plan.wish is Wish.PAUSE and self._wish is Wish.PAUSE):
                update |= {
                    "status": PlanStatus.PAUSED,
                    "pause_reason": _reason(pause, self._text) if pause else "",
                    "resume_at": pause.until if pause else 0.0,
                    "wish": Wish.RUN,
                }
            elif self._wish is Wish.CANCEL:
                update |= {"status": PlanStatus.CANCELLED, "ended": now}
            else:
                update |= {"status": PlanStatus.DONE, "ended": now}
            return plan.model_copy(update=update)

        plan = await self._store.change(self._plan.plan_id, change)
        await self._audit(plan)
        await self._jobs.shown.report(plan, self._fence)

    async def _audit(self, plan: PlanRecord) -> None:
        if plan.status is PlanStatus.PAUSED:
            return
        by = plan.confirmed_by or plan.requester.user_id
        entries = [
            AuditEntry(
                outcome.begun or self._clock.now(),
                plan.plan_id,
                by,
                operation.kind,
                f"{operation.label} {outcome.result}".strip(),
                outcome.status.value + (f": {outcome.error}" if outcome.error else ""),
            )
            for operation in plan.operations
            if (outcome := plan.outcomes.get(operation.id)) is not None
        ]
        await self._store.audit(plan.guild_id, entries)


def _reason(pause: Pause, text: Text) -> str:
    if pause.kind:
        return text("plan.progress.quota_used", title=title_of(pause.kind, text))
    return text("plan.progress.long_trouble")
