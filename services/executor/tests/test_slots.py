"""The queue for slots: first come, first served, with a place and a time for whoever waits."""

from __future__ import annotations

from services.executor.jobs.slots import Slots
from tests.support.clock import ManualClock


def test_slots_are_given_in_order_and_places_move_up(clock: ManualClock) -> None:
    slots = Slots(2, clock)
    tickets = [slots.enter() for _ in range(5)]
    assert [ticket.granted.is_set() for ticket in tickets] == [True, True, False, False, False]
    assert [slots.place(ticket) for ticket in tickets] == [0, 0, 1, 2, 3]
    slots.leave(tickets[3])
    assert slots.place(tickets[4]) == 2
    slots.leave(tickets[0])
    assert [ticket.granted.is_set() for ticket in tickets] == [True, True, True, False, False]
    assert slots.place(tickets[4]) == 1


def test_what_a_wait_takes_follows_how_long_slots_were_held(clock: ManualClock) -> None:
    slots = Slots(2, clock)
    first, _, third, fourth = (slots.enter() for _ in range(4))
    assert slots.expected(third) == 0.0
    clock.advance(10)
    slots.leave(first)
    assert slots.place(third) == 0
    assert slots.expected(fourth) == 5.0
