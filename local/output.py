"""What the operator reads."""

from __future__ import annotations


def say(line: str) -> None:
    """Tell the operator; at once, even through a pipe."""
    print(line, flush=True)
