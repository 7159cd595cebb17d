"""A text that grows by pieces and is joined when somebody reads it: joining it with each piece would cost its length
squared, which a long answer feels.
"""

from __future__ import annotations


class Growing:
    """A text, so far."""

    def __init__(self, text: str = "") -> None:
        self._pieces = [text] if text else []

    def __bool__(self) -> bool:
        return bool(self._pieces)

    def add(self, piece: str) -> None:
        """Goes on with a piece."""
        if piece:
            self._pieces.append(piece)

    @property
    def value(self) -> str:
        """The whole text so far."""
        if len(self._pieces) > 1:
            self._pieces = ["".join(self._pieces)]
        return self._pieces[0] if self._pieces else ""
