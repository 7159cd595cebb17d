"""Lets many who want to read the same thing at the same moment share one call.

Nobody gets an answer to a call that was begun before they asked: what one looks for may have happened since.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any


class SharedLooks:
    """At most one call under way for each key, and one that waits behind it for those who came meanwhile."""

    def __init__(self) -> None:
        self._running: dict[str, asyncio.Task[Any]] = {}
        self._next: dict[str, asyncio.Task[Any]] = {}

    async def get(self, key: str, fetch: Callable[[], Awaitable[Any]]) -> Any:
        """The answer to a call that begins after this."""
        task = self._next.get(key)
        if task is None:
            task = self._next[key] = asyncio.create_task(self._after(key, fetch))
            task.add_done_callback(retrieved)
        return await asyncio.shield(task)

    async def _after(self, key: str, fetch: Callable[[], Awaitable[Any]]) -> Any:
        while (running := self._running.get(key)) is not None:
            await asyncio.wait((running,))
        self._running[key] = self._next.pop(key)
        try:
            return await fetch()
        finally:
            del self._running[key]


def retrieved(task: asyncio.Task[Any]) -> None:
    """For tasks that whoever began them may leave behind: an exception that nobody asks for is no warning."""
    if not task.cancelled():
        task.exception()
