"""The codec gives back what it was given and never exceeds Discord's limit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from views.custom_id import CustomId, CustomIdTooLong, decode, encode

ACTIONS = st.text(st.characters(categories=["Ll"], include_characters="."), min_size=1, max_size=20)


@given(ACTIONS, st.lists(st.text(max_size=12), max_size=4))
def test_what_goes_in_comes_out(action: str, arguments: list[str]) -> None:
    try:
        text = encode(action, *arguments)
    except CustomIdTooLong:
        return
    assert 1 <= len(text) <= 100
    assert decode(text) == CustomId(action, tuple(arguments))


@given(st.text(max_size=100))
def test_any_text_is_read(text: str) -> None:
    assert isinstance(decode(text), CustomId)


def test_missing_arguments_have_a_default() -> None:
    assert decode("page").argument(0, "1") == "1"
    assert decode("page:7").argument(0, "1") == "7"


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(CustomIdTooLong):
        encode("a", "x" * 99)
    with pytest.raises(ValueError, match="not an action"):
        encode("a:b")
