"""Whether the counters' store answers.

The first failure marks it away: what follows does not wait for time-outs of its own but goes by each limit's policy for
outages at once. A background task asks until it answers again.
"""

import asyncio
from collections.abc import Awaitable, Callable

import structlog
from redis.exceptions import RedisError

from chassis.clock import Clock
from chassis.errors import Unavailable

_log = structlog.stdlib.get_logger(__name__)


class StoreAway(Unavailable):
    """The store does not answer. Whoever can do without it catches this; for all others it is UNAVAILABLE."""

    def __init__(self) -> None:
        super().__init__("the limits' store is away", reason="STORE_UNAVAILABLE", retry_after=1.0)


class StoreHealth:
    """The state of the store, as this replica sees it."""

    def __init__(self, clock: Clock, on_change: Callable[[bool], None] = lambda _: None) -> None:
        self._clock = clock
        self._on_change = on_change
        self._failed = asyncio.Event()
        self._since: float | None = None
        self._total = 0.0
        self.on_return: list[Callable[[], Awaitable[None]]] = []
        """What is done first when it answers again."""

    @property
    def away(self) -> bool:
        """Whether it is away."""
        return self._since is not None

    @property
    def degraded_seconds(self) -> float:
        """How long it has been away, in all."""
        return self._total + (self._clock.monotonic() - self._since if self._since is not None else 0.0)

    def demand(self) -> None:
        """StoreAway while it is away."""
        if self._since is not None:
            raise StoreAway

    def failed(self, error: BaseException) -> None:
        """Notes that it did not answer."""
        if self._since is None:
            self._since = self._clock.monotonic()
            self._failed.set()
            _log.warning("the limits' store is away", error=type(error).__name__, detail=str(error)[:200])
            self._on_change(True)

    def answered(self) -> None:
        """Notes that it answers again."""
        if self._since is not None:
            self._total += self._clock.monotonic() - self._since
            self._since = None
            self._failed.clear()
            _log.info("the limits' store is back", degraded_seconds=round(self._total, 3))
            self._on_change(False)

    async def watch(self, ping: Callable[[], Awaitable[object]], interval: float) -> None:
        """Asks a store that is away until it answers; for ever."""
        while True:
            await self._failed.wait()
            try:
                async with asyncio.timeout(1.0):
                    await ping()
            except (RedisError, TimeoutError, OSError):
                await asyncio.sleep(interval)
                continue
            self.answered()
            for act in self.on_return:
                try:
                    await act()
                except StoreAway:
                    break  # it is away again
