"""Equal requests at the same time become one: the first leads, the others listen in, from its beginning.

The request runs in a task of its own, so that it goes on when the one who started it leaves, and ends when nobody is
left. Whether there is a request to join is decided when somebody leads or joins, not when they first listen: between
the two another may have ended or begun.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class _Flight(Generic[T]):
    """One request under way, with everything that came of it so far."""

    def __init__(self, source: AsyncGenerator[T, None], landed: Callable[[], None]) -> None:
        self.listeners = 0
        self.events: list[T] = []
        self.error: Exception | None = None
        self.changed = asyncio.Event()
        self.done = False
        self.abandoned = False
        self._landed = landed
        self._task = asyncio.create_task(self._run(source))

    async def abandon(self) -> None:
        """Ends it, because nobody listens any more."""
        self.abandoned = True
        self._landed()
        self._task.cancel()
        await asyncio.wait({self._task})
        # A task that is cancelled before its first step runs nothing, so it says nothing either.
        self.done = True
        self._wake()

    async def _run(self, source: AsyncGenerator[T, None]) -> None:
        try:
            async for event in source:
                self.events.append(event)
                self._wake()
        except Exception as error:  # noqa: BLE001 - it is raised to everyone who listens
            self.error = error
        finally:
            self._landed()
            await source.aclose()
            self.done = True
            self._wake()

    def _wake(self) -> None:
        self.changed.set()
        self.changed = asyncio.Event()


class Listener(Generic[T]):
    """Everything that comes of a request, from the beginning to the end. Raises what the request raised.

    It counts from the moment that it is made until it is closed or at its end.
    """

    def __init__(self, flight: _Flight[T], *, keeping: bool = True) -> None:
        self._flight = flight
        self._position = 0
        self._keeping = keeping
        flight.listeners += keeping

    @property
    def shared(self) -> bool:
        """Whether the request goes on, or went to its end, without this listener."""
        if self._flight.done:
            return not self._flight.abandoned
        return self._flight.listeners > int(self._keeping)

    def observer(self) -> Listener[T]:
        """Listens to the same request from its beginning and does not keep it from ending when others leave."""
        return Listener(self._flight, keeping=False)

    def __aiter__(self) -> Listener[T]:
        return self

    async def __anext__(self) -> T:
        flight = self._flight
        while self._position == len(flight.events):
            if flight.done:
                await self.aclose()
                if flight.error is not None:
                    raise flight.error
                raise StopAsyncIteration
            await flight.changed.wait()
        self._position += 1
        return flight.events[self._position - 1]

    async def aclose(self) -> None:
        """Leaves. The last one to leave ends the request."""
        if self._keeping:
            self._keeping = False
            self._flight.listeners -= 1
            if self._flight.listeners == 0 and not self._flight.done:
                await self._flight.abandon()


class Flights(Generic[T]):
    """All requests under way, by key."""

    def __init__(self) -> None:
        self._flights: dict[str, _Flight[T]] = {}

    def __len__(self) -> int:
        return len(self._flights)

    def join(self, key: str) -> Listener[T] | None:
        """Listens to the request of that key; None where none is under way."""
        flight = self._flights.get(key)
        return Listener(flight) if flight is not None else None

    def lead(self, key: str, source: AsyncGenerator[T, None]) -> Listener[T]:
        """Starts the request of that key, which must not be under way, and listens to it."""
        assert key not in self._flights, "an equal request is under way"

        def landed() -> None:
            if self._flights.get(key) is flight:
                del self._flights[key]

        flight = self._flights[key] = _Flight(source, landed)
        return Listener(flight)

    def listeners(self, key: str) -> int:
        """How many listen to the request of that key."""
        flight = self._flights.get(key)
        return flight.listeners if flight is not None else 0
