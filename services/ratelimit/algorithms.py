"""The algorithms of the limits as exact numbers: what the scripts are told, and what their answers mean.

The theory of each stands at the head of `lua/counters.lua`. Here rates become whole microseconds with an exact
fraction (Python's integers don't overflow), and what a counter answers becomes units left and time to reset.
Amounts are in the limit's own unit (requests, tokens, nano-dollars); durations are integer microseconds.
"""

from dataclasses import dataclass, field
from fractions import Fraction
from typing import NamedTuple, Protocol, TypeAlias

from services.ratelimit.calendar import PERIOD_US, Period, boundaries_around

BUCKET, WINDOW, CALENDAR, CONCURRENCY = 1, 2, 3, 4
ENFORCED, FORCED = 1, 2
LARGEST = 2**53 - 1
"""The largest whole number that Lua holds exactly."""


class Standing(NamedTuple):
    """How a counter stands: units that could be taken now, and microseconds until it is untouched again."""

    remaining: int
    reset_us: int


class Algorithm(Protocol):
    """What every algorithm offers."""

    @property
    def capacity(self) -> int:
        """Units that an untouched counter holds; no charge can be larger."""
        ...

    @property
    def generosity(self) -> tuple[Fraction, int]:
        """By which the better of two is found: units per microsecond in the long run, then capacity."""
        ...

    def numbers(self, cost: int, now_us: int) -> tuple[int, int, int, int, int, int]:
        """The six numbers that the scripts take for a charge."""
        ...

    def standing(self, x: float, y: float) -> Standing:
        """What the scripts' two numbers mean."""
        ...

    def scaled(self, share: Fraction) -> tuple[int, Fraction]:
        """Capacity and units per microsecond of a share of the limit, for use without the store."""
        ...


