"""Pages of lists, kept by the generation of what they show.

A page's key holds the generation (raised in the same commit as each change), so a page that no longer holds is never
found again; nothing has to be thrown away by hand and no replica has to hear of another's writes.
"""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from chassis.clock import Clock

V = TypeVar("V")


class GenerationCache(Generic[V]):
    """The most recently used values, each for at most `ttl` seconds."""

    def __init__(self, clock: Clock, size: Callable[[], int], ttl: Callable[[], float]) -> None:
        self._clock = clock
        self._size = size
        self._ttl = ttl
        self._entries: OrderedDict[Hashable, tuple[float, V]] = OrderedDict()
        self.hits = 0
        self.misses = 0

    async def get(self, key: Hashable, load: Callable[[], Awaitable[V]]) -> V:
        """The value under a key that contains its generation; loaded where it is not there."""
        now = self._clock.monotonic()
        found = self._entries.get(key)
        if found is not None and now - found[0] < self._ttl():
            self._entries.move_to_end(key)
            self.hits += 1
            return found[1]
        self.misses += 1
        value = await load()
        self._entries[key] = (now, value)
        self._entries.move_to_end(key)
        while len(self._entries) > self._size():
            self._entries.popitem(last=False)
        return value

    @property
    def hit_rate(self) -> float:
        """Hits among all lookups; 0 before the first."""
        total = self.hits + self.misses
        return self.hits / total if total else 0.0
