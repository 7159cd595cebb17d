"""How algorithms are told to the scripts, and how they are kept with a reservation."""

import struct
from dataclasses import fields
from typing import Any

from services.ratelimit.algorithms import (
    BUCKET,
    CALENDAR,
    CONCURRENCY,
    WINDOW,
    AnyAlgorithm,
    CalendarQuota,
    Concurrency,
    SlidingWindow,
    TokenBucket,
)

_PARAMETERS = struct.Struct("<8d")
_CACHED_COSTS = 256
_KINDS: dict[int, type[AnyAlgorithm]] = {
    BUCKET: TokenBucket,
    WINDOW: SlidingWindow,
    CALENDAR: CalendarQuota,
    CONCURRENCY: Concurrency,
}


def to_plain(algorithm: AnyAlgorithm) -> list[Any]:
    """An algorithm as a list for JSON, so that a reservation is settled by the numbers that it was made with."""
    values = (getattr(algorithm, item.name) for item in fields(algorithm) if item.init)
    return [algorithm.kind, *values]


def from_plain(plain: list[Any]) -> AnyAlgorithm:
    """The algorithm of `to_plain`."""
    kind, *values = plain
    return _KINDS[kind](*values)


class Packer:
    """Packs charges of one algorithm for the scripts, keeping the common ones packed."""

    __slots__ = ("_algorithm", "_boundaries", "_packed")

    def __init__(self, algorithm: AnyAlgorithm) -> None:
        self._algorithm = algorithm
        self._packed: dict[tuple[int, int], bytes] = {}
        self._boundaries: tuple[int, int, int, int] | None = None

    def pack(self, flags: int, cost: int, now_us: int) -> bytes:
        """Eight doubles: algorithm, flags and six numbers."""
        algorithm = self._algorithm
        if isinstance(algorithm, CalendarQuota):
            boundaries = algorithm.boundaries(now_us)
            if boundaries is not self._boundaries:
                self._packed.clear()
                self._boundaries = boundaries
        packed = self._packed.get((flags, cost))
        if packed is None:
            packed = _PARAMETERS.pack(algorithm.kind, flags, *algorithm.numbers(cost, now_us))
            if len(self._packed) < _CACHED_COSTS:
                self._packed[flags, cost] = packed
        return packed
