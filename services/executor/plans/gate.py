"""How many calls of a run travel at once: as many as Discord bears.

It begins low, grows by one with each success and shrinks to seven tenths with each failure (additive increase,
multiplicative decrease: D.-M. Chiu and R. Jain, 1989; the share is that of CUBIC, RFC 9438, as a single fault says
little). Failures of calls that travelled together are one piece of news, so they shrink it once (as losses of one
window do in TCP NewReno, RFC 6582). Only travelling counts: who waits for a permit takes nobody's place.
Pure: no clock.
"""

from __future__ import annotations

import asyncio
from collections import deque

_SHRINKS_TO = 0.7


class Gate:
    """Lets so many through at once, the others in the order in which they came."""

    def __init__(self, start: float, most: float) -> None:
        self.limit = float(start)
        """How many may travel; whole ones count."""
        self._most = float(most)
        self._travelling = 0
        self._tickets = 0
        self._shrunk_at = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def travelling(self) -> int:
        """How many are on their way."""
        return self._travelling

    @property
    def waiting(self) -> int:
        """How many wait for a place."""
        return len(self._waiting)

    async def enter(self) -> int:
        """Waits for a place; `leave` gives it back. Gives a ticket for `failed`."""
        if not self._waiting and self._travelling < int(self.limit):
            self._travelling += 1
            return self._ticket()
        place = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self.leave()
            elif place in self._waiting:
                self._waiting.remove(place)
            raise
        return self._ticket()

    def leave(self) -> None:
        """Gives a place back."""
        self._travelling -= 1
        self._admit()

    def succeeded(self) -> None:
        """Discord bears this much, and perhaps more."""
        self.limit = min(self.limit + 1, self._most)
        self._admit()

    def failed(self, ticket: int) -> None:
        """Discord is in trouble: fewer, unless that was said since this call set out."""
        if ticket > self._shrunk_at:
            self._shrunk_at = self._tickets
            self.limit = max(1.0, self.limit * _SHRINKS_TO)

    def _ticket(self) -> int:
        self._tickets += 1
        return self._tickets

    def _admit(self) -> None:
        while self._waiting and self._travelling < int(self.limit):
            place = self._waiting.popleft()
            if not place.done():
                self._travelling += 1
                place.set_result(None)
