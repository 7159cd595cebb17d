"""Plans, snapshots and the audit trail in Redis.

A plan is one value, changed by compare-and-set on its version. What a run has done stands in its job's journal, which
is fenced; the plan takes it over when the run has ended.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import redis.asyncio as redis
from redis.exceptions import WatchError

from chassis.clock import Clock
from chassis.errors import Aborted, NotFound
from services.executor.jobs.keys import PREFIX, plans_of
from services.executor.plans.record import PlanRecord, Wish
from services.executor.plans.settings import PlanSettings

_RACES = 16
_DAY = 86_400


@dataclass(frozen=True)
class AuditEntry:
    """One thing that happened, for the guild's own audit trail."""

    time: float
    plan_id: str
    actor: int
    action: str
    target: str
    outcome: str


class PlanStore:
    """Keeps plans."""

    def __init__(self, client: redis.Redis, settings: PlanSettings, clock: Clock) -> None:
        self._redis: Any = client
        self._settings = settings
        self._clock = clock

    async def add(self, plan: PlanRecord) -> None:
        """Keeps a new plan."""
        await self._redis.set(_plan(plan.plan_id), _packed(plan), ex=self._ttl)
        await self._redis.zadd(_plans(plan.guild_id), {plan.plan_id: plan.created})
        await self._redis.zremrangebyscore(_plans(plan.guild_id), "-inf", self._clock.now() - self._ttl)
        index = plans_of(plan.requester.user_id)
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.zadd(index, {plan.plan_id: plan.created})
            pipe.zremrangebyscore(index, "-inf", self._clock.now() - self._ttl)
            pipe.expire(index, self._ttl)
            await pipe.execute()

    async def of_person(self, user_id: int) -> list[PlanRecord]:
        """The plans that a person asked for, oldest first."""
        ids = await self._redis.zrange(plans_of(user_id), 0, -1)
        found = [await self.find(one.decode()) for one in ids]
        return [plan for plan in found if plan is not None]

    async def forget(self, plan: PlanRecord) -> None:
        """Forgets a plan."""
        await self._redis.delete(_plan(plan.plan_id))
        await self._redis.delete(_wish(plan.plan_id))
        await self._redis.zrem(_plans(plan.guild_id), plan.plan_id)
        await self._redis.zrem(plans_of(plan.requester.user_id), plan.plan_id)

    async def claim(self, event_id: int, plan_id: str) -> str:
        """The plan that an event of Discord's became: this one, or the one that it became before."""
        name = f"{PREFIX}plan-event:{event_id}"
        if await self._redis.set(name, plan_id, nx=True, ex=_DAY):
            return plan_id
        first = await self._redis.get(name)
        return first.decode() if first else plan_id

    async def find(self, plan_id: str) -> PlanRecord | None:
        """A plan, if it is still kept."""
        raw = await self._redis.get(_plan(plan_id))
        return _unpacked(raw) if raw else None

    async def wish(self, plan_id: str) -> Wish:
        """What was last asked of a run; small, for it is looked at often."""
        raw = await self._redis.get(_wish(plan_id))
        return Wish(raw.decode()) if raw else Wish.RUN

    async def get(self, plan_id: str) -> PlanRecord:
        """A plan. Raises `NotFound`."""
        plan = await self.find(plan_id)
        if plan is None:
            raise NotFound("there is no such plan, or it is too old", reason="PLAN_UNKNOWN")
        return plan

    async def change(self, plan_id: str, change: Callable[[PlanRecord], PlanRecord | None]) -> PlanRecord:
        """Applies a change to the newest version, once; a change that gives None changes nothing."""
        name = _plan(plan_id)
        async with self._redis.pipeline(transaction=True) as pipe:
            for _ in range(_RACES):
                await pipe.watch(name)
                raw = await pipe.get(name)
                if raw is None:
                    raise NotFound("there is no such plan, or it is too old", reason="PLAN_UNKNOWN")
                plan = _unpacked(raw)
                changed = change(plan.model_copy(deep=True))
                if changed is None:
                    return plan
                changed = changed.model_copy(update={"version": plan.version + 1, "touched": self._clock.now()})
                pipe.multi()
                pipe.set(name, _packed(changed), ex=self._ttl)
                pipe.set(_wish(plan_id), changed.wish.value, ex=self._ttl)
                try:
                    await pipe.execute()
                except WatchError:
                    continue
                return changed
        raise Aborted("too many changes at once", reason="PLAN_CHANGED")

    async def plans_of(self, guild_id: int, *, limit: int, before: float | None = None) -> list[PlanRecord]:
        """A guild's plans, the newest first."""
        top = "+inf" if before is None else f"({before}"
        ids = await self._redis.zrevrangebyscore(_plans(guild_id), top, "-inf", start=0, num=limit)
        found = [await self.find(one.decode()) for one in ids]
        return [plan for plan in found if plan is not None]

    async def save_snapshot(self, guild_id: int, snapshot_id: str, content: Mapping[str, Any]) -> None:
        """Keeps a snapshot of a guild."""
        name = _snapshots(guild_id)
        await self._redis.hset(name, snapshot_id, zlib.compress(json.dumps(content).encode()))
        await self._redis.expire(name, self._ttl)

    async def load_snapshot(self, guild_id: int, snapshot_id: str) -> dict[str, Any]:
        """A snapshot that was kept. Raises `NotFound`."""
        raw = await self._redis.hget(_snapshots(guild_id), snapshot_id)
        if raw is None:
            raise NotFound("there is no such snapshot, or it is too old", reason="SNAPSHOT_UNKNOWN")
        content: dict[str, Any] = json.loads(zlib.decompress(raw))
        return content

    async def list_snapshots(self, guild_id: int) -> list[str]:
        """The ids of a guild's snapshots, the newest first."""
        return sorted((one.decode() for one in await self._redis.hkeys(_snapshots(guild_id))), reverse=True)

    async def audit(self, guild_id: int, entries: list[AuditEntry]) -> None:
        """Appends to a guild's audit trail."""
        if not entries:
            return
        async with self._redis.pipeline(transaction=False) as pipe:
            for entry in entries:
                fields = {name: str(value) for name, value in vars(entry).items()}
                pipe.xadd(_audit(guild_id), fields, maxlen=self._settings.audit_entries, approximate=True)
            await pipe.execute()

    async def audit_trail(self, guild_id: int) -> list[AuditEntry]:
        """A guild's audit trail, oldest first."""
        rows = await self._redis.xrange(_audit(guild_id))
        found = []
        for _, fields in rows:
            row = {name.decode(): value.decode() for name, value in fields.items()}
            found.append(
                AuditEntry(
                    time=float(row["time"]),
                    plan_id=row["plan_id"],
                    actor=int(row["actor"]),
                    action=row["action"],
                    target=row["target"],
                    outcome=row["outcome"],
                )
            )
        return found

    @property
    def _ttl(self) -> int:
        return self._settings.keep_days * _DAY


def _plan(plan_id: str) -> str:
    return f"{PREFIX}plan:{{{plan_id}}}"


def _wish(plan_id: str) -> str:
    return f"{PREFIX}plan:{{{plan_id}}}:wish"


def _plans(guild_id: int) -> str:
    return f"{PREFIX}guild:{guild_id}:plans"


def _snapshots(guild_id: int) -> str:
    return f"{PREFIX}guild:{guild_id}:snapshots"


def _audit(guild_id: int) -> str:
    return f"{PREFIX}guild:{guild_id}:audit"


def _packed(plan: PlanRecord) -> bytes:
    return zlib.compress(plan.model_dump_json().encode(), 1)


def _unpacked(raw: bytes) -> PlanRecord:
    return PlanRecord.model_validate_json(zlib.decompress(raw))
