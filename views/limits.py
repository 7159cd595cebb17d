"""Limits, in words: what they are called, and how much of them there is."""

from collections.abc import Callable

from views.catalogue import texts

_NANOS = 1e9

Text = Callable[..., str]
"""A text by its key and values, in the reader's language."""


def name(text: Text, limit: str) -> str:
    """What people call a limit; one that an operator added is called as in the configuration."""
    key = f"limits.name.{limit}"
    return text(key) if texts().has(key) else limit


def amount(limit: str, units: int) -> str:
    """So many units of a limit. Those of money count nano-dollars, and are told by their name as everywhere."""
    return f"${units / _NANOS:,.2f}" if "money" in limit else f"{units:,}"


def line(text: Text, limit: str, *, remaining: int, capacity: int, when: str) -> str:
    """How a limit stands."""
    return _said(text, "limits.line", limit, remaining=remaining, capacity=capacity, when=when)


def denied(text: Text, limit: str, *, remaining: int, capacity: int, when: str) -> str:
    """What a person is told who reached a limit: what is left, and when there is more."""
    return _said(text, "limit.denied", limit, remaining=remaining, capacity=capacity, when=when)


def _said(text: Text, key: str, limit: str, *, remaining: int, capacity: int, when: str) -> str:
    return text(
        key, limit=name(text, limit), remaining=amount(limit, remaining), capacity=amount(limit, capacity), when=when
    )
