"""What a call may use: a reservation before it, a settlement after it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Asker:
    """For whom a call is made."""

    user_id: int = 0
    guild_id: int = 0
    role_ids: tuple[int, ...] = ()
    permissions: int = 0
    channel_id: int = 0
    category_id: int = 0
    thread_id: int = 0
    service: str = ""
    """The service that asks; a system's own work has no user."""
    seen: dict[str, object] = field(default_factory=dict, compare=False, repr=False)
    """What was looked up for this asker, so that it is looked up once."""


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

    @property
    def sentence(self) -> str:
        """What a person is told."""
        what = "budget for answers" if self.budget else "number of questions"
        wait = duration_words(self.retry_after)
        back = f" It is back in {wait}." if self.retry_after > 0 else ""
        return f"Your {what} is used up for now: {self.remaining:,} of {self.capacity:,} left ({self.limit}).{back}"


class Reservation(Protocol):
    """Something held until it is settled."""

    async def settle(self, used: Spending | None) -> None:
        """Charges what was really used and gives the rest back; None where nothing was answered, which is free.

        Never raises: what can't be settled is charged as estimated when it expires.
        """
        ...


class Limits(Protocol):
    """Where limits are kept."""

    async def reserve(
        self, call_id: str, asker: Asker, model: str, estimate: Spending, seconds: float
    ) -> Reservation | Denial:
        """Holds an estimate for a time against everything that limits this call, or says what stands against it.

        Raises Unavailable (LIMITS_UNAVAILABLE) where limits can't be read and must be.
        """
        ...


class NotCoveredError(ValueError):
    """A limit stands against another model than the one that was asked first."""


class Hold:
    """What one answer holds, model by model: whichever model is asked, its own limits and price count."""

    def __init__(self, limits: Limits, call_id: str, asker: Asker, model: str, held: Reservation) -> None:
        self._limits = limits
        self._call_id = call_id
        self._asker = asker
        self._model = model
        self._held = held
        self._moves = 0

    async def cover(self, model: str, estimate: Spending, seconds: float) -> None:
        """Holds for a model in place of the one before it, which did not answer. Raises NotCoveredError."""
        if model == self._model:
            return
        self._moves += 1
        before, self._held, self._model = self._held, Free(), ""
        await before.settle(None)
        held = await self._limits.reserve(f"{self._call_id}f{self._moves}", self._asker, model, estimate, seconds)
        if isinstance(held, Denial):
            raise NotCoveredError(held.limit)
        self._held, self._model = held, model

    async def settle(self, used: Spending | None) -> None:
        """See Reservation."""
        await self._held.settle(used)


class Free:
    """A reservation of nothing."""

    async def settle(self, used: Spending | None) -> None:
        """Nothing was held."""


class NoLimits:
    """For installations that switched limits off."""

    async def reserve(
        self, call_id: str, asker: Asker, model: str, estimate: Spending, seconds: float
    ) -> Reservation | Denial:
        """Everything is allowed."""
        return Free()


def duration_words(seconds: float) -> str:
    """A duration as people say it: its largest unit, rounded up."""
    for unit, size in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds > size:
            number = -int(-seconds // size)
            return f"{number} {unit}{'s' if number > 1 else ''}"
    number = max(1, -int(-seconds // 1))
    return f"{number} second{'s' if number > 1 else ''}"
