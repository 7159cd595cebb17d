"""The texts of plans, in the language of whoever asked."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from views.catalogue import texts

Text = Callable[..., str]
"""A text by its key and values."""


def saying(locale: str) -> Text:
    """The texts in the language of a Discord locale."""
    return partial(texts().text, locale or "en")


ENGLISH = saying("en")


def title_of(kind: str, text: Text) -> str:
    """What an operation of the table is called."""
    return text(f"plan.kind.{kind}")


def loss_of(kind: str, text: Text) -> str:
    """What undoing an operation does not bring back; empty where nothing is lost."""
    key = f"plan.loss.{kind}"
    return text(key) if texts().has(key) else ""
