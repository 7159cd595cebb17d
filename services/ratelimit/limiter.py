"""The decisions on people, guilds, models and money: policies applied to counters.

One request is one call of the decide script (shared with whatever else comes in the same turn); where its counters
stand in several slots of a cluster, `across_slots` decides. While the store is away each limit's own policy does.
"""

import asyncio
from collections.abc import Sequence

from chassis.clock import Clock
from chassis.errors import InvalidArgument
from services.ratelimit.across_slots import AcrossSlots
from services.ratelimit.algorithms import CONCURRENCY, FORCED, LARGEST
from services.ratelimit.answers import Answer, Settlement, denied_by
from services.ratelimit.asks import Ask, Asks
from services.ratelimit.decider import Decider, Mode, Outcome, Status
from services.ratelimit.demands import Demand
from services.ratelimit.holds import LOCAL_TAG, Holds, parse_handle
from services.ratelimit.meters import Decisions, Hottest
from services.ratelimit.outage import decide_without_store
from services.ratelimit.outcomes import conflict, granted, limits_of, refused
from services.ratelimit.settings import RatelimitSettings
from services.ratelimit.shares import Shares
from services.ratelimit.store_health import StoreAway


class Limiter:
    """Applies one catalogue of policies to one store."""

    def __init__(
        self,
        settings: RatelimitSettings,
        decider: Decider,
        holds: Holds,
        shares: Shares,
        clock: Clock,
        *,
        cluster: bool,
    ) -> None:
        self._decider, self._holds, self._shares, self._clock, self._cluster = decider, holds, shares, clock, cluster
        self._across = AcrossSlots(decider, holds, clock, settings.reservations)
        self._reservations = settings.reservations
        self.asks = Asks(settings, clock)
        self.decisions = Decisions()
        self.hottest = Hottest()

    def use(self, settings: RatelimitSettings) -> None:
        """Puts a configuration in force, whole."""
        self.asks.use(settings)
        self._reservations = self._across.reservations = settings.reservations

    async def decide(self, ask: Ask) -> Answer:
        """Decides at once. Unavailable where the store is away and a limit fails closed."""
        flight = self.start(ask)
        if flight is not None:
            return await self.finish(ask, flight)
        if not ask.demands:
            return Answer(True, [])
        impossible = next((demand for demand in ask.demands if demand.impossible), None)
        if impossible is not None:
            answer = await self.peek(ask.demands)
            return Answer(False, answer.limits, 0, impossible.limit)
        try:
            answer = await self._across.decide(ask)
        except StoreAway:
            answer = decide_without_store(ask, self._shares, self._clock.now())
        self._count(ask, answer)
        return answer

    def start(self, ask: Ask) -> "asyncio.Future[Outcome] | None":
        """Sends a request on its way, without a task of its own; None where one call can't decide it."""
        demands = ask.demands
        if not demands or (self._cluster and len(ask.tags) > 1):
            return None
        for demand in demands:
            if demand.impossible:
                return None
        return self._decider.demand(ask.mode, demands, self._now_us(), ask.record(demands))

    async def finish(self, ask: Ask, flight: "asyncio.Future[Outcome]") -> Answer:
        """The answer to a request that was started."""
        try:
            outcome = await flight
        except StoreAway:
            answer = decide_without_store(ask, self._shares, self._clock.now())
        else:
            if outcome.status is Status.CONFLICT:
                raise conflict()
            limits = limits_of(ask.demands, outcome)
            if outcome.status is Status.DENIED:
                answer = refused(limits, [demand.key for demand in ask.demands])
            else:
                answer = granted(ask, outcome, limits, [ask.demands[0].tag])
        self._count(ask, answer)
        return answer

    async def peek(self, demands: list[Demand]) -> Answer:
        """How things stand; takes nothing. Unavailable where the store is away."""
        if not demands:
            return Answer(True, [])
        groups: dict[str, list[Demand]] = {}
        for demand in demands:
            groups.setdefault(demand.tag if self._cluster else "", []).append(demand)
        now_us = self._now_us()
        outcomes = await asyncio.gather(*(self._decider.demand(Mode.PEEK, group, now_us) for group in groups.values()))
        limits = {}
        for group, outcome in zip(groups.values(), outcomes, strict=True):
            limits.update({answer.limit: answer for answer in limits_of(group, outcome)})
        ordered = [limits[demand.limit] for demand in demands]
        retry, blocking, key = denied_by(ordered, [demand.key for demand in demands])
        return Answer(not blocking, ordered, retry, blocking, blocking_key=key)

    async def release(self, handle: str) -> bool:
        """Gives concurrency slots back; whether they were still held."""
        identifier, tags = parse_handle(handle, "a", "hold_id")
        settlement = await self._settle("a", identifier, tags, None)
        return not settlement.already_settled and not settlement.late

    async def settle(self, handle: str, used: dict[str, int] | None) -> Settlement:
        """Charges what a reservation really used; `used` of None charges nothing."""
        identifier, tags = parse_handle(handle, "r", "reservation")
        if tags == [LOCAL_TAG]:
            return Settlement(limits=[])
        for name, amount in (used or {}).items():
            if amount > LARGEST:
                raise InvalidArgument(
                    "the amount is out of range", reason="COST_OUT_OF_RANGE", fields={"usages": f"{name}: too large"}
                )
        settlement = await self._settle("r", identifier, tags, used)
        outcome = "settled_before" if settlement.already_settled else "settled_late" if settlement.late else "settled"
        for limit in settlement.limits:
            self.decisions.counts[limit.limit, outcome] += 1
        return settlement

    async def extend(self, handle: str, ttl: float) -> int:
        """Lets a reservation last longer; gives its expiry in microseconds."""
        identifier, tags = parse_handle(handle, "r", "reservation")
        if tags == [LOCAL_TAG]:
            return round((self._clock.now() + ttl) * 1e6)
        return await self._holds.extend(
            "r", identifier, tags, ttl, now_us=self._now_us(), retention=self._reservations.retention
        )

    async def charge_given(self) -> None:
        """Charges what was given out while the store was away. StoreAway where it is again."""
        for demand, amount in self._shares.given():
            if demand.variant.algorithm.kind != CONCURRENCY:
                packed = demand.variant.packer.pack(FORCED, amount, self._now_us())
                await self._decider.decide(Mode.TAKE, demand.tag, [demand.key], [packed])
            self._shares.charged(demand.key)

    async def _settle(self, kind: str, identifier: str, tags: Sequence[str], used: dict[str, int] | None) -> Settlement:
        return await self._holds.settle(
            kind, identifier, tags, used, now_us=self._now_us(), retention=self._reservations.retention
        )

    def _count(self, ask: Ask, answer: Answer) -> None:
        counts = self.decisions.counts
        for limit in answer.limits:
            if limit.allowed:
                outcome = "allowed"
            elif limit.shadow:
                outcome = "shadow_denied"
            else:
                outcome = "bypassed" if limit.bypassed else "denied"
            counts[limit.limit, f"degraded_{outcome}" if limit.degraded else outcome] += 1
        self.hottest.saw(ask.demands[0].tag)

    def _now_us(self) -> int:
        return int(self._clock.now() * 1e6)
