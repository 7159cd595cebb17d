"""One use of a text command, and what may come of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chassis.scoped import Place
from services.gateway.events import Message
from services.gateway.handover import Question


@dataclass(frozen=True, slots=True)
class Typed:
    """One use of a text command."""

    message: Message
    place: Place
    rest: str
    locale: str


Answer = Mapping[str, Any] | Question | None
"""A message to post, a question to ask, or nothing."""
