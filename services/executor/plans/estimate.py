"""How long a plan will take: it is played through with the rules by which it will run; pure.

The model is the run's own: operations become ready by their graph and go in the order of their ranks; so many wait or
travel at once, and so many of one bucket; concurrency begins low and grows with each success; a route that was not
called lately has an unknown bucket, which lets one call through until it has answered; slots of a window come back.
What calls take is learned route by route. Quotas of hours are reported, not waited for.

An estimate is of the whole run: it is played through again and again, each time with what calls took at another moment.
That not all of a run's calls are slow ones is why the run's P90 is less than a run of P90s.

The same play with no overhead, full concurrency and slots that come back a window after they were taken is the least
that Discord's limits allow: the benchmark's lower bound.
"""

from __future__ import annotations

import heapq
import random
from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

from services.executor.plans.kinds import Rate
from services.executor.plans.latencies import Latencies, quantile
from services.executor.plans.operation import Operation
from services.executor.plans.order import Rank, ranks
from services.executor.plans.settings import PlanSettings
from services.executor.plans.table import kind_of

_SEED = 1992
"""The same facts give the same estimate."""
_ROUNDS, _ROUNDS_AT_LEAST, _OPERATIONS_PLAYED = 50, 5, 2_000
"""How often a plan is played through: of a long one few rounds tell as much, as its calls make up for one another."""


@dataclass(frozen=True)
class Quota:
    """A long limit that a plan runs into."""

    kind: str
    """The row of the operation table."""
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


@dataclass(frozen=True)
class Model:
    """What a play goes by."""

    latency: Callable[[str], float]
    """Seconds from a call's start to its answer, by the row of the table."""
    concurrency_start: int
    concurrency_max: int
    overhead: float = 0.0
    """Seconds before each call: permit and journal."""
    look: float = 0.0
    """Seconds before the first call: the look at the guild."""
    calls_per_second: int = 0
    """What is left of the bot's global limit; 0 for all of it."""
    slot_lag: Callable[[str], float] = lambda route: 0.0
    """Seconds beyond its window for which a slot stays used: what lies between permit and call, and what the answer
    took longer than the fastest, as ratelimit must take it to be safe."""
    known: Callable[[str], bool] = lambda route: True
    """Whether a route's bucket is known."""
    ahead: int = 0
    """Operations beyond those that travel whose permit and journal entry are got ready meanwhile."""
    interval: float = 0.0
    """The pause between two calls at the polite pace."""


def bare(settings: PlanSettings, latency: float) -> Model:
    """Latency, concurrency and the buckets alone."""
    return Model(lambda route: latency, settings.concurrency_start, settings.concurrency_max)


def learned(
    settings: PlanSettings,
    latencies: Latencies,
    share: float,
    *,
    polite: bool = False,
    begun: bool = False,
    targets: bool = True,
) -> Model:
    """The run as it goes here by what is known now, at a share of its calls' times. `begun` leaves out what comes
    before the first call; `targets` says whether something that exists is touched, which is looked at first."""
    start = settings.concurrency_max if begun else settings.concurrency_start
    overhead = latencies.overhead
    # A play asks for these at each operation, and what was measured is sorted for each answer.
    usual = cache(lambda route: latencies.of(route, share))
    fastest = cache(lambda route: latencies.of(route, 0.0))
    return Model(
        usual,
        settings.concurrency_polite if polite else start,
        settings.concurrency_polite if polite else settings.concurrency_max,
        overhead=overhead,
        look=0.0 if begun else latencies.look(share, targets=targets),
        calls_per_second=settings.bulk_calls_per_second,
        slot_lag=lambda route: overhead + usual(route) - fastest(route),
        known=latencies.knows,
        ahead=0 if polite else settings.concurrency_ahead,
        interval=settings.polite_interval_seconds if polite else 0.0,
    )


