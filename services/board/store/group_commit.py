"""Group commit: writes that wait for each other anyway share one transaction and one flush of the disk.

All changes in a guild queue for its row (see `schema`), and all of SQLite's for its one writer; one flush each would
bound them at what the disk can flush in a second. So whatever waits in a lane goes into the next transaction together,
each in a savepoint of its own: one that fails takes nothing of the others with it. Nobody is answered before the
commit. (D. DeWitt et al., "Implementation techniques for main memory database systems", 1984.)
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Any

from services.board.store.connection import Connection

Work = Callable[[Connection], Awaitable[Any]]
Commit = Callable[[Hashable, Sequence[Work]], Awaitable[Sequence[object]]]
MOST_TOGETHER = 64


class Failed:
    """What one of several works raised; the others are not concerned."""

    def __init__(self, error: BaseException) -> None:
        self.error = error


class GroupCommit:
    """Lanes of waiting works; in each lane one transaction runs at a time."""

    def __init__(self, commit: Commit) -> None:
        self._commit = commit
        self._waiting: dict[Hashable, list[tuple[Work, asyncio.Future[Any]]]] = {}
        self._running: dict[Hashable, asyncio.Task[None]] = {}

    async def write(self, lane: Hashable, work: Work) -> Any:
        """Runs a work in the next transaction of its lane; gives what it gave, once that is committed."""
        done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(lane, []).append((work, done))
        if lane not in self._running:
            self._running[lane] = asyncio.create_task(self._run(lane), name=f"commit {lane}")
        return await done

    async def _run(self, lane: Hashable) -> None:
        try:
            while waiting := self._waiting.pop(lane, None):
                batch, rest = waiting[:MOST_TOGETHER], waiting[MOST_TOGETHER:]
                if rest:
                    self._waiting[lane] = rest
                await self._run_batch(lane, batch)
        finally:
            del self._running[lane]

    async def _run_batch(self, lane: Hashable, batch: list[tuple[Work, "asyncio.Future[Any]"]]) -> None:
        try:
            results = await self._commit(lane, [work for work, _ in batch])
        except Exception as error:  # noqa: BLE001 - whatever it is, each of those who wait is told
            results = [Failed(error)] * len(batch)
        for (_, done), result in zip(batch, results, strict=True):
            if done.done():
                continue
            if isinstance(result, Failed):
                done.set_exception(result.error)
            else:
                done.set_result(result)
