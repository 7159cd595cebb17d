"""What the board speaks of: requests, claims, actors. Pure values; times are Unix milliseconds, ids are snowflakes.

Where several crafters share one request, each part is a request of its own with the same number (`part` counts them),
so a request has at most one crafter at any time, and the machine stays the same for wholes and parts.
"""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """Where a request stands."""

    OPEN = "open"
    CLAIMED = "claimed"
    WAITING_MATERIALS = "waiting_materials"
    READY = "ready"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


ACTIVE = frozenset({State.OPEN, State.CLAIMED, State.WAITING_MATERIALS, State.READY})
HELD = frozenset({State.CLAIMED, State.WAITING_MATERIALS, State.READY})
FINAL = frozenset({State.COMPLETED, State.CANCELLED})


class Action(StrEnum):
    """What can be done to a request."""

    CREATE = "create"
    CLAIM = "claim"
    RELEASE = "release"
    TRANSFER = "transfer"
    AWAIT_MATERIALS = "await_materials"
    RECEIVE_MATERIALS = "receive_materials"
    READY = "ready"
    COMPLETE = "complete"
    CANCEL = "cancel"
    REOPEN = "reopen"
    EXTEND = "extend"
    SPLIT = "split"
    EDIT = "edit"
    EXPIRE = "expire"
    NUDGE = "nudge"
    REMIND = "remind"
    NAME_CHARACTER = "name_character"


class Materials(StrEnum):
    """Who brings the materials."""

    CRAFTER = "crafter"
    REQUESTER = "requester"
    SHARED = "shared"


@dataclass(frozen=True, slots=True)
class Claim:
    """A crafter's hold on a request. It stays on a completed one, as the record of who made it."""

    crafter_id: int
    crafter_name: str
    character_id: str
    claimed_at: int
    nudged_at: int | None = None
    release_at: int | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """One thing that somebody wants made."""

    request_id: str
    guild_id: int
    number: int
    part: int
    parent_id: str
    item: str
    quantity: int
    profession: str
    quality: str
    materials: Materials
    note: str
    tip: str
    requester_id: int
    requester_name: str
    character_id: str
    state: State
    version: int
    claim: Claim | None
    due_at: int | None
    expires_at: int | None
    reminded_at: int | None
    created_at: int
    updated_at: int
    closed_at: int | None


class ActorKind(StrEnum):
    """In what capacity somebody acts."""

    PERSON = "person"
    OFFICER = "officer"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts. `kind` says what Discord's permissions of this very interaction allow, never what was stored."""

    user_id: int
    name: str
    kind: ActorKind = ActorKind.PERSON

    @classmethod
    def system(cls) -> "Actor":
        """The board itself: expiry, nudges, releases."""
        return cls(0, "", ActorKind.SYSTEM)


@dataclass(frozen=True, slots=True)
class Draft:
    """What somebody wants made, cleaned and checked."""

    item: str
    quantity: int
    profession: str
    quality: str = ""
    materials: Materials = Materials.CRAFTER
    note: str = ""
    tip: str = ""
    due_at: int | None = None
    character_id: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """One row going from `before` (None where it is new) to `after`, by one action. Every change becomes one event."""

    action: Action
    before: Request | None
    after: Request
    detail: str = ""


class Why(StrEnum):
    """Why something was not done, where that is a normal outcome."""

    ALREADY_CLAIMED = "already_claimed"
    STALE = "stale"
    NOT_FROM_HERE = "not_from_here"
    NOT_PERMITTED = "not_permitted"
    BLOCKED = "blocked"
    TOO_MANY_OPEN = "too_many_open"
    UNKNOWN_REQUEST = "unknown_request"
    INVALID = "invalid"


@dataclass(frozen=True, slots=True)
class Refused:
    """A no that is an answer, with the request as it is now and what this actor may do to it.

    `faster` is the claim that was there first, where that is why.
    """

    why: Why
    request: Request | None = None
    allowed: tuple[Action, ...] = ()
    limit: int = 0
    detail: str = ""
    faster: Claim | None = None
