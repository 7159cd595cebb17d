"""What each transition makes of a request.

Pure: the caller writes what `decide` gives by compare-and-set on the version that it was decided on, and asks again
where somebody else was faster.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from services.board.machine import RULES, Command, Decision, NewPart, Policy, allowed
from services.board.model import (
    HELD,
    Action,
    Actor,
    ActorKind,
    Change,
    Claim,
    Refused,
    Request,
    State,
    Why,
)
from services.board.problems import Problem


def decide(
    request: Request, command: Command, actor: Actor, now: int, *, policy: Policy, part: NewPart
) -> Decision | Refused:
    """What a command makes of a request, or why it makes nothing. `now` in Unix milliseconds."""
    may = allowed(request, actor)
    if command.action not in may:
        return _refusal(request, command, actor, may)
    if command.expected_version not in (0, request.version):
        return Refused(Why.STALE, request, may)
    if not 0 <= command.quantity <= request.quantity:
        return Refused(
            Why.INVALID, request, may, detail=Problem("fewer_there", have=request.quantity, wanted=command.quantity)
        )
    return _HANDLERS[command.action](_Case(request, command, actor, now, policy, part, may))


def _refusal(request: Request, command: Command, actor: Actor, may: tuple[Action, ...]) -> Refused:
    states, _ = RULES.get(command.action, (frozenset(), frozenset()))
    if command.action is Action.CLAIM and request.state in HELD:
        return Refused(Why.ALREADY_CLAIMED, request, may, faster=request.claim)
    if request.state not in states:
        return Refused(Why.NOT_FROM_HERE, request, may)
    if command.action is Action.SPLIT and request.quantity < 2:
        return Refused(Why.INVALID, request, may, detail=Problem("one_piece"))
    return Refused(Why.NOT_PERMITTED, request, may)


@dataclass(frozen=True, slots=True)
class _Case:
    request: Request
    command: Command
    actor: Actor
    now: int
    policy: Policy
    part: NewPart
    may: tuple[Action, ...]

    def next(self, **changes: object) -> Request:
        return replace(self.request, version=self.request.version + 1, updated_at=self.now, **changes)  # type: ignore[arg-type]

    def becomes(self, detail: str = "", **changes: object) -> Decision:
        after = self.next(**changes)
        return Decision((Change(self.command.action, self.request, after, detail or self.command.reason),), after)

    def invalid(self, detail: Problem) -> Refused:
        return Refused(Why.INVALID, self.request, self.may, detail=detail)

    def hold(self, crafter_id: int, crafter_name: str) -> Claim:
        return Claim(crafter_id, crafter_name, self.command.character_id, self.now, None, self.deadline())

    def deadline(self) -> int | None:
        """When a claim that does not move is taken back."""
        if not (self.policy.nudge_after and self.policy.release_after):
            return None
        return self.now + self.policy.nudge_after + self.policy.release_after

    def expiry(self) -> int | None:
        """When an open request expires: never before it is due."""
        if not self.policy.expire_after:
            return None
        return max(self.now + self.policy.expire_after, self.request.due_at or 0)

    def split_off(self, quantity: int, action: Action, **changes: object) -> Decision:
        """Takes `quantity` out into a part of its own, on which `action` is done; it is as old as the whole."""
        rest = self.next(quantity=self.request.quantity - quantity)
        made = replace(
            self.request,
            request_id=self.part.request_id,
            part=self.part.part,
            parent_id=self.request.request_id,
            quantity=quantity,
            version=1,
            updated_at=self.now,
            **changes,  # type: ignore[arg-type]
        )
        return Decision((Change(Action.SPLIT, self.request, rest), Change(action, None, made)), made)

    @property
    def partial(self) -> bool:
        """Whether the command is about fewer than there are."""
        return 0 < self.command.quantity < self.request.quantity


def _claim(case: _Case) -> Decision:
    claim = case.hold(case.actor.user_id, case.actor.name)
    if case.partial:
        return case.split_off(case.command.quantity, Action.CLAIM, state=State.CLAIMED, claim=claim, expires_at=None)
    return case.becomes(state=State.CLAIMED, claim=claim, expires_at=None)


def _release(case: _Case) -> Decision | Refused:
    claim = case.request.claim
    if case.actor.kind is ActorKind.SYSTEM and (
        claim is None or claim.release_at is None or claim.release_at > case.now
    ):
        return case.invalid(Problem("too_early"))
    return case.becomes(state=State.OPEN, claim=None, expires_at=case.expiry())


def _transfer(case: _Case) -> Decision | Refused:
    heir = case.command.heir_id
    if heir == 0:
        return case.invalid(Problem("no_heir"))
    if case.request.claim is not None and case.request.claim.crafter_id == heir:
        return case.invalid(Problem("same_heir"))
    state = State.CLAIMED if case.request.state is State.OPEN else case.request.state
    claim = case.hold(heir, case.command.heir_name)
    if state is State.READY:
        claim = replace(claim, release_at=None)
    return case.becomes(state=state, claim=claim, expires_at=None)


def _moved(case: _Case) -> Claim | None:
    """The claim after its crafter did something: the time of grace begins anew."""
    claim = case.request.claim
    return None if claim is None else replace(claim, nudged_at=None, release_at=case.deadline())


def _name_character(case: _Case) -> Decision | Refused:
    claim = case.request.claim
    if claim is None or not case.command.character_id:
        return case.invalid(Problem("no_character"))
    return case.becomes(claim=replace(claim, character_id=case.command.character_id))


def _await_materials(case: _Case) -> Decision:
    return case.becomes(state=State.WAITING_MATERIALS, claim=_moved(case))


def _receive_materials(case: _Case) -> Decision:
    return case.becomes(state=State.CLAIMED, claim=_moved(case))


def _ready(case: _Case) -> Decision:
    # What is made waits for the requester, so the crafter is not hurried any more.
    claim = case.request.claim
    return case.becomes(state=State.READY, claim=None if claim is None else replace(claim, release_at=None))


def _complete(case: _Case) -> Decision:
    claim = case.request.claim
    done = None if claim is None else replace(claim, release_at=None)
    if case.partial:
        return case.split_off(
            case.command.quantity, Action.COMPLETE, state=State.COMPLETED, claim=done, closed_at=case.now
        )
    return case.becomes(state=State.COMPLETED, claim=done, closed_at=case.now)


def _cancel(case: _Case) -> Decision:
    claim = case.request.claim
    return case.becomes(
        state=State.CANCELLED,
        claim=None if claim is None else replace(claim, release_at=None),
        expires_at=None,
        closed_at=case.now,
    )


def _reopen(case: _Case) -> Decision:
    due = case.request.due_at if case.request.due_at is not None and case.request.due_at > case.now else None
    reopened = replace(case, request=replace(case.request, due_at=due))
    after = case.next(
        state=State.OPEN, claim=None, due_at=due, reminded_at=None, expires_at=reopened.expiry(), closed_at=None
    )
    return Decision((Change(Action.REOPEN, case.request, after, case.command.reason),), after)


def _extend(case: _Case) -> Decision | Refused:
    command, request = case.command, case.request
    due = request.due_at if command.due_at is None else command.due_at
    expires = request.expires_at if command.expires_at is None else command.expires_at
    if command.due_at is None and command.expires_at is None:
        return case.invalid(Problem("no_date"))
    if (command.due_at is not None and command.due_at <= case.now) or (expires is not None and expires <= case.now):
        return case.invalid(Problem("past"))
    if request.state is not State.OPEN:
        expires = None
    elif expires is not None and due is not None:
        expires = max(expires, due)
    return case.becomes(due_at=due, expires_at=expires, reminded_at=None)


def _split(case: _Case) -> Decision | Refused:
    if not case.partial:
        return case.invalid(Problem("part", most=case.request.quantity - 1))
    return case.split_off(case.command.quantity, Action.CREATE)


def _edit(case: _Case) -> Decision | Refused:
    draft, request = case.command.draft, case.request
    if draft is None:
        return case.invalid(Problem("no_change"))
    fixed = (request.item, request.quantity, request.profession, request.quality)
    if request.state is not State.OPEN and (draft.item, draft.quantity, draft.profession, draft.quality) != fixed:
        return case.invalid(Problem("held_edit"))
    expires = request.expires_at
    if expires is not None and draft.due_at is not None:
        expires = max(expires, draft.due_at)
    return case.becomes(
        item=draft.item,
        quantity=draft.quantity,
        profession=draft.profession,
        quality=draft.quality,
        materials=draft.materials,
        note=draft.note,
        tip=draft.tip,
        due_at=draft.due_at,
        character_id=draft.character_id,
        expires_at=expires,
        reminded_at=request.reminded_at if draft.due_at == request.due_at else None,
    )


def _expire(case: _Case) -> Decision | Refused:
    if case.request.expires_at is None or case.request.expires_at > case.now:
        return case.invalid(Problem("too_early"))
    return case.becomes(state=State.EXPIRED, expires_at=None, closed_at=case.now)


def _nudge(case: _Case) -> Decision | Refused:
    claim = case.request.claim
    if claim is None or claim.nudged_at is not None:
        return case.invalid(Problem("nobody_there"))
    return case.becomes(claim=replace(claim, nudged_at=case.now))


def _remind(case: _Case) -> Decision | Refused:
    if case.request.due_at is None or case.request.reminded_at is not None:
        return case.invalid(Problem("nothing_due"))
    return case.becomes(reminded_at=case.now)


_HANDLERS: dict[Action, Callable[[_Case], Decision | Refused]] = {
    Action.CLAIM: _claim,
    Action.RELEASE: _release,
    Action.TRANSFER: _transfer,
    Action.NAME_CHARACTER: _name_character,
    Action.AWAIT_MATERIALS: _await_materials,
    Action.RECEIVE_MATERIALS: _receive_materials,
    Action.READY: _ready,
    Action.COMPLETE: _complete,
    Action.CANCEL: _cancel,
    Action.REOPEN: _reopen,
    Action.EXTEND: _extend,
    Action.SPLIT: _split,
    Action.EDIT: _edit,
    Action.EXPIRE: _expire,
    Action.NUDGE: _nudge,
    Action.REMIND: _remind,
}
