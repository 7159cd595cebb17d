"""What people wrote, made harmless inside a text of ours, and the few things that Discord renders by itself."""

import math
import re

_SPECIAL = re.compile(r"([\\*_~`|<>\[\]()#@:\-])")
_ZERO_WIDTH = "\u200b"


def escaped(text: str) -> str:
    """A text in which no markdown, mention, link or timestamp of its author's takes effect; on one line."""
    flat = " ".join(text.split())
    return _SPECIAL.sub(r"\\\1", flat).replace("\\@", f"@{_ZERO_WIDTH}")


def relative_time(unix_seconds: float) -> str:
    """A moment as Discord shows it, in the reader's own words: "in 20 seconds"."""
    return f"<t:{math.ceil(unix_seconds)}:R>"


def shortened(text: str, limit: int) -> str:
    """A text cut to a number of characters, with an ellipsis where something is missing."""
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"
