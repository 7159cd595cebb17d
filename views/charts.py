"""Charts as PNG pictures, drawn with Pillow: bars by day or hour, and lines over time.

Pure: numbers in, bytes out. Drawing takes tens of milliseconds, so whoever serves people draws in a thread.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO

from PIL import Image, ImageDraw, ImageFont

WIDTH, HEIGHT = 900, 320
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 20, 40, 40
_BACKGROUND, _INK, _GRID = (30, 31, 34), (219, 222, 225), (63, 65, 71)
_COLOURS = ((88, 101, 242), (87, 242, 135), (254, 231, 92), (235, 69, 158), (237, 66, 69))
_TICKS = 4
_BETWEEN = 16
_LABELS = 12


@dataclass(frozen=True, slots=True)
class Series:
    """One line of a chart. A None is a gap."""

    name: str
    values: Sequence[float | None]


def bars(title: str, labels: Sequence[str], values: Sequence[float]) -> bytes:
    """A bar for each label."""
    image, draw, font = _canvas(title)
    top = _scale(draw, font, max(values, default=0.0))
    width = (WIDTH - _LEFT - _RIGHT) / max(1, len(values))
    for index, value in enumerate(values):
        left = _LEFT + index * width
        height = (HEIGHT - _TOP - _BOTTOM) * (value / top)
        if value > 0:
            box = (left + width * 0.15, HEIGHT - _BOTTOM - max(1.0, height), left + width * 0.85, HEIGHT - _BOTTOM)
            draw.rectangle(box, fill=_COLOURS[0])
    _labels(draw, font, labels, width, centred=True)
    return _png(image)


def lines(title: str, labels: Sequence[str], series: Sequence[Series]) -> bytes:
    """A line for each series, all over the same labels."""
    image, draw, font = _canvas(title)
    known = [value for each in series for value in each.values if value is not None]
    top = _scale(draw, font, max(known, default=0.0))
    step = (WIDTH - _LEFT - _RIGHT) / max(1, len(labels) - 1)
    for number, each in enumerate(series):
        colour = _COLOURS[number % len(_COLOURS)]
        for run in _runs(each.values):
            points = [
                (_LEFT + index * step, HEIGHT - _BOTTOM - (HEIGHT - _TOP - _BOTTOM) * value / top)
                for index, value in run
            ]
            if len(points) == 1:
                x, y = points[0]
                draw.ellipse((x - 2, y - 2, x + 2, y + 2), fill=colour)
            else:
                draw.line(points, fill=colour, width=2)
    _legend(draw, font, [each.name for each in series])
    _labels(draw, font, labels, step, centred=False)
    return _png(image)


def _canvas(title: str) -> tuple[Image.Image, ImageDraw.ImageDraw, ImageFont.FreeTypeFont | ImageFont.ImageFont]:
    image = Image.new("RGB", (WIDTH, HEIGHT), _BACKGROUND)
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(13)
    draw.text((_LEFT, 12), title, fill=_INK, font=ImageFont.load_default(16))
    return image, draw, font


def _scale(draw: ImageDraw.ImageDraw, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, largest: float) -> float:
    """Draws the grid; gives the value at its top, a round number that is never 0."""
    top = _round_up(largest)
    for tick in range(_TICKS + 1):
        value = top * tick / _TICKS
        y = HEIGHT - _BOTTOM - (HEIGHT - _TOP - _BOTTOM) * tick / _TICKS
        draw.line(((_LEFT, y), (WIDTH - _RIGHT, y)), fill=_GRID)
        draw.text((6, y - 8), short(value), fill=_INK, font=font)
    return top


def _legend(
    draw: ImageDraw.ImageDraw, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, names: Sequence[str]
) -> None:
    """The lines' names in their colours, ending at the right edge."""
    x = WIDTH - _RIGHT - sum(draw.textlength(name, font=font) + _BETWEEN for name in names)
    for number, name in enumerate(names):
        draw.text((x, 14), name, fill=_COLOURS[number % len(_COLOURS)], font=font)
        x += draw.textlength(name, font=font) + _BETWEEN


def _labels(
    draw: ImageDraw.ImageDraw,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
    labels: Sequence[str],
    step: float,
    *,
    centred: bool,
) -> None:
    every = max(1, -(-len(labels) // _LABELS))
    for index in range(0, len(labels), every):
        x = _LEFT + index * step + (step / 2 if centred else 0)
        width = draw.textlength(labels[index], font=font)
        draw.text(
            (min(max(x - width / 2, 2), WIDTH - width - 2), HEIGHT - _BOTTOM + 10), labels[index], fill=_INK, font=font
        )


def _runs(values: Sequence[float | None]) -> list[list[tuple[int, float]]]:
    runs: list[list[tuple[int, float]]] = [[]]
    for index, value in enumerate(values):
        if value is None:
            runs.append([])
        else:
            runs[-1].append((index, value))
    return [run for run in runs if run]


def _round_up(value: float) -> float:
    """The smallest of 1, 2, 5 times a power of ten that is not below the value; 1 for nothing."""
    if value <= 0:
        return 1.0
    power = 1.0
    while power * 10 <= value:
        power *= 10
    while power > value:
        power /= 10
    return next(power * step for step in (1, 2, 5, 10) if power * step >= value)


def short(value: float) -> str:
    """A number in few characters: 1.2k, 3M, 0.05."""
    for limit, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= limit:
            return f"{value / limit:.3g}{unit}"
    return f"{value:.3g}"


def _png(image: Image.Image) -> bytes:
    buffer = BytesIO()
    image.save(buffer, "PNG", optimize=False)
    return buffer.getvalue()
