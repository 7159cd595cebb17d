"""What calls took lately, route by route: what estimates are made from, and what they learn."""

from __future__ import annotations

import random
from collections import defaultdict, deque
from collections.abc import Iterable, Sequence

_WAITED_SECONDS = 0.05


def quantile(values: Iterable[float], share: float) -> float:
    """The value below which that share of some values lies; between two of them it is interpolated."""
    ordered = sorted(values)
    place = (len(ordered) - 1) * share
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


class _Recent:
    """The latest values of one kind."""

    def __init__(self, keep: int) -> None:
        self._values: deque[float] = deque(maxlen=keep)

    def add(self, value: float) -> None:
        self._values.append(value)

    @property
    def values(self) -> Sequence[float]:
        """In the order in which they were measured."""
        return tuple(self._values)

    def quantile(self, share: float) -> float | None:
        return quantile(self._values, share) if self._values else None


class Latencies:
    """Seconds of Discord's answers by route, and of what a call costs beside them."""

    def __init__(self, default: float, overhead: float, *, keep: int = 200) -> None:
        self._default = default
        self._overhead = overhead
        self._all = _Recent(keep)
        self._routes: dict[str, _Recent] = defaultdict(lambda: _Recent(keep))
        self._beside = _Recent(keep)
        self._looks = {targets: _Recent(keep) for targets in (False, True)}
        self._looked = False

    def add(self, seconds: float, route: str = "") -> None:
        """Notes how long Discord took to answer a call; `route` is the row of the operation table, if it was one."""
        self._all.add(seconds)
        if route:
            self._routes[route].add(seconds)

    def add_overhead(self, seconds: float) -> None:
        """Notes what came before a call: permit and journal. What took longer than those do was a wait for a slot."""
        self._beside.add(min(seconds, _WAITED_SECONDS))

    def add_look(self, seconds: float, *, targets: bool) -> None:
        """Notes how long a run took from its start to its first operation; one with targets looks at Discord itself.

        Of Discord the first look does not count: its calls wait for one another, as nobody knows their buckets yet.
        """
        if self._looked or not targets:
            self._looks[targets].add(seconds)
        self._looked = self._looked or targets

    def knows(self, route: str) -> bool:
        """Whether a route was called lately, so that its bucket is known too."""
        return route in self._routes

    def of(self, route: str, share: float) -> float:
        """Seconds within which that share of a route's calls are answered."""
        recent = self._routes.get(route)
        found = recent.quantile(share) if recent is not None else None
        if found is None:
            found = self._all.quantile(share)
        return self._default * (1 + share - 0.5) if found is None else found

    @property
    def overhead(self) -> float:
        """What a call costs beside Discord's time where nothing has to be waited for: the first quartile."""
        found = self._beside.quantile(0.25)
        return self._overhead if found is None else found

    def look(self, share: float, *, targets: bool) -> float:
        """Seconds from a run's start to its first operation. Where nothing that exists is touched, the mirror does."""
        found = self._looks[targets].quantile(share)
        if found is None:
            return self.overhead + (self.of("", share) if targets else 0.0)
        return found

    def course(self, dice: random.Random) -> Course:
        """One course that things may take."""
        return Course(self, dice)

    def of_route(self, route: str) -> Sequence[float]:
        """What a route's calls took, in their order; those of all routes where it was not called."""
        recent = self._routes.get(route)
        return recent.values if recent is not None else self._all.values

    def of_looks(self, *, targets: bool) -> Sequence[float]:
        """What the looks before the first operation took."""
        return self._looks[targets].values

    @property
    def default(self) -> float:
        """The time of a call where none was measured."""
        return self._default


class Course:
    """One course that things may take, after what was measured.

    A route's calls take what they took lately, in that order, from a random one on and round again: calls of one moment
    are alike, and slow times last (the circular block bootstrap: D. N. Politis and J. P. Romano, 1992).
    """

    def __init__(self, latencies: Latencies, dice: random.Random) -> None:
        self._latencies = latencies
        self._dice = dice
        self._guess = latencies.default * (0.5 + dice.random())
        self._routes: dict[str, tuple[Sequence[float], int]] = {}

    def call(self, route: str) -> float:
        """Seconds that the next call of a route takes."""
        if route not in self._routes:
            values = self._latencies.of_route(route) or (self._guess,)
            self._routes[route] = values, self._dice.randrange(len(values))
        values, place = self._routes[route]
        self._routes[route] = values, (place + 1) % len(values)
        return values[place]

    def look(self, *, targets: bool) -> float:
        """Seconds from a run's start to its first operation."""
        looks = self._latencies.of_looks(targets=targets)
        if looks:
            return self._dice.choice(looks)
        return self._latencies.overhead + (self.call("") if targets else 0.0)