@dataclass(frozen=True)
class TokenBucket:
    """`rate` units per `per_us`, at most `capacity` at once. `max_debt`: units that settlements may overdraw it by."""

    capacity: int
    rate: int
    per_us: int
    max_debt: int = 0
    _interval: Fraction = field(init=False, repr=False, compare=False)
    _tolerance: tuple[int, int] = field(init=False, repr=False, compare=False)
    _clamp: int = field(init=False, repr=False, compare=False)
    _whole: tuple[int, int, int] = field(init=False, repr=False, compare=False)
    """The interval's numerator and denominator, and the tolerance in units of one over that denominator."""

    kind = BUCKET

    def __post_init__(self) -> None:
        interval = Fraction(self.per_us, self.rate)
        whole = divmod(self.capacity * interval.numerator, interval.denominator)
        clamp = -(-(self.capacity + self.max_debt) * interval.numerator // interval.denominator)
        if clamp > LARGEST // 4:
            raise ValueError("it would take more than 71 years to fill again")
        if interval.denominator > LARGEST // 2:
            raise ValueError("the rate has too many digits; give it per a shorter time")
        object.__setattr__(self, "_interval", interval)
        object.__setattr__(self, "_tolerance", whole)
        object.__setattr__(self, "_clamp", clamp)
        full = self.capacity * interval.numerator
        object.__setattr__(self, "_whole", (interval.numerator, interval.denominator, full))

    @property
    def interval(self) -> Fraction:
        """Microseconds that one unit takes to come back."""
        return self._interval

    @property
    def generosity(self) -> tuple[Fraction, int]:
        """Rate, then capacity."""
        return 1 / self._interval, self.capacity

    def numbers(self, cost: int, now_us: int) -> tuple[int, int, int, int, int, int]:
        """Emission interval (whole, numerator, denominator), tolerance (whole, numerator), clamp."""
        del now_us
        whole, numerator = divmod(cost * self._interval.numerator, self._interval.denominator)
        return whole, numerator, self._interval.denominator, *self._tolerance, self._clamp

    def standing(self, x: float, y: float) -> Standing:
        """From the room: how far the arrival time may still move."""
        numerator, denominator, full = self._whole
        room = int(x) * denominator + int(y)
        left, reset = room // numerator, -(-(full - room) // denominator)
        return Standing(left if left > 0 else 0, reset if reset > 0 else 0)

    def scaled(self, share: Fraction) -> tuple[int, Fraction]:
        """A share of both capacity and rate."""
        return int(self.capacity * share), share / self._interval


@dataclass(frozen=True)
class SlidingWindow:
    """At most `limit` units in any `window_us`. Exact up to `exact` units; a larger limit counts by that many slots."""

    limit: int
    window_us: int
    exact: int = 64

    kind = WINDOW

    @property
    def capacity(self) -> int:
        """The limit."""
        return self.limit

    @property
    def slot_us(self) -> int:
        """The width in which uses are merged; 1 is an exact log."""
        return 1 if self.limit <= self.exact else max(1, self.window_us // self.exact)

    @property
    def generosity(self) -> tuple[Fraction, int]:
        """Rate, then limit."""
        return Fraction(self.limit, self.window_us), self.limit

    def numbers(self, cost: int, now_us: int) -> tuple[int, int, int, int, int, int]:
        """Cost, limit, window, slot."""
        del now_us
        return cost, self.limit, self.window_us, self.slot_us, 0, 0

    def standing(self, x: float, y: float) -> Standing:
        """From units used and time to reset."""
        left = self.limit - int(x)
        return Standing(left if left > 0 else 0, int(y))

    def scaled(self, share: Fraction) -> tuple[int, Fraction]:
        """A share of the limit, spread over the window."""
        return int(self.limit * share), share * Fraction(self.limit, self.window_us)


@dataclass(frozen=True)
class CalendarQuota:
    """At most `limit` units in each period of the calendar of a time zone."""

    limit: int
    period: Period
    time_zone: str

    kind = CALENDAR

    @property
    def capacity(self) -> int:
        """The limit."""
        return self.limit

    @property
    def generosity(self) -> tuple[Fraction, int]:
        """Rate, then limit."""
        return Fraction(self.limit, PERIOD_US[self.period]), self.limit

    def numbers(self, cost: int, now_us: int) -> tuple[int, int, int, int, int, int]:
        """Cost, limit, four boundaries."""
        return cost, self.limit, *self.boundaries(now_us)

    def boundaries(self, now_us: int) -> tuple[int, int, int, int]:
        """The periods around a time; the same object for as long as it is the same period."""
        return boundaries_around(self.period, self.time_zone)(now_us)

    def standing(self, x: float, y: float) -> Standing:
        """From units used and time to the next period."""
        left = self.limit - int(x)
        return Standing(left if left > 0 else 0, int(y))

    def scaled(self, share: Fraction) -> tuple[int, Fraction]:
        """A share of the limit, spread over the period."""
        return int(self.limit * share), share * Fraction(self.limit, PERIOD_US[self.period])


@dataclass(frozen=True)
class Concurrency:
    """At most `limit` units at once; a slot that is never given back is free again after `ttl_us`."""

    limit: int
    ttl_us: int

    kind = CONCURRENCY

    @property
    def capacity(self) -> int:
        """The limit."""
        return self.limit

    @property
    def generosity(self) -> tuple[Fraction, int]:
        """The limit alone."""
        return Fraction(self.limit), self.limit

    def numbers(self, cost: int, now_us: int) -> tuple[int, int, int, int, int, int]:
        """Cost, limit, time to live."""
        del now_us
        return cost, self.limit, self.ttl_us, 0, 0, 0

    def standing(self, x: float, y: float) -> Standing:
        """From slots held and time until the last one expires."""
        left = self.limit - int(x)
        return Standing(left if left > 0 else 0, int(y))

    def scaled(self, share: Fraction) -> tuple[int, Fraction]:
        """A share of the slots, each back after its time to live."""
        return int(self.limit * share), share * Fraction(self.limit, self.ttl_us)


AnyAlgorithm: TypeAlias = TokenBucket | SlidingWindow | CalendarQuota | Concurrency
