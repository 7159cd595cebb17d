"""Numbers and names that providers report. They come from outside, so they may be anything."""

from __future__ import annotations

from collections.abc import Sequence

_MOST = 10**12
"""No call uses a million million tokens."""


def tokens(value: object) -> int:
    """A count of tokens; 0 for none. Raises ValueError for what can't be one."""
    if value is None:
        return 0
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _MOST:
        raise ValueError("no count of tokens")
    return int(value)


def named(ids: Sequence[object]) -> list[str]:
    """The models of a provider's list, without entries that name none. Raises ValueError where no entry does."""
    found = list(dict.fromkeys(each for each in ids if isinstance(each, str) and each.strip()))
    if ids and not found:
        raise ValueError("no model is named")
    return found
