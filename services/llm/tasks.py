"""Work that a caller need not wait for, and that the process does wait for at its end."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import structlog

from chassis.deadline import deadline_in

log = structlog.get_logger(__name__)
T = TypeVar("T")


class Background:
    """Tasks begun and not yet done. What fails in one is logged, and raised to whoever awaits it."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def start(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Begins work that outlives its caller and the caller's deadline."""
        with deadline_in(None):
            task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    async def drain(self) -> None:
        """Waits until nothing is left, also of what the rest begins."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("work in the background failed", error=repr(error), exc_info=error)
