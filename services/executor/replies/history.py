"""A conversation as its thread shows it, for the language service when it has forgotten it.

Discord is the archive: the messages of a thread are its turns. What people wrote until the bot answered is one turn;
small print under an answer is not part of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from guildhall.llm.v1 import generation_pb2

Message = Mapping[str, Any]
_STARTER = 21
_SMALL_PRINT = "-# "


def turns(messages: Iterable[Message], *, bot_id: int, before: int) -> list[generation_pb2.HistoryTurn]:
    """The turns in a thread, oldest first.

    Args:
        messages: The thread's messages in any order, as Discord gives them.
        bot_id: Who answers.
        before: The snowflake of the message that is to be answered now; it and later ones are left out.
    """
    found: list[generation_pb2.HistoryTurn] = []
    for message in sorted(messages, key=lambda each: int(each["id"])):
        if int(message["id"]) >= before:
            break
        starter = message["type"] == _STARTER
        said = (message.get("referenced_message") or {}) if starter else message
        text = _without_small_print(str(said.get("content") or ""))
        if not text:
            continue
        author = said["author"]
        if int(author["id"]) == bot_id and not starter:
            if found:
                found[-1].answer = "\n".join(piece for piece in (found[-1].answer, text) if piece)
        elif starter or not author.get("bot"):
            if not found or found[-1].answer:
                found.append(generation_pb2.HistoryTurn(turn_id=str(message["id"])))
            name = "" if starter else str(author.get("global_name") or author["username"])
            author_id = 0 if starter else int(author["id"])
            found[-1].inputs.add(text=text, author_id=author_id, author_name=name)
    return found


def _without_small_print(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if not line.startswith(_SMALL_PRINT)).strip()
