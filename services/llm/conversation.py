"""Conversations: turns of people and a model, and the context that is made of them."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from services.llm.chat import Image, JSONObject, Message, ToolCall, Usage
from services.llm.context import Turn as MessageTurn

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u200e\u200f\u202a-\u202e\u2066-\u2069]")

NOBODY = 0
"""The author of words whose author is not known."""
DISCORD_EPOCH = 1_420_070_400.0
"""The first second of 2015, from which snowflakes count: https://docs.discord.com/developers/reference#snowflakes"""


@dataclass(frozen=True, slots=True)
class Input:
    """What one person said."""

    text: str
    author_id: int = 0
    author_name: str = ""
    attachment_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ToolExchange:
    """A round of tool calls within a turn, with what came of them."""

    calls: tuple[ToolCall, ...]
    results: tuple[tuple[str, str], ...]
    """Pairs of call id and result."""
    text: str = ""
    thinking_blocks: tuple[JSONObject, ...] = ()


@dataclass(frozen=True, slots=True)
class ConversationTurn:
    """One question and its answer."""

    turn_id: str
    inputs: tuple[Input, ...]
    created: float
    """Unix seconds; turns are in this order, those of one moment by id."""
    answer: str = ""
    model: str = ""
    complete: bool = False
    exchanges: tuple[ToolExchange, ...] = ()
    usage: Usage | None = None
    rebuilt: bool = False
    """Whether it was brought back from Discord after the conversation had expired."""

    @property
    def order(self) -> tuple[float, str]:
        """Where it stands in its conversation."""
        return (self.created, self.turn_id)


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation as it is stored."""

    conversation_id: str
    guild_id: int = 0
    channel_id: int = 0
    created: float = 0.0
    expires: float = 0.0
    forked_from: str = ""
    cleared: int = 0
    """How often it was cleared. What was begun before the last time does not come back."""
    turns: tuple[ConversationTurn, ...] = field(default=())

    def turn(self, turn_id: str) -> ConversationTurn | None:
        """The turn of that id."""
        return next((turn for turn in self.turns if turn.turn_id == turn_id), None)

    def before(self, turn: ConversationTurn) -> tuple[ConversationTurn, ...]:
        """The turns that came before one."""
        return tuple(other for other in self.turns if other.turn_id != turn.turn_id and other.order < turn.order)

    def with_turn(self, turn: ConversationTurn) -> Conversation:
        """The same conversation with the turn in its place, instead of one of the same id."""
        others = [other for other in self.turns if other.turn_id != turn.turn_id]
        return replace(self, turns=tuple(sorted([*others, turn], key=lambda each: each.order)))


class ConversationStore(Protocol):
    """Where conversations are kept. Raises Unavailable while the store does not answer."""

    async def load(self, conversation_id: str) -> Conversation | None:
        """The conversation, or None where it expired or never was."""
        ...

    async def load_many(self, conversation_ids: Sequence[str]) -> list[Conversation | None]:
        """Several conversations, in the order asked."""
        ...

    async def save(
        self,
        conversation: Conversation,
        turns: Sequence[ConversationTurn],
        removed: Sequence[str] = (),
        *,
        indexed: bool = False,
    ) -> None:
        """Writes these turns and takes away those named; the conversation lives on from now.

        A turn of somebody who had themselves forgotten since it began is taken away again, and so is one of a
        conversation that was cleared since it was loaded. `indexed` says that these turns were written before, so that
        no index has to learn of them.
        """
        ...

    async def clear(self, conversation_id: str) -> int:
        """Takes away all turns, and those that are being answered as they come; says how many there were."""
        ...

    async def remove(self, conversation: Conversation, turn_ids: Sequence[str]) -> None:
        """Takes away turns; the conversation too where none is left. Its time to live stays as it is."""
        ...

    async def recent(self, *, user_id: int, guild_id: int, before: float | None, limit: int) -> list[tuple[str, float]]:
        """Ids of a person's conversations, or of a guild's, with when each last changed; the latest first."""
        ...

    async def bury(self, user_id: int, at: float) -> None:
        """Notes that what a person said until then is forgotten for good, so that nothing brings it back."""
        ...

    async def buried(self, people: Collection[int]) -> dict[int, float]:
        """Those of these people who had themselves forgotten, with when they last did, in Unix seconds."""
        ...

    async def forget(self, user_id: int, conversation_ids: Sequence[str]) -> None:
        """Takes conversations out of a person's index."""
        ...


def clean(text: str) -> str:
    """Text without control characters and direction overrides, which only mislead. Line breaks and tabs stay."""
    return _CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n")).strip()


def attributed(inputs: Sequence[Input], *, several: bool) -> str:
    """What was said as one text; with names where several people talk, and never with a name twice."""
    lines = []
    for entry in inputs:
        text = clean(entry.text)
        name = " ".join(clean(entry.author_name).split())
        if several and name and text and not text.lower().startswith(f"{name.lower()}:"):
            text = f"{name}: {text}"
        if text:
            lines.append(text)
    return "\n".join(lines)


def authors(turns: Sequence[ConversationTurn]) -> set[int]:
    """The people who spoke."""
    return {entry.author_id for turn in turns for entry in turn.inputs if entry.author_id}


def without(turn: ConversationTurn, people: Collection[int]) -> ConversationTurn | None:
    """A turn without what some people said in it; None where nothing is left.

    What answered them goes with it, since it speaks of what they said.
    """
    kept = tuple(entry for entry in turn.inputs if entry.author_id not in people)
    if len(kept) == len(turn.inputs):
        return turn
    return replace(turn, inputs=kept, answer="", exchanges=()) if kept else None


def unburied(turns: Sequence[ConversationTurn], buried: Mapping[int, float]) -> tuple[ConversationTurn, ...]:
    """Turns that are brought back from Discord, without what people said before they had themselves forgotten.

    When a turn was begun is told by its id, a snowflake; one that tells nothing counts as older than any wish to be
    forgotten. Words of nobody knows whom may be those of any of these people.
    """
    kept = []
    for turn in turns:
        began = snowflake_time(turn.turn_id)
        gone = {person for person, at in buried.items() if began <= at}
        left = without(turn, gone | {NOBODY} if gone else gone)
        if left is not None:
            kept.append(left)
    return tuple(kept)


def snowflake_time(text: str) -> float:
    """When a Discord id was made, in Unix seconds; 0 for what is no such id."""
    return (int(text) >> 22) / 1_000 + DISCORD_EPOCH if text.isascii() and text.isdecimal() else 0.0


def messages_of(
    turn: ConversationTurn, *, several: bool, texts: Sequence[str] = (), images: Sequence[Image] = ()
) -> MessageTurn:
    """The messages of one turn.

    Args:
        turn: The turn.
        several: Whether several people talk in the conversation, so that names are put before what they say.
        texts: Contents of attached texts.
        images: Attached pictures, for a model that sees.
    """
    spoken = "\n\n".join(part for part in (attributed(turn.inputs, several=several), *texts) if part)
    messages = [Message("user", spoken, images=tuple(images))]
    for exchange in turn.exchanges:
        messages.append(
            Message("assistant", exchange.text, tool_calls=exchange.calls, thinking_blocks=exchange.thinking_blocks)
        )
        messages += [Message("tool", result, tool_call_id=call_id) for call_id, result in exchange.results]
    if turn.answer:
        messages.append(Message("assistant", turn.answer))
    return tuple(messages)
