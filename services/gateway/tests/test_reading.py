"""What is read out of Discord's payloads, and what is made of people's text."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway import events
from services.gateway.claims import Claims
from services.gateway.cleaning import cleaned

USER = {"id": "5", "username": "ada", "global_name": "Ada", "discriminator": "0", "avatar": None}
MEMBER = {"user": USER, "nick": "Countess", "roles": ["31", "32"], "permissions": "2048"}


def raw_interaction(**changes: Any) -> dict[str, Any]:
    return {
        "id": "1000",
        "application_id": "9",
        "type": 2,
        "token": "very-secret",
        "version": 1,
        "guild_id": "1",
        "channel_id": "20",
        "channel": {"id": "20", "type": 0},
        "member": MEMBER,
        "locale": "de",
        "data": {"name": "ask", "type": 1, "options": [{"name": "prompt", "type": 3, "value": "private thoughts"}]},
        "attachment_size_limit": 10485760,
    } | changes


def test_a_member_in_a_guild() -> None:
    interaction = events.interaction(raw_interaction())
    assert interaction.person.role_ids == (31, 32)
    assert interaction.person.permissions == 2048
    assert interaction.person.display_name == "Countess"
    assert interaction.locale == "de"
    assert not interaction.direct


def test_a_person_in_a_direct_message() -> None:
    raw = raw_interaction(user=USER, guild_id=None)
    del raw["member"]
    interaction = events.interaction(raw)
    assert interaction.direct
    assert interaction.person.user_id == 5
    assert interaction.person.display_name == "Ada"


def test_neither_tokens_nor_texts_are_printed() -> None:
    printed = repr(events.interaction(raw_interaction()))
    assert "very-secret" not in printed
    assert "private thoughts" not in printed
    message = events.message({"id": "1", "channel_id": "2", "author": USER, "content": "private thoughts", "type": 0})
    assert "private thoughts" not in repr(message)
    assert "Ada" not in repr(message)


@pytest.mark.parametrize(
    ("owners", "expected"), [({"0": "1"}, False), ({"1": "5"}, True), ({"0": "1", "1": "5"}, False), ({}, False)]
)
def test_where_the_bot_is_no_member(owners: dict[str, str], expected: bool) -> None:
    interaction = events.interaction(raw_interaction(authorizing_integration_owners=owners))
    assert interaction.user_installed_only is expected


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("  hello\r\nworld ", "hello\nworld"),
        ("a\x00b\x07c", "abc"),
        ("\x00\x1b\x07", ""),
        ("\u200b\u2060 \u3000", ""),
        ("👩‍👩‍👧‍👦", "👩‍👩‍👧‍👦"),
        ("half \ud83d pair", "half ? pair"),
        ("<|endoftext|>", "<|endoftext|>"),
    ],
)
def test_cleaning(typed: str, expected: str) -> None:
    assert cleaned(typed) == expected


@given(st.text(st.characters(exclude_categories=[])))
def test_cleaned_text_can_be_passed_on(typed: str) -> None:
    text = cleaned(typed)
    text.encode("utf-8")
    assert cleaned(text) == text
    assert "\x00" not in text


def test_an_event_is_claimed_once_and_can_be_given_back() -> None:
    claims = Claims(2)
    assert claims.take(1)
    assert not claims.take(1)
    claims.give_back(1)
    assert claims.take(1)
    assert claims.take(2)
    assert claims.take(3)
    assert claims.take(1)
