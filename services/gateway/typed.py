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
    in_conversation: bool
    """Whether the channel is a conversation as a whole: a thread of the bot's, or a direct message."""

    @property
    def locale(self) -> str:
        """The language to answer in."""
        return self.message.author.locale


Answer = Mapping[str, Any] | Question | None
"""A message to post, a question to ask, or nothing."""
