"""The demo model's tokens: words of up to eight letters with their leading space, runs of digits, single signs.

They are no provider's tokens. What matters is that the pieces join to the text again, that one piece is one delta of
a stream, and that the counts in `usage` are those of the pieces that were sent.
"""

from __future__ import annotations

import re

_PIECE = re.compile(r" ?[^\W\d_]{1,8}| ?\d{1,3}|\s+|[^\w\s]|_|\w", re.UNICODE)

# Words that are one token in the common encodings too (with their leading space), so that "exactly N tokens" is also
# what a client counts.
FILLER_WORDS = (
    " the", " and", " for", " that", " this", " with", " from", " time", " people", " work", " water", " light",
    " house", " music", " world", " story", " green", " small", " great", " night",
)  # fmt: skip


def pieces(text: str) -> list[str]:
    """Cuts a text into tokens; joined they are the text again."""
    return _PIECE.findall(text)


def count(text: str) -> int:
    """How many tokens a text has."""
    return sum(1 for _ in _PIECE.finditer(text))


def filler(tokens: int) -> str:
    """A text of exactly so many tokens."""
    return "".join(FILLER_WORDS[i % len(FILLER_WORDS)] for i in range(tokens)).lstrip(" ")
