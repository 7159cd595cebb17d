"""The splitter: properties that hold for any text, and the cases that people see."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from views.splitter import preview, split, units

_PIECES = st.sampled_from(
    [
        "word ",
        "Ein Satz. ",
        "\n",
        "\n\n",
        "```python\n",
        "```\n",
        "\n```\n",
        "x = 1\n",
        "日本語。",
        "👩‍👩‍👧",
        "é",
        "𝒳",
        "`code`",
        "    ",
    ]
)
_TEXTS = st.one_of(st.lists(_PIECES, max_size=120).map("".join), st.text(max_size=600))


def _visible(text: str) -> str:
    return re.sub(r"```[A-Za-z0-9_+\-.#]*\n|`{3,}|\s", "", text)


@given(text=_TEXTS, limit=st.integers(50, 300))
@settings(max_examples=400, deadline=None)
def test_every_part_fits_and_says_something(text: str, limit: int) -> None:
    for part in split(text, limit):
        assert units(part) <= limit
        assert part.strip()


@given(text=st.text(alphabet="ab .\n日。👍é", max_size=900), limit=st.integers(50, 200))
@settings(max_examples=300, deadline=None)
def test_nothing_is_lost_but_white_space(text: str, limit: int) -> None:
    assert "".join("".join(split(text, limit)).split()) == "".join(text.split())


@given(
    lines=st.lists(st.text(alphabet="abc =()", min_size=1, max_size=40), min_size=1, max_size=60),
    limit=st.integers(80, 300),
)
@settings(max_examples=200, deadline=None)
def test_code_stays_code_in_every_part(lines: list[str], limit: int) -> None:
    code = "\n".join(lines)
    if not code.strip():
        return
    parts = split(f"Before.\n```python\n{code}\n```\nAfter.", limit)
    for part in parts:
        assert part.count("```") % 2 == 0
    inside = "".join("".join(re.findall(r"```python\n(.*?)```", part, re.DOTALL)) for part in parts)
    assert "".join(inside.split()) == "".join(code.split())


@given(text=_TEXTS, more=_TEXTS)
@settings(max_examples=300, deadline=None)
def test_finished_parts_stay_as_they_are_while_the_text_grows(text: str, more: str) -> None:
    before, after = split(text + "x" * 130, 100), split(text + "x" * 130 + more, 100)
    assert after[: len(before) - 2] == before[:-2]


def test_a_short_text_is_one_part_and_a_blank_one_none() -> None:
    assert split("Hello.") == ["Hello."]
    assert split(" \n ") == []


def test_a_paragraph_is_the_first_choice() -> None:
    text = "a" * 60 + "\n\n" + "b" * 30 + ". " + "c" * 30
    assert split(text, 100) == ["a" * 60, "b" * 30 + ". " + "c" * 30]


def test_the_language_of_a_block_is_kept() -> None:
    parts = split("```rust\n" + "let x = 1;\n" * 20 + "```", 100)
    assert len(parts) > 1
    assert all(part.startswith("```rust\n") and part.endswith("```") for part in parts)


def test_a_block_that_would_be_cut_at_its_first_line_moves_to_the_next_part() -> None:
    parts = split("word " * 17 + "\n```python\nfirst_line = 1\nsecond_line = 2\n```", 110)
    assert "```" not in parts[0]
    assert parts[1].startswith("```python\n")


def test_a_combined_character_is_not_torn() -> None:
    family = "👩‍👩‍👧‍👦"
    for part in split(family * 30, 60):
        assert part.strip("👩👧👦\u200d") == ""
        assert not part.startswith("\u200d")
        assert not part.endswith("\u200d")


def test_a_limit_without_room_is_refused() -> None:
    with pytest.raises(ValueError, match="room"):
        split("x", 10)


@given(text=_TEXTS, limit=st.integers(50, 300))
@settings(max_examples=400, deadline=None)
def test_a_preview_leaves_no_block_open_and_says_nothing_else(text: str, limit: int) -> None:
    shown, parts = preview(text, limit), split(text, limit)
    assert shown[: len(parts) - 1] == parts[:-1]
    assert all(units(part) <= limit for part in shown)
    for part in shown:
        closed = len(re.findall(r"`{3,}", part)) % 2 == 0
        # Only where its end does not fit any more a block stays open, until the next words begin another part.
        assert closed or units(part) > limit - 4
    said, whole = (re.sub(r"[`\s]", "", "".join(each)) for each in (shown, parts))
    assert whole.startswith(said)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("See:\n```py\nx = 1\ny =", "See:\n```py\nx = 1\ny =\n```"),
        ("See:\n```py\nx = 1\n", "See:\n```py\nx = 1\n```"),
        ("See:\n```py\nx = 1\n``", "See:\n```py\nx = 1\n```"),
        ("See:\n```py\nx = 1\n```", "See:\n```py\nx = 1\n```"),
        ("See:\n```py", "See:"),
        ("See:\n```py\n", "See:"),
        ("No code", "No code"),
    ],
)
def test_a_block_that_still_grows_is_shown_as_a_block(text: str, shown: str) -> None:
    assert preview(text) == [shown]
    assert split(text) == [text]
