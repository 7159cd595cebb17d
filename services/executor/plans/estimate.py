"""How long a plan will take: it is played through with the scheduler's own rules; pure.

Time goes by the slowest of three: the critical path, the latency divided by the concurrency (which begins low and grows
with each success), and the buckets' windows. Quotas of hours are reported, not waited for.
"""

from __future__ import annotations

import heapq
import statistics
from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass

from services.executor.plans.operation import Operation
from services.executor.plans.settings import PlanSettings
from services.executor.plans.table import Rate, kind_of


@dataclass(frozen=True)
class Quota:
    """A long limit that a plan runs into."""

    title: str
    fits: int
    """How many of its operations fit before it is used up."""
    wanted: int
    seconds: float
    """How long its window is."""


@dataclass(frozen=True)
class Estimate:
    """Seconds that a plan takes."""

    p50: float
    p90: float
    quotas: tuple[Quota, ...] = ()


class Latencies:
    """What calls took lately, for estimates."""

    def __init__(self, default: float, *, keep: int = 200) -> None:
        self._default = default
        self._recent: deque[float] = deque(maxlen=keep)

    def add(self, seconds: float) -> None:
        """Notes one call."""
        self._recent.append(seconds)

    def quantiles(self) -> tuple[float, float]:
        """The median and the ninth decile."""
        if len(self._recent) < 3:
            return self._default, self._default * 1.5
        ordered = sorted(self._recent)
        return statistics.median(ordered), ordered[min(len(ordered) - 1, int(len(ordered) * 0.9))]


def estimate(
    operations: Sequence[Operation], settings: PlanSettings, latencies: Latencies, *, polite: bool = False
) -> Estimate:
    """How long the operations will take from now on."""
    p50, p90 = latencies.quantiles()
    overhead = settings.overhead_seconds
    return Estimate(
        p50=play(operations, settings, p50 + overhead, polite=polite),
        p90=play(operations, settings, p90 + overhead, polite=polite),
        quotas=_quotas(operations),
    )


def play(operations: Sequence[Operation], settings: PlanSettings, latency: float, *, polite: bool = False) -> float:
    """When the last operation is done, if every call takes `latency` seconds."""
    open_needs = {operation.id: set(operation.depends) for operation in operations}
    present = set(open_needs)
    waiting: dict[str, list[Operation]] = defaultdict(list)
    ready: list[tuple[int, int, Operation]] = []
    order = {operation.id: index for index, operation in enumerate(operations)}
    for operation in operations:
        open_needs[operation.id] &= present
        for need in open_needs[operation.id]:
            waiting[need].append(operation)
        if not open_needs[operation.id]:
            heapq.heappush(ready, (kind_of(operation).stage, order[operation.id], operation))
    slots: dict[tuple[Rate, str], deque[float]] = defaultdict(deque)
    running: list[tuple[float, int, Operation]] = []
    now, done, next_polite = 0.0, 0, 0.0
    while ready or running:
        limit = (
            settings.concurrency_polite if polite else min(settings.concurrency_max, settings.concurrency_start + done)
        )
        while ready and len(running) < limit:
            _, _, operation = heapq.heappop(ready)
            start = max(now, next_polite) if polite else now
            start = _start(operation, slots, start)
            next_polite = start + settings.polite_interval_seconds
            heapq.heappush(running, (start + latency, order[operation.id], operation))
        now, _, operation = heapq.heappop(running)
        done += 1
        for later in waiting[operation.id]:
            open_needs[later.id].discard(operation.id)
            if not open_needs[later.id]:
                heapq.heappush(ready, (kind_of(later).stage, order[later.id], later))
    return now


def _start(operation: Operation, slots: dict[tuple[Rate, str], deque[float]], earliest: float) -> float:
    """When the buckets let an operation go: sliding windows."""
    start = earliest
    rates = [(rate, subject(operation, rate)) for rate in kind_of(operation).rates if not rate.long]
    for key in rates:
        window = slots[key]
        if len(window) >= key[0].calls:
            start = max(start, window[-key[0].calls] + key[0].seconds)
    for key in rates:
        slots[key].append(start)
        if len(slots[key]) > key[0].calls:
            slots[key].popleft()
    return start


def subject(operation: Operation, rate: Rate) -> str:
    """What a rate counts an operation under."""
    if rate.per == "bot":
        return "bot"
    if rate.per == "guild":
        return operation.kind
    return f"{operation.kind}/{operation.path.get(rate.per, '')}"


def _quotas(operations: Sequence[Operation]) -> tuple[Quota, ...]:
    counts: dict[str, int] = defaultdict(int)
    for operation in operations:
        counts[operation.kind] += 1
    found = []
    for operation in {operation.kind: operation for operation in operations}.values():
        kind, wanted = kind_of(operation), counts[operation.kind]
        found += [
            Quota(kind.title, rate.calls, wanted, rate.seconds)
            for rate in kind.rates
            if rate.long and rate.per == "guild" and wanted > rate.calls
        ]
    return tuple(found)
