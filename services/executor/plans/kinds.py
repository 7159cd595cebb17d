"""What a row of the operation table says of one kind of operation; pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from services.executor.plans.inverses import Inverse
from services.executor.plans.operation import Operation, Outcome


class Effect(Enum):
    """What a repeat of the call would do, which decides how an unknown outcome is found out."""

    CREATE = "create"
    """Another thing: look for the first one before repeating."""
    SET = "set"
    """The same again: repeat."""
    DELETE = "delete"
    """Nothing, for it is gone: repeat, and 404 is success."""


class Reversible(Enum):
    """Whether undo brings things back."""

    FULLY = "fully"
    """Equal, ids aside."""
    PARTLY = "partly"
    """With losses that the preview names."""
    NOT = "not"
    """It cannot come back."""


class Risk(Enum):
    """How much harm a mistake would do."""

    LOW = 0
    MEDIUM = 1
    HIGH = 2


@dataclass(frozen=True)
class Rate:
    """So many calls in so many seconds, per thing that they are counted by."""

    calls: int
    seconds: float
    per: str = "guild"
    """`guild`, or the path parameter that the count is kept by."""

    @property
    def long(self) -> bool:
        """Whether waiting for it means many minutes or hours: a plan says so instead of waiting."""
        return self.seconds >= 600


@dataclass(frozen=True)
class Kind:
    """One row."""

    method: str
    template: str
    permissions: tuple[str, ...]
    """What both the requester and the bot must be allowed."""
    effect: Effect
    reversible: Reversible
    risk: Risk
    rates: tuple[Rate, ...]
    inverse: Callable[[Operation, Outcome], list[Inverse]]
    channel_parameter: str = ""
    """The path parameter whose channel's overwrites count for the permissions; empty for the guild's own."""
    audit_action: int = 0
    """The audit log's action type under which a creation appears."""
    ceiling: str = ""
    """The structural limit that it counts against, by preflight's name."""
    result: str = "id"
    """The key of the answer that names what was created; empty where nothing is."""
    stage: int = 2
    """Roles 0, categories 1, channels 2, overwrites 3, the rest 4, reorders 5: lower ones go first where ready."""
    reason: bool = True
    """Whether the route takes an audit-log reason."""
