"""What this replica may give out while the store is away.

While the store answers, each replica keeps a lease in it (`lua/lease.lua`); during an outage it gives out, from its own
memory, the policy's share divided by the number of leases that it saw last. So all replicas together never give out
more than the share: of a limit of 100 a minute with a share of 0.5, at most 50 a minute from the outage on, on top of
what was used before it. A replica that never held a lease gives nothing. What was given out is charged to the counters
when the store is back.
"""

import struct
from collections import OrderedDict
from dataclasses import dataclass
from fractions import Fraction

from chassis.clock import Clock
from services.ratelimit.demands import PREFIX, Demand
from services.ratelimit.scripts import Script, Scripts

LEASES_KEY = f"{PREFIX}:{{*}}:replicas"
_MOST_COUNTERS = 20_000


@dataclass(slots=True)
class _Local:
    """A token bucket in memory: the arrival time in microseconds of a monotonic clock."""

    arrival: Fraction
    demand: Demand
    given: int = 0


class Shares:
    """The shares of one replica."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.replicas = 0
        """Replicas that held a lease at the last renewal; 0 before the first."""
        self._counters: OrderedDict[str, _Local] = OrderedDict()

    async def renew(self, scripts: Scripts, script: Script, instance: str, ttl: float) -> None:
        """Renews the lease; with a time to live of 0 gives it up. StoreAway where the store is."""
        answer = await scripts.run(script, [LEASES_KEY], (instance, round(ttl * 1e6)))
        self.replicas = int(struct.unpack("<dd", answer)[1])

    def fraction(self, share: float) -> Fraction:
        """This replica's part of a limit, for a policy's share."""
        return Fraction(share).limit_denominator(10_000) / self.replicas if self.replicas else Fraction(0)

    def take(self, demands: list[Demand]) -> list[tuple[bool, int, int]]:
        """Takes all or none; for each demand whether it fits, the wait in microseconds and the units left."""
        now = Fraction(round(self._clock.monotonic() * 1e6))
        looked = [self._look(demand, now) for demand in demands]
        admitted = all(
            fits or demand.shadow or demand.bypassed for demand, (fits, *_) in zip(demands, looked, strict=True)
        )
        answers = []
        for demand, (fits, wait, arrival, interval, room) in zip(demands, looked, strict=True):
            left = room
            if admitted and fits:
                local = self._counters.get(demand.key) or _Local(arrival, demand)
                local.arrival, local.demand = arrival + demand.cost * interval, demand
                local.given += demand.cost
                self._counters[demand.key] = local
                self._counters.move_to_end(demand.key)
                left -= demand.cost
            answers.append((fits, wait, max(0, left)))
        while len(self._counters) > _MOST_COUNTERS:
            self._counters.popitem(last=False)
        return answers

    def given(self) -> list[tuple[Demand, int]]:
        """What was given out and is not `charged` yet."""
        return [(local.demand, local.given) for local in self._counters.values()]

    def charged(self, key: str) -> None:
        """Forgets what was given out of a counter, as the counter itself knows now."""
        self._counters.pop(key, None)

    def _look(self, demand: Demand, now: Fraction) -> tuple[bool, int, Fraction, Fraction, int]:
        capacity, rate = demand.variant.algorithm.scaled(self.fraction(demand.policy.share))
        if capacity < 1 or rate <= 0:
            return False, 1_000_000, now, Fraction(0), 0
        interval = 1 / rate
        local = self._counters.get(demand.key)
        arrival = max(local.arrival, now) if local else now
        excess = arrival + demand.cost * interval - now - capacity * interval
        room = int((capacity * interval - (arrival - now)) / interval)
        return excess <= 0, max(0, -int(-excess // 1)), arrival, interval, room