def estimate(
    operations: Sequence[Operation], settings: PlanSettings, latencies: Latencies, *, polite: bool = False
) -> Estimate:
    """How long the operations will take from a confirmation on."""
    targets = any(operation.watches for operation in operations)
    model = learned(settings, latencies, 0.5, polite=polite, targets=targets)
    dice = random.Random(_SEED)  # noqa: S311 - it draws what calls may take, no secret
    times = []
    for _ in range(min(_ROUNDS, max(_ROUNDS_AT_LEAST, _OPERATIONS_PLAYED // max(1, len(operations))))):
        course = latencies.course(dice)
        times.append(play(operations, replace(model, latency=course.call, look=course.look(targets=targets))))
    return Estimate(p50=quantile(times, 0.5), p90=quantile(times, 0.9), quotas=_quotas(operations))


def play(operations: Sequence[Operation], model: Model) -> float:
    """When the last operation is done."""
    return _Play(operations, model).run() if operations else 0.0


class _Play:
    """One plan, played through."""

    def __init__(self, operations: Sequence[Operation], model: Model) -> None:
        self._model = model
        self._ranks = ranks(operations)
        self._open = {operation.id: set(operation.depends) & self._ranks.keys() for operation in operations}
        self._waiting: dict[str, list[Operation]] = defaultdict(list)
        self._ready: list[tuple[Rank, Operation]] = []
        self._slots: dict[tuple[Rate, str], deque[float]] = defaultdict(deque)
        self._unknown = {operation.kind for operation in operations if not model.known(operation.kind)}
        for operation in operations:
            for need in self._open[operation.id]:
                self._waiting[need].append(operation)
            if not self._open[operation.id]:
                self._is_ready(operation)

    def run(self) -> float:
        model = self._model
        now, next_polite, done = model.look, 0.0, 0
        running: list[tuple[float, Rank, Operation]] = []
        first_of: dict[str, float] = {}
        asked: dict[str, float] = {}
        while self._ready or running:
            limit = min(model.concurrency_max, model.concurrency_start + done)
            held: list[tuple[Rank, Operation]] = []
            while self._ready and len(running) < limit:
                entry = heapq.heappop(self._ready)
                operation = entry[1]
                if self._is_held(operation, first_of, now):
                    # Its bucket's first call is under way: others wait in ratelimit, and take nobody's place.
                    held.append(entry)
                    continue
                travel = model.latency(operation.kind)
                permitted = asked.pop(operation.id, max(now, next_polite)) + model.overhead
                start = self._start(operation, max(now, permitted))
                next_polite = start + model.interval if model.interval else 0.0
                first_of.setdefault(operation.kind, start + travel)
                heapq.heappush(running, (start + travel, self._ranks[operation.id], operation))
            for entry in held:
                heapq.heappush(self._ready, entry)
            self._ask_ahead(asked, first_of, now)
            now, _, operation = heapq.heappop(running)
            done += 1
            for later in self._waiting[operation.id]:
                self._open[later.id].discard(operation.id)
                if not self._open[later.id]:
                    self._is_ready(later)
        return now

    def _ask_ahead(self, asked: dict[str, float], first_of: Mapping[str, float], now: float) -> None:
        """The next ones get their permits and journal entries while others travel."""
        entries = [heapq.heappop(self._ready) for _ in range(min(self._model.ahead, len(self._ready)))]
        for entry in entries:
            if not self._is_held(entry[1], first_of, now):
                asked.setdefault(entry[1].id, now)
            heapq.heappush(self._ready, entry)

    def _is_held(self, operation: Operation, first_of: Mapping[str, float], now: float) -> bool:
        """Whether its bucket is unknown and the first call there is under way."""
        return operation.kind in self._unknown and first_of.get(operation.kind, 0.0) > now

    def _is_ready(self, operation: Operation) -> None:
        heapq.heappush(self._ready, (self._ranks[operation.id], operation))

    def _start(self, operation: Operation, earliest: float) -> float:
        """When the buckets let an operation go."""
        held = self._model.slot_lag(operation.kind)
        start = earliest
        rates = []
        for rate in kind_of(operation).rates:
            if rate.long:
                continue
            most = rate.calls
            if rate.per == "bot":
                most = self._model.calls_per_second or most
            rates.append((self._slots[rate, subject(operation, rate)], most, rate.seconds))
        for window, most, seconds in rates:
            if len(window) >= most:
                start = max(start, window[-most] + seconds)
        for window, most, _ in rates:
            window.append(start + held)
            if len(window) > most:
                window.popleft()
        return start


def subject(operation: Operation, rate: Rate) -> str:
    """What a rate counts an operation under."""
    if rate.per == "bot":
        return "bot"
    if rate.per == "guild":
        return operation.kind
    return f"{operation.kind}/{operation.path.get(rate.per, '')}"


def beyond_quotas(operations: Sequence[Operation]) -> list[str]:
    """The operations for which their long limits, if nothing of them is used, leave no room."""
    counts: dict[tuple[Rate, str], int] = defaultdict(int)
    beyond = []
    for operation in operations:
        rates = [(rate, subject(operation, rate)) for rate in kind_of(operation).rates if rate.long]
        if any(counts[key] >= key[0].calls for key in rates):
            beyond.append(operation.id)
            continue
        for key in rates:
            counts[key] += 1
    return beyond


def _quotas(operations: Sequence[Operation]) -> tuple[Quota, ...]:
    """Long limits that do not take all of a plan, those of single channels counted for each."""
    counts: dict[tuple[str, Rate, str], int] = defaultdict(int)
    for operation in operations:
        for rate in kind_of(operation).rates:
            if rate.long:
                counts[operation.kind, rate, subject(operation, rate)] += 1
    found: dict[tuple[str, Rate], Quota] = {}
    for (kind, rate, _), wanted in counts.items():
        known = found.get((kind, rate))
        if wanted > rate.calls and (known is None or wanted > known.wanted):
            found[kind, rate] = Quota(kind, rate.calls, wanted, rate.seconds)
    return tuple(found.values())
