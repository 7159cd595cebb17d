"""The request's state machine: what may be done from where, by whom, and what it makes of the row.

    OPEN ──claim──▶ CLAIMED ◀──▶ WAITING_MATERIALS        OPEN ──expire──▶ EXPIRED ──reopen──▶ OPEN
      ▲                │  └──────────┬───────┘            OPEN, held ──cancel──▶ CANCELLED
      └────release─────┴── READY ◀───┘ ──complete──▶ COMPLETED

COMPLETED and CANCELLED are final, so a cancelled request is never completed. Here stand the rules; what each
transition makes of the row stands in `transitions`.
"""

from dataclasses import dataclass

from services.board.model import (
    ACTIVE,
    HELD,
    Action,
    Actor,
    ActorKind,
    Change,
    Draft,
    Request,
    State,
)


@dataclass(frozen=True, slots=True)
class Policy:
    """The guild's times, in milliseconds; 0 switches a thing off."""

    nudge_after: int = 0
    release_after: int = 0
    expire_after: int = 0
    remind_before: int = 0


@dataclass(frozen=True, slots=True)
class Command:
    """What is to be done to one request. What an action does not use is ignored.

    `quantity` 0 means all of it; `expected_version` 0 means whatever the version is. `heir_id` is who takes over in a
    transfer. `draft` is what an edit makes of the request, whole.
    """

    action: Action
    expected_version: int = 0
    quantity: int = 0
    heir_id: int = 0
    heir_name: str = ""
    character_id: str = ""
    due_at: int | None = None
    expires_at: int | None = None
    draft: Draft | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """What to write. `result` is the request the command was about: a claimed part rather than the rest of it."""

    changes: tuple[Change, ...]
    result: Request


@dataclass(frozen=True, slots=True)
class NewPart:
    """The identity of a part that may be split off; its number's part is given by the store when it is written."""

    request_id: str
    part: int


# From which states, and as whom.
RULES: dict[Action, tuple[frozenset[State], frozenset[str]]] = {
    Action.CLAIM: (frozenset({State.OPEN}), frozenset({"anyone"})),
    Action.RELEASE: (HELD, frozenset({"crafter", "officer", "system"})),
    Action.TRANSFER: (HELD | {State.OPEN}, frozenset({"crafter", "officer"})),
    Action.AWAIT_MATERIALS: (frozenset({State.CLAIMED}), frozenset({"crafter", "officer"})),
    Action.RECEIVE_MATERIALS: (frozenset({State.WAITING_MATERIALS}), frozenset({"crafter", "requester", "officer"})),
    Action.NAME_CHARACTER: (HELD, frozenset({"crafter"})),
    Action.READY: (frozenset({State.CLAIMED, State.WAITING_MATERIALS}), frozenset({"crafter", "officer"})),
    Action.COMPLETE: (HELD, frozenset({"crafter", "requester", "officer"})),
    Action.CANCEL: (ACTIVE, frozenset({"requester", "officer"})),
    Action.REOPEN: (frozenset({State.EXPIRED}), frozenset({"requester", "officer"})),
    Action.EXTEND: (ACTIVE, frozenset({"requester", "officer"})),
    Action.SPLIT: (frozenset({State.OPEN, *HELD}), frozenset({"requester", "crafter", "officer"})),
    Action.EDIT: (ACTIVE, frozenset({"requester", "officer"})),
    Action.EXPIRE: (frozenset({State.OPEN}), frozenset({"system"})),
    Action.NUDGE: (HELD, frozenset({"system"})),
    Action.REMIND: (ACTIVE, frozenset({"system"})),
}


def roles_of(request: Request, actor: Actor) -> frozenset[str]:
    """In what capacities an actor stands to a request."""
    if actor.kind is ActorKind.SYSTEM:
        return frozenset({"system"})
    roles = {"anyone"}
    if actor.user_id == request.requester_id:
        roles.add("requester")
    if request.claim is not None and request.state in HELD and actor.user_id == request.claim.crafter_id:
        roles.add("crafter")
    if actor.kind is ActorKind.OFFICER:
        roles.add("officer")
    return frozenset(roles)


def allowed(request: Request, actor: Actor) -> tuple[Action, ...]:
    """What this actor may do to the request from where it stands, in the order of the rules."""
    roles = roles_of(request, actor)
    found = [action for action, (states, who) in RULES.items() if request.state in states and roles & who]
    if Action.TRANSFER in found and request.state is State.OPEN and "officer" not in roles:
        found.remove(Action.TRANSFER)
    if Action.SPLIT in found and request.quantity < 2:
        found.remove(Action.SPLIT)
    return tuple(found)


def created(draft: Draft, requester: Actor, guild_id: int, *, request_id: str, now: int, policy: Policy) -> Change:
    """A new request; it expires some time after it was made, but never before it is due. The store numbers it."""
    expires = max(now + policy.expire_after, draft.due_at or 0) if policy.expire_after else None
    row = Request(
        request_id=request_id,
        guild_id=guild_id,
        number=0,
        part=0,
        parent_id="",
        item=draft.item,
        quantity=draft.quantity,
        profession=draft.profession,
        quality=draft.quality,
        materials=draft.materials,
        note=draft.note,
        tip=draft.tip,
        requester_id=requester.user_id,
        requester_name=requester.name,
        character_id=draft.character_id,
        state=State.OPEN,
        version=1,
        claim=None,
        due_at=draft.due_at,
        expires_at=expires,
        reminded_at=None,
        created_at=now,
        updated_at=now,
        closed_at=None,
    )
    return Change(Action.CREATE, None, row)


def due_times(request: Request, policy: Policy) -> dict[Action, int]:
    """When the board has to act on a request by itself, for its row in the due-time index."""
    due: dict[Action, int] = {}
    claim = request.claim
    if request.state is State.OPEN and request.expires_at is not None:
        due[Action.EXPIRE] = request.expires_at
    if request.state in HELD and claim is not None and claim.release_at is not None:
        due[Action.RELEASE] = claim.release_at
        if claim.nudged_at is None:
            due[Action.NUDGE] = claim.release_at - policy.release_after
    if request.state in ACTIVE and request.due_at is not None and request.reminded_at is None and policy.remind_before:
        remind_at = request.due_at - policy.remind_before
        # Whoever asks for something within the hour needs no reminder of it.
        if remind_at > request.created_at:
            due[Action.REMIND] = remind_at
    return due
