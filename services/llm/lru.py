"""A map that forgets: entries past their time, and the least recently used when it grows beyond its bounds."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from chassis.clock import Clock


@dataclass(slots=True)
class Statistics:
    """What a cache has done since it was made."""

    hits: int = 0
    shared_hits: int = 0
    """Hits in the store that replicas share, after a miss here."""
    joined: int = 0
    """Requests that took part in the same request of somebody else."""
    misses: int = 0
    evictions: int = 0


class LruCache:
    """Values by key, bounded by number, size and time. What is asked for is the most recently used."""

    def __init__(self, clock: Clock, *, entries: int, max_bytes: int) -> None:
        self._clock = clock
        self._entries: OrderedDict[str, tuple[float, bytes]] = OrderedDict()
        self._limit = entries
        self._max_bytes = max_bytes
        self.bytes = 0
        self.evictions = 0

    def __len__(self) -> int:
        return len(self._entries)

    def resize(self, *, entries: int, max_bytes: int) -> None:
        """New bounds; what is beyond them goes."""
        self._limit, self._max_bytes = entries, max_bytes
        self._shrink()

    def get(self, key: str) -> bytes | None:
        """The value, unless it is not there or past its time."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        if entry[0] <= self._clock.monotonic():
            self._remove(key)
            return None
        self._entries.move_to_end(key)
        return entry[1]

    def put(self, key: str, value: bytes, ttl: float) -> None:
        """Keeps a value for `ttl` seconds at most. One larger than all the room is not kept."""
        if key in self._entries:
            self._remove(key)
        if len(value) > self._max_bytes:
            return
        self._entries[key] = (self._clock.monotonic() + ttl, value)
        self.bytes += len(value)
        self._shrink()

    def clear(self) -> None:
        """Forgets everything."""
        self._entries.clear()
        self.bytes = 0

    def _shrink(self) -> None:
        while self._entries and (len(self._entries) > self._limit or self.bytes > self._max_bytes):
            self._remove(next(iter(self._entries)))
            self.evictions += 1

    def _remove(self, key: str) -> None:
        self.bytes -= len(self._entries.pop(key)[1])
