"""Decides what the demo model answers: JSON of a shape, a tool call, a title, or talk."""

from __future__ import annotations

from sandbox.model import structured, talk, titles
from sandbox.model.dialogue import Ask, Reply


def reply(ask: Ask) -> Reply:
    """The demo model's own answer to a request."""
    call = structured.tool_call(ask)
    if call is not None:
        return Reply(thinking=_thinking(ask), tool_calls=(call,))
    if ask.schema is not None:
        return Reply(thinking=_thinking(ask), text=structured.as_json(ask))
    if titles.wanted(ask):
        return Reply(text=titles.title(titles.subject(ask)))
    return Reply(thinking=_thinking(ask), text=talk.answer(ask))


def _thinking(ask: Ask) -> str:
    if not ask.thinking:
        return ""
    words = ", ".join(titles.keywords(ask.last, 4)) or "nothing I know a word of"
    return (
        f"The last message is about {words}. There are {len(ask.asked)} messages from people so far. "
        "I am a demo and know nothing of the world, so I look for something I can really do: remember, reckon, "
        "count, list, write code from a pattern, or say plainly that I cannot."
    )
