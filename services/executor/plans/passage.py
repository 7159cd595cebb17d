"""The way of one call from its permit to its answer."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Protocol

from services.executor.plans.operation import Operation, Outcome


class Road(Protocol):
    """Where calls travel."""

    async def intend(self, operation: Operation, before: Outcome) -> Outcome:
        """What comes between a permit and its call."""
        ...

    async def enter(self, operation: Operation, intent: Outcome, before: Outcome) -> tuple[int, Outcome]:
        """Takes a place among those that travel; gives the gate's ticket, and the outcome with the moment of it."""
        ...

    def left(self, operation: Operation) -> None:
        """Its call has been answered, or never will be."""
        ...


class Passage:
    """Entered once the permit is there, left when the call is answered."""

    def __init__(self, road: Road, operation: Operation, before: Outcome) -> None:
        self._road = road
        self._operation = operation
        self._begun = time.monotonic()
        self._entered = 0.0
        self.outcome = before
        """As it stands while the call travels."""
        self.seconds = 0.0
        """How long Discord took."""
        self.ticket = 0
        """The gate's."""
        self.beside = 0.0
        """How long it took to get a permit and to write the intent down."""

    async def __aenter__(self) -> None:
        before = self.outcome
        self.outcome = await self._road.intend(self._operation, before)
        self.beside = time.monotonic() - self._begun
        self.ticket, self.outcome = await self._road.enter(self._operation, self.outcome, before)
        self._entered = time.monotonic()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.seconds = time.monotonic() - self._entered
        self._road.left(self._operation)
