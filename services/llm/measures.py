"""How fast and how well models have answered lately: the median time until their first text, and the share that failed.

Times are counted in buckets whose bounds grow by a fifth, so that a median is right to a tenth at any scale and what is
kept does not grow with the number of calls. Counts are gathered in this process and handed to the shared store now and
then, by the hour; hours past the window are forgotten.
"""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from chassis.clock import Clock
from chassis.settings import Live
from services.llm.settings import LlmSettings

log = structlog.get_logger(__name__)
HOUR = 3_600
SHORTEST, GROWTH = 0.01, 1.2
"""The upper bound of the first bucket in seconds, and by how much each next one's is larger."""
LAST_BUCKET = 60
"""Everything above some nine minutes."""


@dataclass(slots=True)
class Counts:
    """What was counted of one model."""

    calls: int = 0
    failures: int = 0
    firsts: Counter[int] = field(default_factory=Counter)
    """Calls by the bucket of the time until their first text."""

    def add(self, other: Counts) -> None:
        """Adds other counts."""
        self.calls += other.calls
        self.failures += other.failures
        self.firsts.update(other.firsts)


@dataclass(frozen=True, slots=True)
class Measured:
    """How a model has done."""

    calls: int
    error_rate: float | None
    """0 to 1; None where there was no call."""
    median_first: float | None
    """Seconds; None where nothing was answered."""


class MeasureStore(Protocol):
    """Where counts are kept for all replicas."""

    async def add(self, hour: int, counts: Mapping[str, Counts], keep: float) -> None:
        """Adds counts of an hour by model, and keeps that hour for so many seconds more."""
        ...

    async def read(self, hours: Sequence[int]) -> dict[str, Counts]:
        """The counts of some hours together, by model."""
        ...


class Measures:
    """Counts calls, and says how models did."""

    def __init__(self, settings: Live[LlmSettings], clock: Clock, store: MeasureStore) -> None:
        self._settings = settings
        self._clock = clock
        self._store = store
        self._fresh: dict[tuple[int, str], Counts] = {}

    def note(self, model: str, first_text: float | None, *, failed: bool) -> None:
        """Counts one call.

        Args:
            model: Its configured name.
            first_text: Seconds until its first text; None where none came.
            failed: Whether it failed through the model's or its provider's fault.
        """
        counts = self._fresh.setdefault((self._hour(), model), Counts())
        counts.calls += 1
        counts.failures += failed
        if first_text is not None:
            counts.firsts[bucket(first_text)] += 1

    async def of_all(self) -> dict[str, Measured]:
        """How every model did that was asked within the window. A store that is away leaves what this process knows."""
        newest = self._hour()
        hours = range(newest - self._settings.current.measures.hours + 1, newest + 1)
        found = await self._store.read(hours)
        for (hour, model), counts in self._fresh.items():
            if hour in hours:
                found.setdefault(model, Counts()).add(counts)
        return {model: _measured(counts) for model, counts in found.items()}

    async def flush(self) -> None:
        """Hands over what was counted since the last time."""
        fresh, self._fresh = self._fresh, {}
        by_hour: dict[int, dict[str, Counts]] = {}
        for (hour, model), counts in fresh.items():
            by_hour.setdefault(hour, {})[model] = counts
        for hour, counts_of_hour in by_hour.items():
            await self._store.add(hour, counts_of_hour, HOUR * (self._settings.current.measures.hours + 1))

    async def flush_forever(self) -> None:
        """Hands over now and then."""
        while True:
            await asyncio.sleep(self._settings.current.measures.flush_interval)
            await self.flush()

    def _hour(self) -> int:
        return int(self._clock.now() // HOUR)


def bucket(seconds: float) -> int:
    """The bucket of a time."""
    if seconds <= SHORTEST:
        return 0
    return min(LAST_BUCKET, math.ceil(math.log(seconds / SHORTEST, GROWTH) - 1e-9))


def middle(number: int) -> float:
    """The time that stands for a bucket, in seconds: the geometric middle of its bounds."""
    return SHORTEST * math.pow(GROWTH, number - 0.5)


def _measured(counts: Counts) -> Measured:
    rate = counts.failures / counts.calls if counts.calls else None
    wanted, passed = (counts.firsts.total() + 1) // 2, 0
    for number in sorted(counts.firsts):
        passed += counts.firsts[number]
        if passed >= wanted:
            return Measured(counts.calls, rate, middle(number))
    return Measured(counts.calls, rate, None)
