"""How many jobs run at once, and the place of each that waits: first come, first served.

What a wait takes is reckoned by Little's law from how long the slots were held lately (an exponentially weighted mean).
"""

from __future__ import annotations

import asyncio

from chassis.clock import Clock

_WEIGHT = 0.2


class Ticket:
    """A place in the queue, and then a slot."""

    def __init__(self) -> None:
        self.granted = asyncio.Event()
        self.since = 0.0


class Slots:
    """A number of slots and the queue for them."""

    def __init__(self, count: int, clock: Clock) -> None:
        self._count = count
        self._clock = clock
        self._held: set[Ticket] = set()
        # In the order in which they came: a dict, so that one who leaves early costs nothing.
        self._waiting: dict[Ticket, None] = {}
        self._mean: float | None = None

    def enter(self) -> Ticket:
        """A slot at once where one is free, else the last place in the queue. `leave` has to follow."""
        ticket = Ticket()
        self._waiting[ticket] = None
        self._grant()
        return ticket

    def leave(self, ticket: Ticket) -> None:
        """Gives the slot or the place back."""
        self._waiting.pop(ticket, None)
        if ticket in self._held:
            self._held.remove(ticket)
            held = self._clock.monotonic() - ticket.since
            self._mean = held if self._mean is None else self._mean + _WEIGHT * (held - self._mean)
        self._grant()

    def place(self, ticket: Ticket) -> int:
        """The place in the queue, from 1 on; 0 for who has a slot."""
        return next((place for place, other in enumerate(self._waiting, 1) if other is ticket), 0)

    def expected(self, ticket: Ticket) -> float:
        """Seconds after which the slot may be expected; 0.0 where nothing is known of it yet."""
        return self.place(ticket) * (self._mean or 0.0) / self._count

    def _grant(self) -> None:
        while self._waiting and len(self._held) < self._count:
            ticket = next(iter(self._waiting))
            del self._waiting[ticket]
            self._held.add(ticket)
            ticket.since = self._clock.monotonic()
            ticket.granted.set()
