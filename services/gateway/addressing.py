"""Whom a message addresses, and as what: pure reading of words, so that it can be tried without a Discord.

- `claude, what is a pier?` and `gpt: and you?` address a provider or model for this one answer.
- `!ask what is a pier?` is a text command, where the guild has a prefix for them.
- "draw me a pier" asks for a picture, where the channel makes pictures of words.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

_ADDRESS = re.compile(r"^\s*([A-Za-z][\w.\-/]{1,39})\s*[,:]\s+(?=\S)")
_COMMAND = re.compile(r"^(\w{1,20})(?:\s+|$)")
_PICTURE = re.compile(
    r"^\s*(?:please\s+|bitte\s+)?"
    r"(?:(?:draw|paint|sketch)\b|(?:generate|create|make)\s+(?:me\s+)?an?\s+(?:image|picture|drawing|painting)\b"
    r"|(?:zeichne|male|mal)\b|(?:dessine|peins)\b)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class TextCommand:
    """A command typed as a message."""

    name: str
    rest: str


def text_command(content: str, prefix: str) -> TextCommand | None:
    """The text command in a message; None where it is none."""
    if not prefix or not content.startswith(prefix):
        return None
    match = _COMMAND.match(content[len(prefix) :])
    return None if match is None else TextCommand(match[1].lower(), content[len(prefix) + match.end() :].strip())


def addressed(content: str, models: Iterable[str]) -> tuple[str, str]:
    """The model that a message addresses by its beginning, and the rest of it; no model and all of it otherwise.

    A word means a model that is called so, or whose name contains it as a word, or the first model of a provider that
    is called so.
    """
    match = _ADDRESS.match(content)
    if match is None:
        return "", content
    word = match[1].lower()
    for fits in (_is, _has_word, _is_provider):
        for model in models:
            if fits(model.lower(), word):
                return model, content[match.end() :]
    return "", content


def asks_for_picture(content: str) -> bool:
    """Whether the words ask for a picture."""
    return _PICTURE.match(content) is not None


def _is(model: str, word: str) -> bool:
    return word in (model, model.partition("/")[2])


def _has_word(model: str, word: str) -> bool:
    return word in re.split(r"[^a-z0-9.]+", model.partition("/")[2])


def _is_provider(model: str, word: str) -> bool:
    return model.partition("/")[0] == word
