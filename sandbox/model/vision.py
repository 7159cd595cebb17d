"""What the demo model sees in a picture: its format, its size and its main colours."""

from __future__ import annotations

import colorsys
import io
from collections import Counter

from PIL import Image, UnidentifiedImageError

MAX_PIXELS = 40_000_000


def describe(data: bytes) -> str:
    """One line about a picture."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            if image.width * image.height > MAX_PIXELS:
                return f"a {image.format} of {image.width}×{image.height} pixels, too large for me to look at"
            kind, width, height = image.format, image.width, image.height
            small = image.convert("RGB").resize((24, 24))
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError):
        return "these bytes are no picture that I can open"
    names: Counter[str] = Counter()
    for times, colour in small.getcolors(24 * 24) or []:
        if isinstance(colour, tuple):
            names[_name((colour[0], colour[1], colour[2]))] += times
    main = [name for name, _ in names.most_common(3)]
    return f"a {kind} of {width}×{height} pixels, mostly {' and '.join(main[:2])}" + (
        f", with some {main[2]}." if len(main) > 2 else "."
    )


def _name(colour: tuple[int, int, int]) -> str:
    hue, light, saturation = colorsys.rgb_to_hls(*(c / 255 for c in colour))
    if light < 0.12:
        return "black"
    if light > 0.92:
        return "white"
    if saturation < 0.12:
        return "grey"
    names = ("red", "orange", "yellow", "green", "green", "cyan", "blue", "blue", "purple", "pink", "red")
    edges = (0.03, 0.11, 0.19, 0.3, 0.44, 0.53, 0.62, 0.7, 0.82, 0.94, 1.01)
    return next(name for name, edge in zip(names, edges, strict=True) if hue < edge)
