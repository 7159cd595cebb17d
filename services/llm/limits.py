"""What a call may use: a reservation before it, a settlement after it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Asker:
    """For whom a call is made."""

    user_id: int = 0
    guild_id: int = 0
    role_ids: tuple[int, ...] = ()
    permissions: int = 0
    channel_id: int = 0
    service: str = ""
    """The service that asks; a system's own work has no user."""


@dataclass(frozen=True, slots=True)
class Spending:
    """What a call uses, estimated before and real after it."""

    tokens: int = 0
    nanos: int = 0
    """Nano-dollars; 0 where the price is unknown."""
    images: int = 0


@dataclass(frozen=True, slots=True)
class Denial:
    """A limit that stands against a call. A normal outcome, not an error."""

    limit: str
    """The limit's name."""
    remaining: int
    """Units left of it."""
    capacity: int
    """Units when untouched."""
    retry_after: float
    """Seconds until this call would be allowed; 0 where it never would."""
    budget: bool = False
    """Whether it counts tokens or money, so that a cheaper model may help."""
    unavailable: bool = False
    """Whether it is denied because the limits could not be read."""


class Reservation(Protocol):
    """Something held until it is settled."""

    async def settle(self, used: Spending) -> None:
        """Charges what was really used and gives the rest back. Never raises: what can't be settled expires."""
        ...


class Limits(Protocol):
    """Where limits are kept."""

    async def reserve(
        self, call_id: str, asker: Asker, provider: str, model: str, estimate: Spending
    ) -> Reservation | Denial:
        """Holds an estimate against everything that limits this call, or says what stands against it."""
        ...


class _Free:
    async def settle(self, used: Spending) -> None:
        """Nothing was held."""


class NoLimits:
    """For installations that switched limits off."""

    async def reserve(
        self, call_id: str, asker: Asker, provider: str, model: str, estimate: Spending
    ) -> Reservation | Denial:
        """Everything is allowed."""
        return _Free()
