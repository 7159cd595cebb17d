"""Pictures that the demo model draws: shapes in colours that follow from the prompt, and the prompt written on them."""

from __future__ import annotations

import base64
import colorsys
import hashlib
import io
import random
import re
import textwrap

from PIL import Image, ImageDraw, ImageFont

_COLOURS = {
    "red": 0.0, "fire": 0.03, "sunset": 0.05, "orange": 0.08, "gold": 0.13, "yellow": 0.15, "green": 0.36,
    "forest": 0.38, "cyan": 0.5, "ice": 0.53, "sea": 0.55, "ocean": 0.56, "blue": 0.61, "night": 0.66, "purple": 0.76,
    "magic": 0.78, "pink": 0.9, "rose": 0.95,
}  # fmt: skip
_SIZE = re.compile(r"(\d{2,4})x(\d{2,4})")


def size(text: str) -> tuple[int, int]:
    """Width and height of "1024x1024" or "auto"; ValueError where it is neither or larger than 1536 a side."""
    if text == "auto":
        return 1024, 1024
    match = _SIZE.fullmatch(text)
    if not match or not all(64 <= int(side) <= 1536 for side in match.groups()):
        raise ValueError("size must be 'auto' or WIDTHxHEIGHT with 64 to 1536 pixels a side")
    return int(match[1]), int(match[2])


def draw(prompt: str, width: int, height: int, seed: int = 0) -> bytes:
    """A PNG for a prompt; the same prompt and seed give the same picture."""
    digest = hashlib.sha256(f"{seed}:{prompt}".encode()).digest()
    rng = random.Random(digest)  # noqa: S311 - it draws
    named = [hue for name, hue in _COLOURS.items() if re.search(rf"\b{name}", prompt, re.I)]
    base = named[0] if named else digest[0] / 255
    accent = named[1] if len(named) > 1 else (base + 0.1 + 0.2 * digest[1] / 255) % 1
    image = _sky(width, height, base, accent)
    canvas = ImageDraw.Draw(image, "RGBA")
    sun = int(min(width, height) * rng.uniform(0.08, 0.16))
    x, y = rng.randint(sun, width - sun), rng.randint(sun, max(sun + 1, height // 2))
    for ring in range(4, -1, -1):
        r = sun + ring * sun // 4
        canvas.ellipse((x - r, y - r, x + r, y + r), fill=(*_rgb(accent, 0.85, 0.9), 255 if ring == 0 else 26))
    for layer in range(4):
        _hills(canvas, rng, (width, height), layer=layer, colour=_rgb(base, 0.42 - layer * 0.085, 0.5))
    _caption(canvas, prompt, width, height)
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def draw_base64(prompt: str, width: int, height: int, seed: int = 0) -> str:
    """The picture as base64 text."""
    return base64.b64encode(draw(prompt, width, height, seed)).decode()


def _rgb(hue: float, light: float, saturation: float) -> tuple[int, int, int]:
    red, green, blue = colorsys.hls_to_rgb(hue % 1, light, saturation)
    return int(red * 255), int(green * 255), int(blue * 255)


def _sky(width: int, height: int, base: float, accent: float) -> Image.Image:
    top, bottom = _rgb(base, 0.28, 0.65), _rgb(accent, 0.72, 0.75)
    column = Image.new("RGB", (1, height))
    for y in range(height):
        share = y / height
        column.putpixel((0, y), tuple(int(a + (b - a) * share) for a, b in zip(top, bottom, strict=True)))
    return column.resize((width, height))


def _hills(
    canvas: ImageDraw.ImageDraw,
    rng: random.Random,
    size: tuple[int, int],
    *,
    layer: int,
    colour: tuple[int, int, int],
) -> None:
    width, height = size
    floor, rise = height * (0.5 + 0.12 * layer), height * 0.11
    points = [(0.0, float(height))]
    y = floor
    for step in range(13):
        y += rng.uniform(-1, 1) * rise * 0.5
        y = min(max(y, floor - rise), floor + rise)
        points.append((width * step / 12, y))
    points.append((float(width), float(height)))
    canvas.polygon(points, fill=(*colour, 255))


def _caption(canvas: ImageDraw.ImageDraw, prompt: str, width: int, height: int) -> None:
    font = ImageFont.load_default(size=max(12, width // 36))
    lines = [*textwrap.wrap(" ".join(prompt.split()), width=46)[:3], "drawn by Guildhall's demo model"]
    step = max(16, width // 28)
    for row, line in enumerate(lines):
        canvas.text(
            (width * 0.04, height - step * (len(lines) - row) - height * 0.02),
            line,
            font=font,
            fill=(255, 255, 255, 230),
        )
