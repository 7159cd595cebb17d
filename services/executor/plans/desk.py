"""What people and other services ask about plans: making, changing, listing, undoing, snapshots, the audit trail."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from dataclasses import asdict

from guildhall.executor.v1 import plan_pb2
from redis.exceptions import RedisError

from chassis.clock import Clock
from chassis.errors import InvalidArgument, Unavailable
from chassis.ids import new_id
from services.executor.discord.identity import BotIdentity
from services.executor.plans.estimate import beyond_quotas
from services.executor.plans.fetch import Fetcher
from services.executor.plans.record import ENDED, PlanRecord, PlanStatus
from services.executor.plans.saying import saying
from services.executor.plans.settings import PlanSettings
from services.executor.plans.snapshot import Snapshot, build
from services.executor.plans.starting import GRANTED, Refusal, Starter
from services.executor.plans.store import PlanStore
from services.executor.plans.undo import Difference, differences, invert, restore
from services.executor.replies.question import Asker, Attached, Interaction, visible
from views.plans.snapshots import moment

_CHANGEABLE = (PlanStatus.PREVIEW, PlanStatus.QUESTION, PlanStatus.REFUSED, PlanStatus.FAILED)


class PlanDesk:
    """Takes wishes about plans."""

    def __init__(
        self,
        *,
        store: PlanStore,
        starter: Starter,
        fetcher: Fetcher,
        identity: BotIdentity,
        settings: PlanSettings,
        clock: Clock,
    ) -> None:
        self._store = store
        self.starter = starter
        self._fetcher = fetcher
        self._identity = identity
        self._settings = settings
        self._clock = clock

    async def create(
        self,
        *,
        event_id: int,
        guild_id: int,
        channel_id: int,
        words: str,
        asker: Asker,
        interaction: Interaction | None,
        dry_run: bool,
        attached: Attached | None = None,
    ) -> tuple[str, bool]:
        """Takes a request over; gives the plan and whether the event had been submitted before."""
        if not visible(words):
            raise InvalidArgument("the request is empty", reason="EMPTY_REQUEST", fields={"request": "is empty"})
        if len(words) > self._settings.max_request_chars:
            raise InvalidArgument(
                "the request is too long",
                reason="REQUEST_TOO_LONG",
                fields={"request": f"has more than {self._settings.max_request_chars} characters"},
            )
        plan = self._new(guild_id, channel_id, asker, interaction).model_copy(
            update={"words": [words.strip()], "dry_run": dry_run, "attached": attached}
        )
        return await self._taken_over(plan, event_id)

    async def refine(self, plan_id: str, person: int, words: str) -> Refusal.ValueType:
        """Adds words."""
        if not visible(words):
            raise InvalidArgument("the request is empty", reason="EMPTY_REQUEST", fields={"request": "is empty"})
        return await self._redraft(
            plan_id, person, lambda plan: {"words": [*plan.words, words.strip()], "answers": plan.answers}
        )

    async def answer(self, plan_id: str, person: int, key: str, candidate: str) -> Refusal.ValueType:
        """Chooses what a name means. The key may be the question's place in the list."""

        def change(plan: PlanRecord) -> dict[str, object]:
            named = {str(index): question.key for index, question in enumerate(plan.questions)}
            return {"answers": {**plan.answers, named.get(key, key): candidate}}

        return await self._redraft(plan_id, person, change)

    async def edit(
        self,
        plan_id: str,
        person: int,
        *,
        drop: list[str],
        names: dict[str, str],
        polite: bool | None,
        dry_run: bool | None,
        page: int | None,
        split: bool = False,
    ) -> Refusal.ValueType:
        """Takes steps out (with `split` those beyond long quotas), changes names, pace, page."""
        for name in names.values():
            if not 1 <= len(name.strip()) <= 100:
                raise InvalidArgument(
                    "a name has 1 to 100 characters", reason="INVALID_NAME", fields={"names": "length"}
                )

        def change(plan: PlanRecord) -> dict[str, object]:
            later = beyond_quotas(plan.operations) if split else []
            changes: dict[str, object] = {
                "left_for_later": plan.left_for_later + len(later),
                "dropped": sorted({*plan.dropped, *drop, *later}),
                "names": {**plan.names, **{step: name.strip() for step, name in names.items()}},
            }
            if polite is not None:
                changes["polite"] = polite
            if dry_run is not None:
                changes["dry_run"] = dry_run
            return changes

        if page is not None and not (drop or names or split or polite is not None or dry_run is not None):
            return await self._turn(plan_id, page)
        return await self._redraft(plan_id, person, change)

    async def undo(
        self, plan_id: str, asker: Asker, *, event_id: int, interaction: Interaction | None, channel_id: int
    ) -> tuple[str, Refusal.ValueType]:
        """Makes the inverse plan of a run; its preview comes like any other's."""
        done = await self._store.get(plan_id)
        if done.status not in ENDED:
            return "", plan_pb2.PLAN_REFUSAL_WRONG_STATUS
        text = saying(asker.locale)
        inverse = invert(done.operations, done.outcomes, guild_id=done.guild_id, text=text)
        if not inverse.operations:
            return "", plan_pb2.PLAN_REFUSAL_NOTHING_TO_DO
        plan = self._new(done.guild_id, channel_id or done.channel_id, asker, interaction).model_copy(
            update={
                "operations": list(inverse.operations),
                "losses": list(inverse.losses),
                "summary": text("plan.card.undo_of", title=done.summary)[:200],
                "undo_of": plan_id,
            }
        )
        made, _ = await self._taken_over(plan, event_id)
        return made, GRANTED

    async def snapshot(self, guild_id: int) -> str:
        """Keeps the guild's channels and roles as they are."""
        now = await self._now(guild_id)
        snapshot_id = new_id(self._clock.now())
        channels = [dict(channel.raw) for channel in now.channels.values()]
        await self._store.save_snapshot(guild_id, snapshot_id, {"guild": dict(now.guild), "channels": channels})
        return snapshot_id

    async def snapshots(self, guild_id: int) -> list[str]:
        """The snapshots that are kept."""
        return await self._store.list_snapshots(guild_id)

    async def difference(self, guild_id: int, snapshot_id: str) -> list[Difference]:
        """What changed since a snapshot."""
        return differences(await self._then(guild_id, snapshot_id), await self._now(guild_id))

    async def restored(
        self,
        guild_id: int,
        snapshot_id: str,
        asker: Asker,
        *,
        event_id: int,
        interaction: Interaction | None,
        channel_id: int,
        remove_new: bool,
    ) -> tuple[str, Refusal.ValueType]:
        """Makes the plan that brings a guild back."""
        then, now = await self._then(guild_id, snapshot_id), await self._now(guild_id)
        operations = restore(then, now, remove_new=remove_new)
        if not operations:
            return "", plan_pb2.PLAN_REFUSAL_NOTHING_TO_DO
        plan = self._new(guild_id, channel_id, asker, interaction).model_copy(
            update={
                "operations": operations,
                "summary": saying(asker.locale)("plan.card.back_to_snapshot", snapshot=moment(snapshot_id)),
            }
        )
        made, _ = await self._taken_over(plan, event_id)
        return made, GRANTED

    async def get(self, plan_id: str) -> PlanRecord:
        """A plan as it stands."""
        return await self._store.get(plan_id)

    async def plans(self, guild_id: int, *, limit: int, before: float | None) -> list[PlanRecord]:
        """A guild's plans, the newest first."""
        return await self._store.plans_of(guild_id, limit=limit, before=before)

    async def audit_trail(self, guild_id: int, *, as_json: bool) -> tuple[bytes, int]:
        """The guild's audit trail as a file, and how many entries are in it."""
        rows = [asdict(entry) for entry in await self._store.audit_trail(guild_id)]
        if as_json:
            return json.dumps(rows, ensure_ascii=False, indent=1).encode(), len(rows)
        out = io.StringIO()
        writer = csv.DictWriter(out, ["time", "plan_id", "actor", "action", "target", "outcome"])
        writer.writeheader()
        writer.writerows({name: _harmless(value) for name, value in row.items()} for row in rows)
        return out.getvalue().encode(), len(rows)

    async def _redraft(
        self, plan_id: str, person: int, change: Callable[[PlanRecord], dict[str, object]]
    ) -> Refusal.ValueType:
        refusal = GRANTED

        def decide(plan: PlanRecord) -> PlanRecord | None:
            nonlocal refusal
            refusal = GRANTED
            if person != plan.requester.user_id:
                refusal = plan_pb2.PLAN_REFUSAL_WRONG_PERSON
            elif plan.status not in _CHANGEABLE:
                refusal = plan_pb2.PLAN_REFUSAL_WRONG_STATUS
            if refusal is not GRANTED:
                return None
            changes = change(plan)
            common = {"status": PlanStatus.DRAFTING, "revision": plan.revision + 1, "stale": [], "error": ""}
            return plan.model_copy(update={**changes, **common})

        plan = await self._store.change(plan_id, decide)
        if refusal is GRANTED:
            await self.starter.draft(plan)
        return refusal

    async def _turn(self, plan_id: str, page: int) -> Refusal.ValueType:
        plan = await self._store.change(
            plan_id, lambda plan: plan.model_copy(update={"page": page, "revision": plan.revision + 1})
        )
        await self.starter.draft(plan)
        return GRANTED

    async def _taken_over(self, plan: PlanRecord, event_id: int) -> tuple[str, bool]:
        try:
            first = await self._store.claim(event_id, plan.plan_id)
            if first != plan.plan_id:
                kept = await self._store.find(first)
                if kept is not None:
                    return first, True
                plan = plan.model_copy(update={"plan_id": first})
            await self._store.add(plan)
            await self.starter.draft(plan)
        except RedisError as error:
            raise Unavailable("the plan store does not answer", reason="STORE_UNAVAILABLE", retry_after=1.0) from error
        return plan.plan_id, False

    def _new(self, guild_id: int, channel_id: int, asker: Asker, interaction: Interaction | None) -> PlanRecord:
        now = self._clock.now()
        return PlanRecord(
            plan_id=new_id(now),
            guild_id=guild_id,
            channel_id=channel_id,
            requester=asker,
            interaction=interaction,
            created=now,
            touched=now,
        )

    async def _now(self, guild_id: int) -> Snapshot:
        return await self._fetcher.basics(guild_id, self._identity.user_id, [], None)

    async def _then(self, guild_id: int, snapshot_id: str) -> Snapshot:
        content = await self._store.load_snapshot(guild_id, snapshot_id)
        return build(content["guild"], content["channels"], self._identity.user_id)


def _harmless(value: object) -> object:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t") else value
