"""Lines fit into the limit, whole, and say where some are missing."""

from hypothesis import given
from hypothesis import strategies as st

from views.lists import within


@given(st.lists(st.text(st.characters(categories=["Ll"]), max_size=40), max_size=30), st.integers(1, 200))
def test_lines_fit_whole(lines: list[str], limit: int) -> None:
    text = within(lines, limit)
    assert len(text) <= limit
    shown = text.split("\n") if text or lines else []
    if len("\n".join(lines)) <= limit - 2:
        assert text == "\n".join(lines)
    elif shown and shown[-1] == "…":
        assert shown[:-1] == lines[: len(shown) - 1]
