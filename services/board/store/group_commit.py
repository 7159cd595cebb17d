"""Group commit: writes that wait for SQLite's one writer anyway share one transaction and one flush of the disk.

With a flush each, a disk's flushes would bound how many changes there can be in a second. So whatever waits goes into
the next transaction together, each in a savepoint of its own: one that fails takes nothing of the others with it.
Nobody is answered before the commit. (D. DeWitt et al., "Implementation techniques for main memory database systems",
1984.) PostgreSQL does the same by itself.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from services.board.store.connection import Connection

Work = Callable[[Connection], Awaitable[Any]]
Commit = Callable[[Sequence[Work]], Awaitable[Sequence[object]]]
MOST_TOGETHER = 64


class Failed:
    """What one of several works raised; the others are not concerned."""

    def __init__(self, error: BaseException) -> None:
        self.error = error


class GroupCommit:
    """Works that wait for the writer; one transaction runs at a time."""

    def __init__(self, commit: Commit) -> None:
        self._commit = commit
        self._waiting: list[tuple[Work, asyncio.Future[Any]]] = []
        self._running: asyncio.Task[None] | None = None

    async def write(self, work: Work) -> Any:
        """Runs a work in the next transaction; gives what it gave, once that is committed."""
        done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append((work, done))
        if self._running is None:
            self._running = asyncio.create_task(self._run(), name="group commit")
        return await done

    async def _run(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[:MOST_TOGETHER], self._waiting[MOST_TOGETHER:]
                await self._run_batch(batch)
        finally:
            self._running = None

    async def _run_batch(self, batch: list[tuple[Work, "asyncio.Future[Any]"]]) -> None:
        try:
            results = await self._commit([work for work, _ in batch])
        except Exception as error:  # noqa: BLE001 - whatever it is, each of those who wait is told
            results = [Failed(error)] * len(batch)
        for (_, done), result in zip(batch, results, strict=True):
            if done.done():
                continue
            if isinstance(result, Failed):
                done.set_exception(result.error)
            else:
                done.set_result(result)
