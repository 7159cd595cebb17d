"""The journal of a run: one field for each operation, written together with others that wait at the same moment.

Each write is on disk when it returns, and there is at most one under way: what comes meanwhile goes with the next. So a
run of ten calls at once pays for a few transactions instead of twenty.
"""

from __future__ import annotations

import asyncio

from services.executor.jobs.model import Journal
from services.executor.plans.operation import Outcome

_OPERATION = "op:"


class RunJournal:
    """What a run has done."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._waiting: dict[str, str] = {}
        self._next: asyncio.Future[None] | None = None
        self._writer: asyncio.Task[None] | None = None

    async def load(self) -> tuple[dict[str, Outcome], dict[str, str]]:
        """The outcomes of operations, and the run's other fields."""
        outcomes, others = {}, {}
        for name, value in (await self._journal.read()).items():
            if name.startswith(_OPERATION):
                outcomes[name.removeprefix(_OPERATION)] = Outcome.model_validate_json(value)
            else:
                others[name] = value.decode()
        return outcomes, others

    async def put(self, operation_id: str, outcome: Outcome) -> None:
        """Keeps an outcome; on disk when it returns. Raises `LeaseLost`."""
        await self.set(_OPERATION + operation_id, outcome.model_dump_json())

    async def set(self, name: str, value: str) -> None:
        """Keeps another field; on disk when it returns."""
        self._waiting[name] = value
        if self._next is None:
            self._next = asyncio.get_running_loop().create_future()
        mine = self._next
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write())
        await asyncio.shield(mine)

    async def _write(self) -> None:
        while self._waiting:
            fields, self._waiting = self._waiting, {}
            done, self._next = self._next, None
            assert done is not None
            try:
                await self._journal.write(fields)
            except BaseException as error:
                _fail(done, error)
                if self._next is not None:
                    _fail(self._next, error)
                    self._waiting, self._next = {}, None
                if isinstance(error, asyncio.CancelledError):
                    raise
                return
            if not done.done():
                done.set_result(None)


def _fail(future: asyncio.Future[None], error: BaseException) -> None:
    if not future.done():
        future.set_exception(error if isinstance(error, Exception) else RuntimeError("the run was stopped"))
        # Whoever waited may be gone; then nobody asks for the exception.
        future.exception()
