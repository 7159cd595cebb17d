"""A conversation as its thread shows it, for the language service when it has forgotten it.

Discord is the archive: the messages of a thread, of a direct message or of a channel that is one conversation are its
turns. What people wrote until the bot answered is one turn. Small print under an answer is no part of it, nor are other
bots, text commands, the bot's notices (they reply to a message, answers do not) and what was asked by command and has
its answer in a thread of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from guildhall.llm.v1 import generation_pb2

from services.executor.replies.question import Attached

Message = Mapping[str, Any]
_STARTER = 21
_SMALL_PRINT = "-# "
_ANSWERS = "reply."


def turns(
    messages: Iterable[Message], *, bot_id: int, before: int, command_prefix: str = ""
) -> list[generation_pb2.HistoryTurn]:
    """The turns in a thread or channel, oldest first.

    Args:
        messages: The thread's messages in any order, as Discord gives them.
        bot_id: Who answers.
        before: The snowflake of the message that is to be answered now; it and later ones are left out.
        command_prefix: What text commands begin with; empty where there are none.
    """
    found: list[generation_pb2.HistoryTurn] = []
    for message in sorted(messages, key=lambda each: int(each["id"])):
        if int(message["id"]) >= before:
            break
        starter = message["type"] == _STARTER
        said = (message.get("referenced_message") or {}) if starter else message
        text = _without_small_print(str(said.get("content") or ""))
        attached = [str(each["id"]) for each in said.get("attachments") or ()]
        if not text and not attached:
            continue
        author = said["author"]
        if (int(author["id"]) == bot_id or _spoken_by_persona(message)) and not starter:
            if found and text and not message.get("message_reference") and not message.get("thread"):
                found[-1].answer = "\n".join(piece for piece in (found[-1].answer, text) if piece)
        elif starter or not (author.get("bot") or (command_prefix and text.startswith(command_prefix))):
            if not found or found[-1].answer:
                found.append(generation_pb2.HistoryTurn(turn_id=str(message["id"])))
            person = _opener(said, bot_id) if starter else author
            # What the bot opened with names whoever asked.
            name = "" if int(author["id"]) == bot_id else str(author.get("global_name") or author["username"])
            found[-1].inputs.add(
                text=text, author_id=int(person["id"]) if person else 0, author_name=name, attachment_ids=attached
            )
    return found


def attachments(
    messages: Iterable[Message], found: Sequence[generation_pb2.HistoryTurn], at_most: int
) -> list[Attached]:
    """What is attached to the messages of these turns, the newest first, where Discord still has it."""
    wanted = {each for turn in found for entry in turn.inputs for each in entry.attachment_ids}
    newest = sorted(messages, key=lambda each: int(each["id"]), reverse=True)
    said = [(message.get("referenced_message") or {}) if message["type"] == _STARTER else message for message in newest]
    return [
        Attached.of(each) for message in said for each in message.get("attachments") or () if str(each["id"]) in wanted
    ][:at_most]


def _opener(said: Message, bot_id: int) -> Mapping[str, Any] | None:
    """Who wrote the message that a thread was opened from, or by whose command the bot wrote it; None where Discord
    does not say.
    """
    if said.get("interaction_metadata"):
        by: Mapping[str, Any] = said["interaction_metadata"]["user"]
        return by
    author: Mapping[str, Any] = said["author"]
    return author if int(author["id"]) != bot_id else None


def _spoken_by_persona(message: Message) -> bool:
    """Whether it is an answer of the bot's that a webhook spoke: such a message carries an answer's buttons."""
    rows = message.get("components") or () if message.get("webhook_id") else ()
    return any(
        str(each.get("custom_id") or "").startswith(_ANSWERS) for row in rows for each in row.get("components") or ()
    )


def _without_small_print(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if not line.startswith(_SMALL_PRINT)).strip()
