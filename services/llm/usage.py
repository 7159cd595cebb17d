"""The usage ledger: what every call used, summed by day, guild, person and model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from services.llm.chat import Usage


@dataclass(frozen=True, slots=True)
class CallRecord:
    """One call to a provider."""

    call_id: str
    at: float
    """Unix seconds."""
    guild_id: int
    user_id: int
    model: str
    operation: str
    """`chat`, `title`, `plan`, `recommend` or `image`."""
    usage: Usage
    seconds: float
    outcome: str


class Ledger(Protocol):
    """Where calls are written down."""

    async def record(self, record: CallRecord) -> None:
        """Writes one call down, once for each call id."""
        ...
