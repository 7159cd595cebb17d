"""How long a process's calls take and how many fail, over the last minutes: what operators are shown in Discord.

Exporters have the same in more detail; this is what one process can say of itself without them. Times are counted in
buckets that grow by 5 % (as HdrHistogram and DDSketch do), so a percentile is right to 5 %, and the counts of several
processes can be added up. Memory is bounded: one small table for each of sixty minutes.
"""

import math
from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from chassis.clock import Clock

LONGEST_WINDOW = 3600.0
_SLOT = 60.0
_SMALLEST = 0.0001
_GROWTH = 1.05
_LOG_GROWTH = math.log(_GROWTH)
_LARGEST_BUCKET = 400


@dataclass
class Summary:
    """Calls of some time. Seconds; `buckets` holds how many took how long, see `bucket_of`."""

    count: int = 0
    errors: int = 0
    timed: int = 0
    """Calls whose time counts; streams are counted, but theirs says nothing."""
    total: float = 0.0
    shortest: float = math.inf
    longest: float = 0.0
    buckets: Counter[int] = field(default_factory=Counter)

    def add(self, other: "Summary") -> None:
        """Takes in those of another minute or process."""
        self.count += other.count
        self.errors += other.errors
        self.timed += other.timed
        self.total += other.total
        self.shortest = min(self.shortest, other.shortest)
        self.longest = max(self.longest, other.longest)
        self.buckets.update(other.buckets)

    @property
    def average(self) -> float:
        """The mean time; 0 where there was none."""
        return self.total / self.timed if self.timed else 0.0

    def percentile(self, share: float) -> float:
        """The time that so many of the calls stayed within, for example 0.95; never more than the longest."""
        return min(percentile(self.buckets, share), self.longest)


def bucket_of(seconds: float) -> int:
    """The number of the bucket that a time falls into."""
    if seconds <= _SMALLEST:
        return 0
    return min(_LARGEST_BUCKET, math.ceil(math.log(seconds / _SMALLEST) / _LOG_GROWTH))


def upper_bound(bucket: int) -> float:
    """The longest time of a bucket, in seconds."""
    return _SMALLEST * _GROWTH**bucket


def percentile(buckets: Mapping[int, int], share: float) -> float:
    """The upper bound of the bucket in which a percentile lies; 0 for no calls."""
    wanted = share * sum(buckets.values())
    reached = 0
    for bucket in sorted(buckets):
        reached += buckets[bucket]
        if reached >= wanted:
            return upper_bound(bucket)
    return 0.0


def added(summaries: Iterable[Summary]) -> Summary:
    """Several together."""
    whole = Summary()
    for one in summaries:
        whole.add(one)
    return whole


class CallStatistics:
    """The calls of one process, by minute."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._slots: deque[tuple[int, Summary]] = deque(maxlen=int(LONGEST_WINDOW / _SLOT) + 1)

    def note(self, seconds: float | None, *, failed: bool) -> None:
        """Counts one call; without a time where that says nothing, as with streams."""
        slot = self._slot()
        slot.count += 1
        slot.errors += failed
        if seconds is None:
            return
        slot.timed += 1
        slot.total += seconds
        slot.shortest = min(slot.shortest, seconds)
        slot.longest = max(slot.longest, seconds)
        slot.buckets[bucket_of(seconds)] += 1

    def over(self, window: float) -> Summary:
        """Those of the last seconds, by whole minutes: the one under way and as many before as the window touches."""
        oldest = int((self._clock.monotonic() - min(window, LONGEST_WINDOW)) // _SLOT)
        return added(summary for minute, summary in self._slots if minute >= oldest)

    def _slot(self) -> Summary:
        minute = int(self._clock.monotonic() // _SLOT)
        if not self._slots or self._slots[-1][0] != minute:
            self._slots.append((minute, Summary()))
        return self._slots[-1][1]
