"""What is asked of the generator, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass, field

from services.llm.catalogue import Model
from services.llm.chat import Finish, TextDelta, ThinkingDelta, ToolCallEvent, ToolSpec, Usage
from services.llm.conversation import ConversationTurn, Input, ToolExchange
from services.llm.limits import Denial
from services.llm.preferences import Choice


@dataclass(frozen=True, slots=True)
class Ask:
    """A request for an answer."""

    conversation_id: str
    turn_id: str
    inputs: tuple[Input, ...]
    guild_id: int = 0
    channel_id: int = 0
    choice: Choice = field(default_factory=Choice)
    """What the request itself chooses, above all settings."""
    max_output_tokens: int = 0
    tools: tuple[ToolSpec, ...] = ()
    exchanges: tuple[ToolExchange, ...] = ()
    """Tool calls of this turn that were run, with their results."""
    replaces_turn_id: str = ""
    """A turn that this one takes the place of, with everything that came after it."""
    follow_up: bool = False
    """Whether there must be a conversation already."""
    history: tuple[ConversationTurn, ...] = ()
    """The conversation as Discord has it, for one that expired here."""
    cacheable: bool = False
    """Whether an equal request may be answered from the cache."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A model begins to answer."""

    model: Model
    dropped_turns: int
    context_tokens: int
    rebuilt: bool = False
    downgraded_from: str = ""
    notices: tuple[str, ...] = ()
    cached: bool = False


@dataclass(frozen=True, slots=True)
class Denied:
    """A limit stands against the answer."""

    denial: Denial


@dataclass(frozen=True, slots=True)
class Ended:
    """The answer is over."""

    finish: Finish
    usage: Usage
    seconds: float
    interruption: str = ""


ReplyEvent = Begun | TextDelta | ThinkingDelta | ToolCallEvent | Denied | Ended
