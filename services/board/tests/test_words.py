"""People's text, page tokens, professions, fairness: the small pure parts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.board.drafts import Problems, RawDraft, checked
from services.board.fairness import gini, percentile
from services.board.paging import BadTokenError, make_text_token, make_token, read_text_token, read_token
from services.board.professions import Profession, from_settings, overlaid
from services.board.settings import ItemSettings, LimitSettings, ProfessionSettings
from services.board.text import clean_line, clean_text, search_key

PROFESSIONS = from_settings(
    {
        "alchemy": ProfessionSettings(
            name="Alchemy", aliases=("Alch",), qualities=("Rank 1",), items=(ItemSettings(name="Flask of Power"),)
        ),
        "archery": ProfessionSettings(name="Archery"),
    }
)


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("  a\t b\u200b\u202e c ", "a b c"),
        ("\u2066x\u2069", "x"),
        ("שלום עולם", "שלום עולם"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("\u200d\u200c\u3164\u2800", ""),
        ("👩\u200d🔬", "👩\u200d🔬"),
        ("e\u0301", "é"),
        ("a\nb", "a b"),
        ("\x00\x07\x1b[31m", "[31m"),
    ],
)
def test_what_cannot_be_seen_is_taken_out(typed: str, kept: str) -> None:
    assert clean_line(typed) == kept


@given(st.text())
def test_cleaning_twice_changes_nothing_more(text: str) -> None:
    assert clean_line(clean_line(text)) == clean_line(text)
    assert clean_text(clean_text(text)) == clean_text(text)


def test_two_spellings_are_one_thing() -> None:
    assert search_key("Flask  OF Ｐower\u200b") == search_key("flask of power") == "flask of power"


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=3), st.text())
def test_a_token_gives_back_what_it_was_made_of_and_serves_nothing_else(after: list[int], other: str) -> None:
    token = make_token("a list", after)
    assert len(token) <= 44
    assert list(read_token("a list", token, lengths=(len(after),))) == after
    if other != "a list":
        with pytest.raises(BadTokenError):
            read_token(other, token, lengths=(len(after),))
    with pytest.raises(BadTokenError):
        read_token("a list", token, lengths=(len(after) + 1,))


@given(st.text(alphabet=st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_a_token_of_texts(text: str) -> None:
    assert read_text_token("x", make_text_token("x", (text, "b")), parts=2) == (text, "b")


@given(st.text())
def test_any_text_is_no_token(text: str) -> None:
    with pytest.raises(BadTokenError):
        read_token("a list", text, lengths=(2,))


def test_professions_are_found_as_people_name_them() -> None:
    for typed in ("alchemy", "ALCH", "Alchemy", "alche"):
        found = PROFESSIONS.find(typed)
        assert found is not None and found.key == "alchemy", typed
    assert PROFESSIONS.find("a") is None
    assert PROFESSIONS.find("necromancy") is None


def test_a_guilds_own_professions_stand_over_the_configured_ones() -> None:
    own = overlaid(
        PROFESSIONS, [Profession("alchemy", "Potions", enabled=False), Profession("runes", "Runes", aliases=("R1",))]
    )
    assert [one.key for one in own.enabled()] == ["archery", "runes"]
    assert own.find("Alchemy") is None
    kept = own.get("alchemy")
    assert kept is not None and kept.items == PROFESSIONS.entries["alchemy"].items


def test_everything_wrong_with_a_draft_is_said_at_once() -> None:
    with pytest.raises(Problems) as caught:
        checked(
            RawDraft("\u200b", 0, "x", "y", note="n" * 11, tip="t", due_at=5),
            PROFESSIONS,
            LimitSettings(note_length=10, tip_length=0),
            now=5,
        )
    assert set(caught.value.fields) == {"item", "quantity", "profession", "note", "tip", "due_time"}
    draft = checked(RawDraft("flask of power"), PROFESSIONS, LimitSettings(), now=5)
    assert draft.profession == "alchemy", "the item says whose it is"


@pytest.mark.parametrize(
    ("field", "most", "over"),
    [
        ("item", "x" * 100, "x" * 101),
        ("quantity", 10_000, 10_001),
        ("quantity", 1, 0),
        ("quantity", 10_000, 10**9),
        ("note", "n" * 1000, "n" * 1001),
        ("tip", "t" * 100, "t" * 101),
        ("due_at", 366 * 86_400_000 + 5, 366 * 86_400_000 + 6),
        ("due_at", 6, 5),
    ],
)
def test_every_field_at_its_limit_and_over_it(field: str, most: Any, over: Any) -> None:
    draft = RawDraft("Flask of Power", 1, "alchemy")
    assert getattr(checked(replace(draft, **{field: most}), PROFESSIONS, LimitSettings(), now=5), field) == most
    with pytest.raises(Problems) as caught:
        checked(replace(draft, **{field: over}), PROFESSIONS, LimitSettings(), now=5)
    assert list(caught.value.fields) == [{"due_at": "due_time"}.get(field, field)]


@pytest.mark.parametrize(
    ("shares", "expected"),
    [
        ([], 0.0),
        ([7], 0.0),
        ([3, 3, 3], 0.0),
        ([0, 0, 0], 0.0),
        ([0, 10], 0.5),
        ([0, 0, 0, 12], 0.75),
        # By hand: mean difference over twice the mean, (2 * (1+2+3+1+2+1)) / (2 * 16 * 2.5) = 20 / 80.
        ([1, 2, 3, 4], 0.25),
    ],
)
def test_gini_by_hand(shares: list[float], expected: float) -> None:
    assert gini(shares) == pytest.approx(expected)


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=30))
def test_gini_is_the_mean_difference_over_twice_the_mean(shares: list[int]) -> None:
    total, count = sum(shares), len(shares)
    expected = sum(abs(a - b) for a in shares for b in shares) / (2 * count * total) if total else 0.0
    assert gini(shares) == pytest.approx(expected, abs=1e-9)


def test_percentiles_are_interpolated() -> None:
    assert percentile([], 0.5) is None
    assert percentile([5.0], 0.9) == 5.0
    assert percentile([1.0, 2.0, 3.0, 4.0], 0.5) == 2.5
