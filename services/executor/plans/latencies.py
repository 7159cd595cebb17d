"""What calls took lately, route by route: what estimates are made from, and what they learn."""

from __future__ import annotations

from collections import defaultdict, deque

_ENOUGH = 3
_WAITED_SECONDS = 0.05


class _Recent:
    """The latest values of one kind."""

    def __init__(self, keep: int) -> None:
        self._values: deque[float] = deque(maxlen=keep)

    def add(self, value: float) -> None:
        self._values.append(value)

    def quantile(self, share: float, *, enough: int = _ENOUGH) -> float | None:
        if len(self._values) < enough:
            return None
        ordered = sorted(self._values)
        return ordered[int((len(ordered) - 1) * share)]


class Latencies:
    """Seconds of Discord's answers by route, and of what a call costs beside them."""

    def __init__(self, default: float, overhead: float, *, keep: int = 200) -> None:
        self._default = default
        self._overhead = overhead
        self._all = _Recent(keep)
        self._routes: dict[str, _Recent] = defaultdict(lambda: _Recent(keep))
        self._beside = _Recent(keep)
        self._looks = {targets: _Recent(keep) for targets in (False, True)}

    def add(self, seconds: float, route: str = "") -> None:
        """Notes how long Discord took to answer a call; `route` is the row of the operation table, if it was one."""
        self._all.add(seconds)
        if route:
            self._routes[route].add(seconds)

    def add_overhead(self, seconds: float) -> None:
        """Notes what came before a call: permit and journal. What took longer than those do was a wait for a slot."""
        self._beside.add(min(seconds, _WAITED_SECONDS))

    def add_look(self, seconds: float, *, targets: bool) -> None:
        """Notes how long a run took from its start to its first operation; one with targets looks at Discord itself."""
        self._looks[targets].add(seconds)

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
        found = self._looks[targets].quantile(share, enough=1)
        if found is None:
            return self.overhead + (self.of("", share) if targets else 0.0)
        return found
