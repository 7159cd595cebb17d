"""Charts are pictures of the size they say, whatever the numbers."""

from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from views.charts import HEIGHT, WIDTH, Series, bars, lines, short

NUMBERS = st.floats(0, 1e12, allow_nan=False)


def opened(png: bytes) -> Image.Image:
    image = Image.open(BytesIO(png))
    image.load()
    assert image.format == "PNG"
    assert image.size == (WIDTH, HEIGHT)
    return image


@settings(max_examples=20, deadline=None)
@given(st.lists(NUMBERS, max_size=60))
def test_bars_of_any_numbers(values: list[float]) -> None:
    opened(bars("Questions", [str(index) for index in range(len(values))], values))


@settings(max_examples=20, deadline=None)
@given(st.lists(st.one_of(st.none(), NUMBERS), max_size=60))
def test_lines_of_any_numbers_with_gaps(values: list[float | None]) -> None:
    opened(lines("Latency", ["x"] * len(values), [Series("p95", values), Series("avg", [1.0] * len(values))]))


def test_a_higher_value_is_a_higher_bar() -> None:
    image = opened(bars("", ["a", "b"], [1.0, 10.0])).convert("RGB")
    blue = [sum(image.getpixel((x, y)) == (88, 101, 242) for y in range(HEIGHT)) for x in (270, 670)]
    assert 0 < blue[0] * 8 < blue[1]


@pytest.mark.parametrize(("value", "text"), [(0, "0"), (0.05, "0.05"), (999, "999"), (1234, "1.23k"), (3e6, "3M")])
def test_short_numbers(value: float, text: str) -> None:
    assert short(value) == text
