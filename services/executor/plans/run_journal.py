"""The journal of a run: one field for each operation, written together with others that wait at the same moment.

There is at most one write under way, and what comes meanwhile goes with the next: a run of ten calls at once pays for a
few transactions instead of twenty. Writes keep their order, so what is noted behind a call's back (an outcome) is on
disk no later than what relies on it (the intent of an operation that needs it).
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
        self._failure: Exception | None = None

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

    def note(self, operation_id: str, outcome: Outcome) -> None:
        """Keeps an outcome soon, before anything that is kept later. A failure shows at `check` and later writes."""
        self._enqueue(_OPERATION + operation_id, outcome.model_dump_json())

    async def set(self, name: str, value: str) -> None:
        """Keeps another field; on disk when it returns."""
        self.check()
        await asyncio.shield(self._enqueue(name, value))

    async def flush(self) -> None:
        """Waits until everything is on disk. Raises what a write failed with."""
        if self._writer is not None:
            await asyncio.shield(self._writer)
        self.check()

    def check(self) -> None:
        """Raises what an earlier write failed with."""
        if self._failure is not None:
            raise self._failure

    def _enqueue(self, name: str, value: str) -> asyncio.Future[None]:
        self._waiting[name] = value
        if self._next is None:
            self._next = asyncio.get_running_loop().create_future()
        mine = self._next
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write())
        return mine

    async def _write(self) -> None:
        while self._waiting:
            fields, self._waiting = self._waiting, {}
            done, self._next = self._next, None
            assert done is not None
            try:
                await self._journal.write(fields)
            except BaseException as error:
                failure = error if isinstance(error, Exception) else RuntimeError("the run was stopped")
                self._failure = failure
                for future in (done, self._next):
                    if future is not None and not future.done():
                        future.set_exception(failure)
                        # Whoever waited may be gone; then nobody asks for the exception.
                        future.exception()
                self._waiting, self._next = {}, None
                if isinstance(error, asyncio.CancelledError):
                    raise
                return
            if not done.done():
                done.set_result(None)
