"""Permits for Discord's REST routes: who waits, who goes first, what happens while the store is away.

A request that can't go now waits in a fair queue of what is short: the credential, a bucket, a limit inside it.
Important ones go first; among equals guilds take turns. Across replicas the reserves in the script keep bulk from
starving answers. A wait longer than `long_quota` is never slept through: the answer names the time.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

from chassis.clock import Clock
from chassis.errors import InvalidArgument, ResourceExhausted
from chassis.ids import is_id, new_id
from services.ratelimit.discord import store as outcomes
from services.ratelimit.discord.answers import read_answer
from services.ratelimit.discord.budget import InvalidRequests
from services.ratelimit.discord.outage import RestShares
from services.ratelimit.discord.routes import classify
from services.ratelimit.discord.settings import DiscordLimits, Reserves
from services.ratelimit.discord.store import Decision, DiscordStore, Taker
from services.ratelimit.fair_queue import FairQueue, Waiter
from services.ratelimit.meters import REST_ANSWERS, WAIT_SECONDS, Decisions
from services.ratelimit.queue_runner import run_queue
from services.ratelimit.store_health import StoreAway

_POLICY = "discord_rest"


class Priority(IntEnum):
    """How much a call matters; a smaller one goes first."""

    FINAL = 1
    FIRST = 2
    BULK = 3
    PREVIEW = 4


class Refusal(IntEnum):
    """Why there is no permit."""

    LIMITED = 1
    QUOTA = 2
    STALE_LEASE = 3
    INVALID_BUDGET = 4
    YIELDED = 5
    STOPPED = 6
    UNAVAILABLE = 7


@dataclass(frozen=True, slots=True)
class RestAsk:
    """A request for a permit. Times in seconds."""

    credential: str
    method: str
    route: str
    major: str
    guild_id: int
    priority: Priority
    lease_key: str = ""
    epoch: int = 0
    lease_remaining: float | None = None
    max_wait: float = 0.0
    message_id: int = 0
    aspect: str = ""
    egress: str = ""


@dataclass(slots=True)
class RestResult:
    """A permit with its time to live, or a refusal with the time to ask again. Seconds."""

    permit: str = ""
    ttl: float = 0.0
    refusal: Refusal | None = None
    retry_after: float = 0.0
    waited: float = 0.0


@dataclass(eq=False, slots=True)
class _Waiting:
    ask: RestAsk
    taker: Taker
    deadline: float
    answer: asyncio.Future[RestResult]
    last: RestResult
    attempt: asyncio.Task[None] | None = None


class RestPermits:
    """Gives permits and learns from their reports."""

    def __init__(
        self,
        settings: DiscordLimits,
        *,
        store: DiscordStore,
        invalid: InvalidRequests,
        shares: RestShares,
        clock: Clock,
        decisions: Decisions,
        most_waiting: int = 10_000,
    ) -> None:
        self.settings = settings
        self._store, self._invalid, self._shares, self._clock = store, invalid, shares, clock
        self._decisions, self._most = decisions, most_waiting
        self._queue: FairQueue[_Waiting] = FairQueue()
        self._changed = asyncio.Event()
        self._tries: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._queue)

    async def acquire(self, ask: RestAsk) -> RestResult:
        """A permit, or why there is none; waits for up to `max_wait`. InvalidArgument for what is no route."""
        start = self._clock.monotonic()
        taker = self._taker(ask)
        result, resource = await self._first_try(ask, taker)
        wait = min(ask.max_wait, self.settings.longest_wait)
        if result.refusal is Refusal.LIMITED and resource and result.retry_after <= wait:
            if len(self._queue) >= self._most:
                raise ResourceExhausted("too many calls wait", reason="TOO_MANY_WAITING", retry_after=1.0)
            waiting = _Waiting(ask, taker, start + wait, asyncio.get_running_loop().create_future(), result)
            result = await self._wait(waiting, resource, start, wait)
        result.waited = self._clock.monotonic() - start
        outcome = "allowed" if result.refusal is None else f"refused_{result.refusal.name.lower()}"
        self._decisions.counts[_POLICY, outcome] += 1
        return result

    async def report(
        self,
        permit: str,
        status: int,
        headers: Mapping[str, str],
        retry_after_us: int,
        is_global: bool,
        *,
        error_code: int = 0,
        travel_us: int = 0,
    ) -> None:
        """Says how a permitted call went. Idempotent; a permit that is not known changes nothing."""
        credential, major, identifier = _parse_permit(permit)
        answer = read_answer(status, headers, retry_after_us, is_global, travel_us, error_code=error_code)
        REST_ANSWERS.add(1, {"status": f"{status // 100}xx" if status != 429 else "429"})
        if identifier.startswith("local"):
            return
        notes = await self._store.notes(credential, identifier)
        if notes is None:
            return
        opened, freed = await self._store.report(self.settings, identifier, notes, major, answer)
        if opened and answer.invalid:
            await self._invalid.count(notes.egress)
        for key in freed:
            self._queue.poke(key)
        self._changed.set()

    async def run(self) -> None:
        """Tries whoever is next; for ever."""
        await run_queue(self._queue, self._clock, self._changed, self._try, self._tries)

    def _taker(self, ask: RestAsk) -> Taker:
        settings = self.settings
        if not ask.credential.isalnum() or len(ask.credential) > 64:
            raise InvalidArgument(
                "whose call is it", reason="NO_CREDENTIAL", fields={"credential": "letters and digits"}
            )
        route = classify(
            settings,
            method=ask.method,
            template=ask.route,
            major=ask.major,
            aspect=ask.aspect,
            message_id=ask.message_id,
            now=self._clock.now(),
        )
        ttl = settings.permit_ttl if ask.lease_remaining is None else min(settings.permit_ttl, ask.lease_remaining)
        kept = _reserve(settings.global_reserve, ask.priority)
        return Taker(
            ask.credential,
            route,
            int(settings.global_limit * kept),
            _reserve(settings.bucket_reserve, ask.priority),
            max(1, round(ttl * 1e6)),
            ask.lease_key,
            ask.epoch,
            ask.egress,
        )

    async def _first_try(self, ask: RestAsk, taker: Taker) -> tuple[RestResult, str]:
        keys = [self._store.bucket_key(ask.credential, taker.route)]
        if not taker.route.exempt:
            keys.append(self._store.global_key(ask.credential))
        for key in keys:
            if self._queue.waits(key, ask.priority):
                # Others at least as important wait for the same: whoever comes later goes behind them.
                refusal = Refusal.YIELDED if ask.priority is Priority.PREVIEW else Refusal.LIMITED
                return RestResult(refusal=refusal, retry_after=0.0 if ask.max_wait > 0 else 0.05), key
        return await self._decide(ask, taker)

    async def _decide(self, ask: RestAsk, taker: Taker) -> tuple[RestResult, str]:
        if ask.lease_remaining is not None and ask.lease_remaining <= 0:
            return RestResult(refusal=Refusal.STALE_LEASE), ""
        try:
            stop = await self._invalid.stop(ask.egress, final=ask.priority is Priority.FINAL)
            if stop is not None:
                return RestResult(refusal=Refusal.INVALID_BUDGET, retry_after=stop), ""
            identifier = new_id(self._clock.now())
            decision = await self._store.acquire(self.settings, identifier, taker)
        except StoreAway:
            return self._without_store(ask, taker), ""
        return self._result(ask, taker, identifier, decision), decision.resource

    def _result(self, ask: RestAsk, taker: Taker, identifier: str, decision: Decision) -> RestResult:
        wait = decision.wait_us / 1e6
        if decision.status == outcomes.PERMIT:
            permit = _permit(ask.credential, taker.route.major, identifier)
            return RestResult(permit, taker.ttl_us / 1e6)
        if decision.status == outcomes.STALE:
            return RestResult(refusal=Refusal.STALE_LEASE)
        if decision.status == outcomes.STOPPED:
            return RestResult(refusal=Refusal.STOPPED, retry_after=wait)
        if wait > self.settings.long_quota:
            return RestResult(refusal=Refusal.QUOTA, retry_after=wait)
        refusal = Refusal.YIELDED if ask.priority is Priority.PREVIEW else Refusal.LIMITED
        return RestResult(refusal=refusal, retry_after=wait)

    def _without_store(self, ask: RestAsk, taker: Taker) -> RestResult:
        if not self._shares.replicas:
            return RestResult(refusal=Refusal.UNAVAILABLE, retry_after=1.0)
        if ask.priority is Priority.PREVIEW:
            return RestResult(refusal=Refusal.YIELDED, retry_after=1.0)
        wait = self._shares.take(self.settings, taker)
        if wait > 0:
            return RestResult(refusal=Refusal.LIMITED, retry_after=wait)
        permit = _permit(ask.credential, taker.route.major, f"local{new_id(self._clock.now())}")
        return RestResult(permit, taker.ttl_us / 1e6)

    async def _wait(self, waiting: _Waiting, resource: str, start: float, wait: float) -> RestResult:
        ask, last = waiting.ask, waiting.last
        flow = f"g{ask.guild_id}" if ask.guild_id else waiting.taker.route.major
        waiter = self._queue.add(waiting, resource, flow=flow, until=start + last.retry_after, priority=ask.priority)
        self._changed.set()
        try:
            await asyncio.wait((waiting.answer,), timeout=wait)
            if not waiting.answer.done() and waiting.attempt is not None:
                # A permit that is being taken right now is its own, however late.
                await asyncio.wait((waiting.attempt,))
            result = waiting.answer.result() if waiting.answer.done() else waiting.last
        finally:
            self._queue.left(waiter)
            self._changed.set()
        WAIT_SECONDS.record(self._clock.monotonic() - start, {"outcome": "allowed" if result.permit else "denied"})
        return result

    async def _try(self, waiter: Waiter[_Waiting]) -> None:
        waiting = waiter.item
        waiting.attempt = asyncio.current_task()
        try:
            result, resource = await self._decide(waiting.ask, waiting.taker)
        except Exception as error:  # noqa: BLE001  (handed to whoever waits)
            if not waiter.gone:
                self._queue.served(waiter)
            if not waiting.answer.done():
                waiting.answer.set_exception(error)
            return
        finally:
            waiting.attempt = None
        now = self._clock.monotonic()
        again = result.refusal is Refusal.LIMITED and now + result.retry_after <= waiting.deadline
        if waiter.gone:
            return
        if again:
            waiting.last = result
            self._queue.blocked(waiter, resource or waiter.resource, now + result.retry_after)
            return
        self._queue.served(waiter)
        if not waiting.answer.done():
            waiting.answer.set_result(result)


def _reserve(reserves: Reserves, priority: Priority) -> float:
    return {
        Priority.FINAL: 0.0,
        Priority.FIRST: reserves.first,
        Priority.BULK: reserves.bulk,
        Priority.PREVIEW: reserves.preview,
    }[priority]


def _permit(credential: str, major: str, identifier: str) -> str:
    return f"{credential}!{major}!{identifier}"


def _parse_permit(permit: str) -> tuple[str, str, str]:
    credential, _, rest = permit.partition("!")
    major, _, identifier = rest.rpartition("!")
    if not credential.isalnum() or not is_id(identifier.removeprefix("local")) or len(permit) > 512:
        raise InvalidArgument("not a permit", reason="INVALID_PERMIT", fields={"permit_id": "unknown form"})
    return credential, major, identifier
