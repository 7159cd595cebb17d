"""REST permits while the store is away: a share of the global limit, and one call at a time for each bucket.

As buckets can't be shared between replicas then, each takes it that a bucket holds one call per second for every
replica, which is less than any bucket of Discord's is known to hold.
"""

from collections import OrderedDict

from chassis.clock import Clock
from services.ratelimit.discord.settings import DiscordLimits
from services.ratelimit.discord.store import Taker
from services.ratelimit.shares import Shares

_MOST_BUCKETS = 10_000


class RestShares:
    """The part of one replica."""

    def __init__(self, shares: Shares, clock: Clock) -> None:
        self._shares, self._clock = shares, clock
        self._next = 0.0
        self._buckets: OrderedDict[tuple[str, str, str], float] = OrderedDict()

    @property
    def replicas(self) -> int:
        """Replicas that share; 0 where no lease was ever held."""
        return self._shares.replicas

    def take(self, settings: DiscordLimits, taker: Taker) -> float:
        """Takes one call, or gives the seconds to wait."""
        now = self._clock.monotonic()
        rate = settings.global_limit / settings.global_window * settings.outage_share / max(1, self.replicas)
        key = (taker.credential, taker.route.name, taker.route.major)
        free = max(self._buckets.get(key, 0.0), self._next)
        if rate <= 0:
            return 1.0
        if free > now:
            return free - now
        self._next = max(now, self._next) + 1 / rate
        self._buckets[key] = now + max(1, self.replicas)
        self._buckets.move_to_end(key)
        while len(self._buckets) > _MOST_BUCKETS:
            self._buckets.popitem(last=False)
        return 0.0
