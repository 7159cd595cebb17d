"""A thread's messages become the turns of its conversation."""

from typing import Any

from services.executor.replies.history import attachments, turns
from services.executor.replies.question import Attached

BOT = 9


def said(number: int, author: int, text: str, **more: Any) -> dict[str, Any]:
    return {
        "id": str(number), "type": 0, "content": text,
        "author": {"id": str(author), "username": f"user{author}", "bot": author >= BOT}, **more,
    }  # fmt: skip


def test_people_and_the_bot_take_turns() -> None:
    opening = said(1, BOT, "Ada asks: what is a pier?")
    messages = [
        said(7, 3, "the question to be answered"),
        said(2, BOT, "", type=21, referenced_message=opening),
        said(3, BOT, "A pier is long.\n-# model · 12 tokens"),
        said(4, 3, "How long?"),
        said(5, 4, "And how old?"),
        said(6, BOT, "Very."),
        said(8, BOT, "later"),
    ]
    found = turns(messages, bot_id=BOT, before=7)
    assert [[(each.author_name, each.text) for each in turn.inputs] for turn in found] == [
        [("", "Ada asks: what is a pier?")],
        [("user3", "How long?"), ("user4", "And how old?")],
    ]
    assert [turn.answer for turn in found] == ["A pier is long.", "Very."]
    assert [turn.turn_id for turn in found] == ["2", "4"]


def test_other_bots_and_answers_to_nothing_are_left_out() -> None:
    assert turns([said(1, BOT, "Hello"), said(2, 12, "beep"), said(3, 3, "")], bot_id=BOT, before=9) == []


def test_commands_notices_and_what_has_a_thread_of_its_own_are_left_out() -> None:
    messages = [
        said(1, 3, "Remember the word lighthouse."),
        said(2, 3, "!status"),
        said(3, BOT, "**Model**: demo", message_reference={"message_id": "2"}),
        said(4, BOT, "Ada asks: what is a pier?", thread={"id": "4"}),
        said(5, BOT, "I will."),
    ]
    found = turns(messages, bot_id=BOT, before=9, command_prefix="!")
    assert [[each.text for each in turn.inputs] for turn in found] == [["Remember the word lighthouse."]]
    assert [turn.answer for turn in found] == ["I will."]


def test_who_opened_a_thread_is_known_where_discord_says_it() -> None:
    by_command = said(1, BOT, "Ada asks: what is a pier?", interaction_metadata={"user": {"id": "3"}})
    by_message = said(1, 4, "What is a pier?")
    by_nobody_known = said(1, BOT, "What is a pier?")
    openers = []
    for opening in (by_command, by_message, by_nobody_known):
        (turn,) = turns([said(2, BOT, "", type=21, referenced_message=opening)], bot_id=BOT, before=9)
        openers.append((turn.inputs[0].author_id, turn.inputs[0].author_name))
    assert openers == [(3, ""), (4, "user4"), (0, "")]


def test_what_was_attached_is_named_and_the_newest_is_fetched_again() -> None:
    def file(number: int) -> dict[str, Any]:
        return {
            "id": str(number), "filename": f"f{number}.png", "content_type": "image/png", "size": 5,
            "url": f"https://cdn.discordapp.com/f{number}",
        }  # fmt: skip

    messages = [
        said(1, 3, "Look", attachments=[file(11), file(12)]),
        said(2, BOT, "Nice.", attachments=[file(13)]),
        said(3, 3, "", attachments=[file(14)]),
        said(4, 12, "beep", attachments=[file(15)]),
        said(5, 3, "later", attachments=[file(16)]),
    ]
    found = turns(messages, bot_id=BOT, before=5)
    assert [(each.text, list(each.attachment_ids)) for turn in found for each in turn.inputs] == [
        ("Look", ["11", "12"]), ("", ["14"]),
    ]  # fmt: skip
    assert [each.attachment_id for each in attachments(messages, found, 2)] == [14, 11]
    assert attachments(messages, found, 5)[0] == Attached(
        attachment_id=14, filename="f14.png", content_type="image/png", size=5, url="https://cdn.discordapp.com/f14"
    )
