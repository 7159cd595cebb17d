"""What the clauses of one request share: the intents so far, what they made, what could not be expressed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sandbox.model.plans.phrases import Phrase, selector
from sandbox.model.plans.words import Token

Intent = dict[str, Any]


class Declined(Exception):
    """The clause cannot be expressed; the message says what was said, for the person."""


@dataclass
class Draft:
    """A plan while it is put together."""

    intents: list[Intent] = field(default_factory=list)
    unsupported: list[str] = field(default_factory=list)
    question: str | None = None
    made: list[tuple[str, str]] = field(default_factory=list)
    """The ids of what clauses made, with the noun of each, oldest first."""
    acted: tuple[str, dict[str, Any]] | None = None
    """What the last clause acted on: its noun and its targets."""

    def add(self, op: str, **fields: Any) -> Intent:
        """Adds an intent; fields that are None are left out."""
        intent = {"op": op, **{key: value for key, value in fields.items() if value is not None}}
        self.intents.append(intent)
        return intent

    def name_last(self, noun: str) -> str:
        """Gives the last intent an id, so that later clauses can mean it."""
        used = {intent.get("id") for intent in self.intents}
        number = next(n for n in range(1, 1000) if f"{noun}{n}" not in used)
        self.intents[-1]["id"] = f"{noun}{number}"
        self.made.append((f"{noun}{number}", noun))
        return f"{noun}{number}"

    def meant(self, noun: str = "") -> tuple[str, dict[str, Any]]:
        """What "it" and "them" mean: what was made last (of a noun), else what was acted on. Declined asks for it."""
        for made, kind in reversed(self.made):
            if not noun or kind == noun or (noun == "channel" and kind == "category"):
                return kind, {"from": made}
        if self.acted is not None:
            return self.acted
        self.question = "What do you mean by “it” or “them”? Name the channels, roles or people."
        raise Declined("it is not clear what “it” or “them” means")

    def targets(self, found: Phrase, noun: str = "") -> dict[str, Any]:
        """The targets that a phrase names. Declined where it names nothing."""
        if found.pronoun and not found.said:
            return self.meant(noun or found.noun)[1]
        select = selector(found)
        if not select:
            self.question = self.question or "Which ones do you mean? Name them, or say “all”."
            raise Declined("it does not say which ones")
        self.acted = (noun or found.noun or "channel", {"select": select})
        return {"select": select}


def by_name(*names: str) -> dict[str, Any]:
    """Targets by their names."""
    return {"select": {"names": list(names)}}


def text_of(tokens: Sequence[Token]) -> str:
    """Tokens as a name or a text again."""
    return re.sub(
        r"\s+([,;.!?])", r"\1", " ".join(token.name if token.kind == "quoted" else token.text for token in tokens)
    ).strip(" ,.")


def split_at(tokens: Sequence[Token], *words: str) -> tuple[list[Token], list[Token]] | None:
    """What stands before and after the first of some words; None where none is there."""
    for at, token in enumerate(tokens):
        if token.low in words:
            return list(tokens[:at]), list(tokens[at + 1 :])
    return None


def plain(tokens: Sequence[Token]) -> str:
    """The tokens in lower case, for looking for a turn of phrase."""
    return " ".join(token.text.casefold() for token in tokens)
