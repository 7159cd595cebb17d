"""Runs a plan's operations: what is ready goes, in the order of ranks, until all are done or something is in the way.

Many operations may wait for their permits at once, so that a bucket with a queue holds nobody else up; how many travel
is the gate's matter. What an operation needs and does not get skips it. When the run shall pause or end, what has not
begun to travel is taken back: it stays as it was.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence

from chassis.clock import Clock
from services.executor.plans.attempt import PROMPT_SECONDS, Attempts
from services.executor.plans.latencies import Latencies
from services.executor.plans.operation import Operation, Outcome, Status
from services.executor.plans.order import ranks
from services.executor.plans.perform import Performer
from services.executor.plans.record import Wish
from services.executor.plans.run_journal import RunJournal
from services.executor.plans.run_state import Pause, Progress
from services.executor.plans.saying import Text
from services.executor.plans.settings import PlanSettings

_OPEN = (Status.PENDING, Status.INTENT, Status.UNKNOWN)
_LOST = (Status.FAILED, Status.SKIPPED)


class Conductor:
    """One run of one plan."""

    def __init__(
        self,
        operations: Sequence[Operation],
        outcomes: dict[str, Outcome],
        *,
        performer: Performer,
        journal: RunJournal,
        settings: PlanSettings,
        clock: Clock,
        latencies: Latencies,
        refused: Callable[[Operation], Awaitable[str]],
        wish: Callable[[], Wish],
        why: str,
        polite: bool,
        text: Text,
    ) -> None:
        rank = ranks(operations)
        self._operations = sorted(operations, key=lambda one: rank[one.id])
        self._references = {operation.id: operation.references for operation in operations}
        self._settings = settings
        self._wish = wish
        self._text = text
        self._polite = polite
        self._journal = journal
        for operation in operations:
            outcomes.setdefault(operation.id, Outcome())
        self.progress = Progress(outcomes)
        self._attempts = Attempts(
            self.progress,
            performer=performer,
            journal=journal,
            settings=settings,
            clock=clock,
            latencies=latencies,
            refused=refused,
            why=why,
            polite=polite,
            text=text,
        )
        self._running: dict[str, asyncio.Task[None]] = {}
        self._lanes = {operation.id: _lane(operation) for operation in operations}
        self._next_polite = 0.0
        self._losses = -1

    async def run(self) -> Pause | None:
        """Runs to the end, or gives why it stands still. Raises `LeaseLost`, `Unauthorized`."""
        try:
            while True:
                self._skip_hopeless()
                if self._attempts.pause is None and self._wish() is Wish.RUN:
                    self._start_ready()
                else:
                    self._take_back()
                if not self._running:
                    if self._attempts.pause is not None or self._wish() is not Wish.RUN:
                        break
                    if not self._open():
                        break
                await self._wait()
            await self._journal.flush()
            return self._attempts.pause
        finally:
            for task in self._running.values():
                task.cancel()
            await asyncio.gather(*self._running.values(), return_exceptions=True)

    async def skip_rest(self, why: str) -> None:
        """Marks what was not begun as skipped."""
        for operation in self._open():
            self._attempts.settle(operation, Outcome(status=Status.SKIPPED, error=why))
        await self._journal.flush()

    def _open(self) -> list[Operation]:
        return [operation for operation in self._operations if self._status(operation.id) in _OPEN]

    def _status(self, operation_id: str) -> Status:
        return self.progress.outcomes[operation_id].status

    async def _wait(self) -> None:
        """Until an attempt has ended, or something may be begun that waits for its time."""
        now = time.monotonic()
        latest = now + self._settings.control_seconds
        if self._polite and self._next_polite > now:
            latest = min(latest, self._next_polite)
        pause = max(0.01, self._attempts.holdback.soonest(now, latest) - now)
        if self._running:
            # Who asks for a permit takes a place or turns out to wait; then there is room for another.
            timeout = min(PROMPT_SECONDS, pause) if self._attempts.asks_promptly(now) else pause
            await asyncio.wait(self._running.values(), timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        else:
            await asyncio.sleep(pause)
        for number, task in list(self._running.items()):
            if task.done():
                del self._running[number]
                if not task.cancelled():
                    task.result()
        self._journal.check()

    def _start_ready(self) -> None:
        now = time.monotonic()
        outstanding = self._settings.concurrency_polite if self._polite else self._settings.outstanding_max
        places = self._attempts.places - self._attempts.crowd(now)
        lanes = Counter(self._lanes[number] for number in self._running)
        self.progress.waiting_for = 0.0
        for operation in self._open():
            if places <= 0 or len(self._running) >= outstanding:
                return
            lane = self._lanes[operation.id]
            if operation.id in self._running or lanes[lane] >= self._attempts.at_once(operation):
                continue
            if not self._is_ready(operation) or not self._attempts.may_begin(operation, now):
                continue
            if self._polite:
                if now < self._next_polite:
                    return
                self._next_polite = now + self._settings.polite_interval_seconds
            lanes[lane] += 1
            places -= 1
            self._running[operation.id] = asyncio.create_task(
                self._attempts.make(operation), name=f"operation {operation.id}"
            )

    def _take_back(self) -> None:
        """Cancels what waits for its turn; what travels, or is looked for, is seen through."""
        for number, task in self._running.items():
            if number not in self._attempts.engaged:
                task.cancel()

    def _is_ready(self, operation: Operation) -> bool:
        outcomes = self.progress.outcomes
        for need in self._references[operation.id]:
            if need in outcomes and outcomes[need].status is not Status.DONE:
                return False
        return all(outcomes[need].status not in _OPEN for need in operation.needs if need in outcomes)

    def _skip_hopeless(self) -> None:
        """Skips what refers to something that will not be there; what is skipped can be told anew from the rest."""
        outcomes = self.progress.outcomes
        losses = sum(1 for outcome in outcomes.values() if outcome.status in _LOST)
        if losses == self._losses:
            return
        self._losses = losses
        for operation in self._open():
            for need in self._references[operation.id]:
                if need in outcomes and outcomes[need].status in _LOST:
                    error = self._text("plan.skipped.needs", step=need)
                    outcomes[operation.id] = Outcome(status=Status.SKIPPED, error=error)
                    break


def _lane(operation: Operation) -> str:
    """What shares a bucket, as far as the table tells: the route, and the channel that it is counted by."""
    return f"{operation.kind} {operation.path.get('channel_id', '')}"
