"""The state machine against a plain model of it, and what a history of events leads to."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from services.board.machine import RULES, Command, Decision, NewPart, Policy, allowed, created, due_times
from services.board.model import (
    ACTIVE,
    FINAL,
    HELD,
    Action,
    Actor,
    ActorKind,
    Change,
    Draft,
    Refused,
    Request,
    State,
    Why,
)
from services.board.store.rows import difference, replayed
from services.board.transitions import decide

POLICY = Policy(nudge_after=1000, release_after=500, expire_after=5000, remind_before=100)
PEOPLE = [Actor(user, f"Member {user}") for user in (1, 2, 3)]
OFFICER = Actor(9, "Officer", ActorKind.OFFICER)
ACTORS = [*PEOPLE, OFFICER, Actor.system()]
ID = "0" * 21


def fresh(quantity: int = 4, now: int = 0) -> Request:
    draft = Draft("Flask", quantity, "alchemy")
    return replace(created(draft, PEOPLE[0], 5, request_id=ID + "0", now=now, policy=POLICY).after, number=1)


def done(request: Request, action: Action, actor: Actor, now: int = 10, **more: object) -> Decision:
    part = NewPart(ID + "1", 1)
    decision = decide(request, Command(action, **more), actor, now, policy=POLICY, part=part)  # type: ignore[arg-type]
    assert isinstance(decision, Decision), decision
    return decision


def refused(request: Request, action: Action, actor: Actor, now: int = 10, **more: object) -> Refused:
    part = NewPart(ID + "1", 1)
    answer = decide(request, Command(action, **more), actor, now, policy=POLICY, part=part)  # type: ignore[arg-type]
    assert isinstance(answer, Refused), answer
    return answer


class Life(RuleBasedStateMachine):
    """Requests under random commands; beside them a model that knows only who holds how many, and what is over."""

    @initialize(quantity=st.integers(1, 6))
    def begin(self, quantity: int) -> None:
        self.now = 0
        first = fresh(quantity)
        self.rows = {first.request_id: first}
        self.total = quantity
        self.events: dict[str, list[dict[str, object]]] = {
            first.request_id: [difference(None, first)[1]],
        }
        self.over: dict[str, State] = {}

    @rule(
        action=st.sampled_from([action for action in Action if action is not Action.CREATE]),
        actor=st.sampled_from(ACTORS),
        row=st.integers(0, 50),
        quantity=st.integers(0, 7),
        stale=st.booleans(),
        heir=st.integers(0, 3),
        wait=st.integers(1, 3000),
    )
    def command(self, action: Action, actor: Actor, row: int, quantity: int, stale: bool, heir: int, wait: int) -> None:
        self.now += wait
        request = list(self.rows.values())[row % len(self.rows)]
        part_id = f"{len(self.rows):022d}"
        given = Command(
            action,
            expected_version=request.version + 1 if stale else request.version,
            quantity=quantity,
            heir_id=heir,
            heir_name="Heir",
            due_at=self.now + 700,
            draft=Draft("Flask", request.quantity, "alchemy", note=str(self.now)),
        )
        answer = decide(request, given, actor, self.now, policy=POLICY, part=NewPart(part_id, len(self.rows)))
        if isinstance(answer, Refused):
            assert answer.request == request
            if stale and action in answer.allowed:
                assert answer.why is Why.STALE
            return
        assert not stale
        assert action in allowed(request, actor)
        for change in answer.changes:
            self._apply(change)

    def _apply(self, change: Change) -> None:
        identifier = change.after.request_id
        assert (change.before or change.after) == self.rows.get(identifier, change.after)
        assert change.after.version == (change.before.version + 1 if change.before else 1)
        self.rows[identifier] = change.after
        self.events.setdefault(identifier, []).append(difference(change.before, change.after)[1])
        if change.after.state in FINAL:
            self.over[identifier] = change.after.state

    @invariant()
    def nothing_is_lost_or_made(self) -> None:
        if hasattr(self, "rows"):
            assert sum(row.quantity for row in self.rows.values()) == self.total
            assert all(row.quantity >= 1 for row in self.rows.values())

    @invariant()
    def what_is_over_stays_over(self) -> None:
        for identifier, state in getattr(self, "over", {}).items():
            assert self.rows[identifier].state is state
            assert not any(allowed(self.rows[identifier], actor) for actor in ACTORS)

    @invariant()
    def held_requests_have_one_crafter_and_others_none(self) -> None:
        for row in getattr(self, "rows", {}).values():
            if row.state in HELD | {State.COMPLETED}:
                assert row.claim is not None
            if row.state in {State.OPEN, State.EXPIRED}:
                assert row.claim is None
            assert (row.closed_at is None) == (row.state in ACTIVE)

    @invariant()
    def every_history_replays_to_its_row(self) -> None:
        for identifier, row in getattr(self, "rows", {}).items():
            assert replayed(self.events[identifier]) == row

    @invariant()
    def what_is_due_can_be_done_when_it_is(self) -> None:
        for row in getattr(self, "rows", {}).values():
            for action, at in due_times(row, POLICY).items():
                answer = decide(
                    row, Command(action), Actor.system(), max(at, self.now), policy=POLICY, part=NewPart("x", 1)
                )
                assert isinstance(answer, Decision), (action, answer)


Life.TestCase.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
TestLife = Life.TestCase


def test_every_action_and_state_is_either_allowed_or_refused_with_what_is() -> None:
    request = fresh()
    claimed = done(request, Action.CLAIM, PEOPLE[1]).result
    rows = {
        State.OPEN: request,
        State.CLAIMED: claimed,
        State.WAITING_MATERIALS: done(claimed, Action.AWAIT_MATERIALS, PEOPLE[1]).result,
        State.READY: done(claimed, Action.READY, PEOPLE[1]).result,
        State.COMPLETED: done(claimed, Action.COMPLETE, PEOPLE[1]).result,
        State.CANCELLED: done(request, Action.CANCEL, PEOPLE[0]).result,
        State.EXPIRED: done(request, Action.EXPIRE, Actor.system(), now=6000).result,
    }
    for state, row in rows.items():
        assert row.state is state
        for action, (states, _) in RULES.items():
            if state not in states:
                assert action not in allowed(row, OFFICER)
    assert refused(rows[State.CANCELLED], Action.COMPLETE, OFFICER).why is Why.NOT_FROM_HERE
    assert refused(rows[State.READY], Action.CLAIM, PEOPLE[2]).why is Why.ALREADY_CLAIMED
    assert set(allowed(rows[State.EXPIRED], PEOPLE[0])) == {Action.REOPEN}


def test_a_part_is_claimed_and_the_rest_stays_open() -> None:
    decision = done(fresh(10), Action.CLAIM, PEOPLE[1], quantity=3)
    rest, part = decision.changes[0].after, decision.changes[1].after
    assert decision.result is part
    assert (rest.quantity, rest.state, part.quantity, part.state) == (7, State.OPEN, 3, State.CLAIMED)
    assert (part.number, part.parent_id) == (rest.number, rest.request_id)


def test_a_claim_that_moves_gets_its_time_anew_and_a_ready_one_is_not_hurried() -> None:
    claimed = done(fresh(), Action.CLAIM, PEOPLE[1], now=100).result
    assert due_times(claimed, POLICY) == {Action.NUDGE: 1100, Action.RELEASE: 1600}
    nudged = done(claimed, Action.NUDGE, Actor.system(), now=1100).result
    assert due_times(nudged, POLICY) == {Action.RELEASE: 1600}
    moved = done(nudged, Action.AWAIT_MATERIALS, PEOPLE[1], now=1200).result
    assert due_times(moved, POLICY) == {Action.NUDGE: 2200, Action.RELEASE: 2700}
    ready = done(moved, Action.READY, PEOPLE[1], now=1300).result
    assert due_times(ready, POLICY) == {}
    assert refused(moved, Action.RELEASE, Actor.system(), now=2699).why is Why.INVALID
    assert done(moved, Action.RELEASE, Actor.system(), now=2700).result.state is State.OPEN


@pytest.mark.parametrize("quantity", [-1, 5, 10**9])
def test_more_than_there_are_cannot_be_claimed(quantity: int) -> None:
    assert refused(fresh(4), Action.CLAIM, PEOPLE[1], quantity=quantity).why is Why.INVALID
