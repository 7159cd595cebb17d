"""The right to IDENTIFY: held per concurrency key until the outcome is known; fails closed."""

import asyncio
from dataclasses import dataclass

from chassis.clock import Clock
from chassis.errors import InvalidArgument
from chassis.ids import is_id, new_id
from services.ratelimit.discord.settings import DiscordLimits
from services.ratelimit.discord.store import DiscordStore, identify_key
from services.ratelimit.fair_queue import FairQueue, Waiter
from services.ratelimit.meters import Decisions
from services.ratelimit.queue_runner import run_queue
from services.ratelimit.store_health import StoreAway

_POLICY = "discord_identify"
_MOST_KEYS = 1_000
_CLOSED_RETRY = 1.0


@dataclass(frozen=True, slots=True)
class IdentifyAsk:
    """One shard that wants to identify. Times in seconds."""

    credential: str
    shard_id: int
    max_concurrency: int
    remaining: int
    reset_after: float
    max_wait: float
    use_reserve: bool

    @property
    def slot(self) -> int:
        """Its concurrency key."""
        return self.shard_id % self.max_concurrency


@dataclass(slots=True)
class IdentifyResult:
    """A permit, or the seconds to wait."""

    permit: str = ""
    retry_after: float = 0.0
    ttl: float = 0.0


@dataclass(eq=False, slots=True)
class _Waiting:
    ask: IdentifyAsk
    deadline: float
    answer: asyncio.Future[IdentifyResult]
    last: IdentifyResult
    attempt: asyncio.Task[None] | None = None


class IdentifyPermits:
    """Gives and takes back the concurrency keys."""

    def __init__(self, settings: DiscordLimits, store: DiscordStore, clock: Clock, decisions: Decisions) -> None:
        self.settings = settings
        self._store, self._clock, self._decisions = store, clock, decisions
        self._queue: FairQueue[_Waiting] = FairQueue()
        self._changed = asyncio.Event()
        self._tries: set[asyncio.Task[None]] = set()

    async def acquire(self, ask: IdentifyAsk) -> IdentifyResult:
        """A permit, or when to ask again; waits for up to `max_wait`, in the order of shards."""
        if not ask.credential.isalnum() or len(ask.credential) > 64:
            raise InvalidArgument(
                "whose shard is it", reason="NO_CREDENTIAL", fields={"credential": "letters and digits"}
            )
        if not 1 <= ask.max_concurrency <= _MOST_KEYS:
            raise InvalidArgument(
                "not a concurrency", reason="INVALID_CONCURRENCY", fields={"max_concurrency": f"1 to {_MOST_KEYS}"}
            )
        start = self._clock.monotonic()
        key = identify_key(ask.credential, ask.slot)
        if self._queue.waits(key, ask.shard_id):
            result = IdentifyResult(retry_after=0.0)
        else:
            result = await self._decide(ask)
        if not result.permit and ask.max_wait > 0 and result.retry_after <= ask.max_wait:
            result = await self._wait(ask, key, result, start)
        self._decisions.counts[_POLICY, "allowed" if result.permit else "denied"] += 1
        return result

    async def report(self, permit: str) -> None:
        """Says that the outcome of an IDENTIFY is known. Idempotent."""
        credential, slot, identifier = _parse(permit)
        if await self._store.report_identify(self.settings, credential, slot, identifier):
            self._changed.set()

    async def run(self) -> None:
        """Tries whoever is next; for ever."""
        await run_queue(self._queue, self._clock, self._changed, self._try, self._tries)

    async def _decide(self, ask: IdentifyAsk) -> IdentifyResult:
        identifier = new_id(self._clock.now())
        kept = 0 if ask.use_reserve else self.settings.identify.daily_reserve
        try:
            allowed, wait_us = await self._store.acquire_identify(
                self.settings,
                credential=ask.credential,
                slot=ask.slot,
                permit=identifier,
                remaining=ask.remaining,
                reset_us=round(ask.reset_after * 1e6),
                kept=kept,
            )
        except StoreAway:
            # An IDENTIFY too many may cost the token: without the store nobody starts.
            return IdentifyResult(retry_after=_CLOSED_RETRY)
        if allowed:
            return IdentifyResult(f"{ask.credential}!{ask.slot}!{identifier}", ttl=self.settings.identify.permit_ttl)
        return IdentifyResult(retry_after=wait_us / 1e6)

    async def _wait(self, ask: IdentifyAsk, key: str, last: IdentifyResult, start: float) -> IdentifyResult:
        waiting = _Waiting(ask, start + ask.max_wait, asyncio.get_running_loop().create_future(), last)
        waiter = self._queue.add(
            waiting, key, flow=str(ask.shard_id), until=start + last.retry_after, priority=ask.shard_id
        )
        self._changed.set()
        try:
            await asyncio.wait((waiting.answer,), timeout=ask.max_wait)
            if not waiting.answer.done() and waiting.attempt is not None:
                await asyncio.wait((waiting.attempt,))
            return waiting.answer.result() if waiting.answer.done() else waiting.last
        finally:
            self._queue.left(waiter)
            self._changed.set()

    async def _try(self, waiter: Waiter[_Waiting]) -> None:
        waiting = waiter.item
        waiting.attempt = asyncio.current_task()
        try:
            result = await self._decide(waiting.ask)
        finally:
            waiting.attempt = None
        if waiter.gone:
            return
        now = self._clock.monotonic()
        if not result.permit and now + result.retry_after <= waiting.deadline:
            waiting.last = result
            self._queue.blocked(waiter, waiter.resource, now + result.retry_after)
            return
        self._queue.served(waiter)
        if not waiting.answer.done():
            waiting.answer.set_result(result)


def _parse(permit: str) -> tuple[str, int, str]:
    parts = permit.split("!")
    if len(parts) != 3 or not parts[0].isalnum() or not parts[1].isdecimal() or not is_id(parts[2]):
        raise InvalidArgument("not a permit", reason="INVALID_PERMIT", fields={"permit_id": "unknown form"})
    return parts[0], int(parts[1]), parts[2]
