"""A picture of the weeks: how many requests were made and how many completed."""

from collections.abc import Sequence
from datetime import UTC, datetime
from io import BytesIO

from guildhall.board.v1 import statistics_pb2
from PIL import Image, ImageDraw, ImageFont

_WIDTH, _HEIGHT = 960, 420
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 20, 44, 40
_BACK, _GRID, _INK = (43, 45, 49), (64, 66, 72), (219, 222, 225)
_CREATED, _COMPLETED = (88, 101, 242), (87, 242, 135)
_LABELS = 12


def weeks(found: Sequence[statistics_pb2.Week], *, created: str, completed: str) -> bytes:
    """A PNG with two bars a week, oldest first; `created` and `completed` name them."""
    image = Image.new("RGB", (_WIDTH, _HEIGHT), _BACK)
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(size=14)
    top = _round_up(max((max(week.created, week.completed) for week in found), default=1))
    inner_width, inner_height = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM
    for step in range(5):
        y = _TOP + inner_height * step // 4
        draw.line((_LEFT, y, _WIDTH - _RIGHT, y), fill=_GRID)
        draw.text((_LEFT - 8, y), f"{top * (4 - step) / 4:g}", fill=_INK, font=font, anchor="rm")
    slot = inner_width / max(1, len(found))
    every = max(1, -(-len(found) // _LABELS))
    for place, week in enumerate(found):
        x = _LEFT + slot * place
        for offset, value, colour in ((0.1, week.created, _CREATED), (0.5, week.completed, _COMPLETED)):
            height = inner_height * value / top
            left = x + slot * offset
            box = (left, _TOP + inner_height - height, left + max(1.0, slot * 0.38), _TOP + inner_height)
            if value:
                draw.rectangle(box, fill=colour)
        if place % every == 0:
            day = datetime.fromtimestamp(week.start_time.seconds, UTC).strftime("%d.%m.")
            draw.text((x + slot / 2, _HEIGHT - _BOTTOM + 8), day, fill=_INK, font=font, anchor="mt")
    x = _LEFT
    for name, colour in ((created, _CREATED), (completed, _COMPLETED)):
        draw.rectangle((x, 16, x + 14, 30), fill=colour)
        draw.text((x + 22, 23), name, fill=_INK, font=font, anchor="lm")
        x += 40 + round(draw.textlength(name, font=font))
    buffer = BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _round_up(value: int) -> int:
    """The next number that can be quartered for the grid: 4, 8, 20, 40, 80, 200, …"""
    step = 4
    while step < value:
        step *= 5 if str(step).startswith("8") else 2
        if str(step).startswith("16"):
            step = step // 16 * 20
    return step
