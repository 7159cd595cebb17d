"""Drives the real scripts on a real Redis from a synchronous test, with a clock of its own."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import redis
from redis.asyncio import Redis

from chassis.clock import SystemClock
from services.ratelimit.algorithms import ENFORCED, AnyAlgorithm
from services.ratelimit.answers import Settlement
from services.ratelimit.decider import Decider, Mode, Outcome, Record
from services.ratelimit.demands import Demand, Variant
from services.ratelimit.holds import Holds, notes_of, record_key
from services.ratelimit.packing import Packer
from services.ratelimit.policies import SlidingWindowPolicy
from services.ratelimit.scripts import Scripts
from services.ratelimit.store_health import StoreHealth

T = TypeVar("T")
TAG = "g1"
_POLICY = SlidingWindowPolicy(algorithm="sliding_window", by=("guild",), limit=1, window=1.0)


class Harness:
    """Counters of one hash tag, under keys that begin with `prefix`."""

    def __init__(self, url: str, now: int) -> None:
        self.loop = asyncio.new_event_loop()
        self.plain = redis.Redis.from_url(url)
        self.plain.flushdb()
        self._redis = Redis.from_url(url)
        self.scripts = Scripts(self._redis, StoreHealth(SystemClock()), 5.0, now_us=now)
        self.decider = Decider(self.scripts, cluster=False, batch=64, in_flight=1, most_holds=64)
        self.holds = Holds(self.scripts)

    @property
    def now(self) -> int:
        """The scripts' time in microseconds."""
        assert self.scripts.now_us is not None
        return self.scripts.now_us

    @now.setter
    def now(self, value: int) -> None:
        self.scripts.now_us = value

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Runs a coroutine to its end."""
        return self.loop.run_until_complete(work)

    def demand(self, key: str, algorithm: AnyAlgorithm, cost: int, flags: int = ENFORCED) -> Demand:
        """What a request takes from one counter."""
        variant = Variant(algorithm, Packer(algorithm))
        return Demand(key, key, cost, f"ratelimit:{{{TAG}}}:{key}", TAG, flags, variant, _POLICY, "u1")

    def decide(
        self, mode: Mode, demands: list[Demand], identifier: str = "", ttl: int = 0, *, charged: bool = True
    ) -> Outcome:
        """One decision; with an id it is remembered, with `ttl` (microseconds) its holds last so long."""
        record = None
        if identifier:
            key = record_key("r", identifier, TAG)
            record = Record(key, identifier, b"12345678", notes_of(demands), 600_000, ttl, charged)
        return self.run(
            self.decider.decide(
                mode,
                TAG,
                [demand.key for demand in demands],
                [demand.variant.packer.pack(demand.flags, demand.cost, self.scripts.now_us or 0) for demand in demands],
                record,
            )
        )

    def settle(self, identifier: str, used: dict[str, int] | None) -> Settlement:
        """Settles a reservation."""
        return self.run(self.holds.settle("r", identifier, [TAG], used, now_us=self.now, retention=600.0))

    def keys_without_ttl(self) -> list[bytes]:
        """What would stay for ever."""
        keys = list(self.plain.scan_iter("*"))
        return [key for key in keys if self.plain.pttl(key) == -1]

    def close(self) -> None:
        """Ends it."""
        self.run(self.scripts.close())
        self.run(self._redis.aclose())
        self.plain.close()
        self.loop.close()
