"""Ends a stream that has fallen silent.

A time-out that is set anew for every token costs more than the token, so the time of the last event is only noted, and
one timer looks now and then whether it is too long ago.
"""

from __future__ import annotations

import asyncio
from types import TracebackType


class Silence:
    """An asynchronous context that raises TimeoutError when nothing comes for too long.

    Args of the constructor, all in seconds: `overall` for everything, `first` until the first event, `idle` between two
    later ones.
    """

    def __init__(self, overall: float, first: float, idle: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._ends = self._loop.time() + max(0.0, overall)
        self._allowed = first
        self._idle = idle
        self._last = self._loop.time()
        self._timeout = asyncio.timeout(None)
        self._timer: asyncio.TimerHandle | None = None
        self._began = False

    async def __aenter__(self) -> Silence:
        await self._timeout.__aenter__()
        self._look()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()
        await self._timeout.__aexit__(kind, error, trace)

    def broken(self) -> None:
        """Something came."""
        self._last = self._loop.time()
        if not self._began:
            self._began = True
            self._allowed = self._idle
            if self._timer is not None:
                self._timer.cancel()
            self._look()

    def _look(self) -> None:
        due = min(self._ends, self._last + self._allowed)
        if due <= self._loop.time():
            self._timeout.reschedule(self._loop.time())
        else:
            self._timer = self._loop.call_at(due, self._look)
