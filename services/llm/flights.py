"""Equal requests at the same time become one: the first starts it, the others listen in, from its beginning.

The request runs in a task of its own, so that it goes on when the one who started it leaves, and ends when nobody is
left.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Generic, TypeVar

T = TypeVar("T")


class Flight(Generic[T]):
    """One request under way, with everything that came of it so far."""

    def __init__(self, source: AsyncGenerator[T, None]) -> None:
        self.listeners = 0
        self._events: list[T] = []
        self._error: BaseException | None = None
        self._changed = asyncio.Event()
        self._done = False
        self._task = asyncio.create_task(self._run(source))

    async def listen(self) -> AsyncGenerator[T, None]:
        """Everything from the beginning to the end. Raises what the request raised."""
        self.listeners += 1
        position = 0
        try:
            while True:
                while position < len(self._events):
                    position += 1
                    yield self._events[position - 1]
                if self._done:
                    if self._error is not None:
                        raise self._error
                    return
                await self._changed.wait()
        finally:
            self.listeners -= 1
            if self.listeners == 0 and not self._done:
                self._task.cancel()
                await asyncio.wait({self._task})

    async def _run(self, source: AsyncGenerator[T, None]) -> None:
        try:
            async for event in source:
                self._events.append(event)
                self._wake()
        except asyncio.CancelledError as error:
            self._error = error
            raise
        except Exception as error:  # noqa: BLE001 - it is raised to everyone who listens
            self._error = error
        finally:
            await source.aclose()
            self._done = True
            self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


class Flights(Generic[T]):
    """All requests under way, by key."""

    def __init__(self) -> None:
        self._flights: dict[str, Flight[T]] = {}

    def joinable(self, key: str) -> bool:
        """Whether an equal request is under way."""
        return key in self._flights

    async def take(self, key: str, source: AsyncGenerator[T, None] | None) -> AsyncGenerator[T, None]:
        """Listens to the request of that key, which `source` starts where there is none."""
        flight = self._flights.get(key)
        if flight is None:
            assert source is not None, "nobody is under way and nothing was given to start with"
            flight = self._flights[key] = Flight(source)
        listening = flight.listen()
        try:
            async for event in listening:
                yield event
        finally:
            await listening.aclose()
            if flight.listeners == 0 and self._flights.get(key) is flight:
                del self._flights[key]

    def others(self, key: str) -> int:
        """How many listen to the request of that key."""
        flight = self._flights.get(key)
        return flight.listeners if flight is not None else 0
