"""A thread's messages become the turns of its conversation."""

from typing import Any

from services.executor.replies.history import turns

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
