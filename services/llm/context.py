"""Fits a conversation into a model's window.

Messages are grouped into turns (what a person said and everything that followed until the next thing said), and whole
turns are dropped, the oldest first. A turn is never split: half of one, a tool call without its result, is a request
that providers refuse for good. The system prompt and the newest turn always stay.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.llm.chat import Message, ToolSpec
from services.llm.counting import Counter

Turn = tuple[Message, ...]


class PromptTooLongError(ValueError):
    """The newest turn does not fit by itself."""

    def __init__(self, tokens: int, room: int) -> None:
        super().__init__(f"{tokens} tokens do not fit into {room}")
        self.tokens = tokens
        self.room = room


@dataclass(frozen=True, slots=True)
class Context:
    """What is sent to a model."""

    messages: tuple[Message, ...]
    tokens: int
    dropped_turns: int


def fit(
    system: Sequence[Message],
    turns: Sequence[Turn],
    *,
    counter: Counter,
    window: int,
    output: int,
    tools: Sequence[ToolSpec] = (),
) -> Context:
    """The system prompt and as many of the newest turns as fit into the window beside the output.

    Args:
        system: The instructions, which always stay.
        turns: The conversation, oldest first; the last is the one to be answered.
        counter: Counts for the model.
        window: Tokens that input and output share.
        output: Tokens reserved for the answer.
        tools: What the model may call; their descriptions take room too.

    Raises PromptTooLongError where the last turn alone is too long.
    """
    room = window - output
    used = counter.messages(system, tools)
    costs = [sum(counter.message(message) for message in turn) for turn in turns]
    if turns and used + costs[-1] > room:
        raise PromptTooLongError(costs[-1], max(0, room - used))
    first = len(turns)
    while first > 0 and used + costs[first - 1] <= room:
        first -= 1
        used += costs[first]
    kept = [message for turn in turns[first:] for message in turn]
    return Context((*system, *kept), used, first)
