"""Wakes whoever waits for something new in this process, without missing what comes between two looks."""

import asyncio
import contextlib


class Signal:
    """Counts what happened; a waiter says which count it has seen."""

    def __init__(self) -> None:
        self._count = 0
        self._event = asyncio.Event()

    @property
    def count(self) -> int:
        """How often it was raised."""
        return self._count

    def raise_(self) -> None:
        """Wakes everybody who waits."""
        self._count += 1
        self._event.set()
        self._event = asyncio.Event()

    async def wait(self, seen: int, timeout: float) -> None:
        """Returns when it was raised since `seen`, at the latest after `timeout` seconds."""
        if self._count == seen:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout):
                    await self._event.wait()
