"""Short titles out of a text's own words."""

from __future__ import annotations

import re

from sandbox.model.dialogue import Ask

_STOP_WORD = re.compile(
    r"""(?xi)
    a|about|after|all|also|am|an|and|any|are|as|at|be|been|but|by|can|could|did|do|does|for|from|get|give|had|has|have|
    how|i|if|in|into|is|it|its|just|let|like|make|me|more|my|of|on|one|or|our|please|say|should|so|some|tell|than|that|
    the|their|them|then|there|these|they|this|to|us|was|we|were|what|when|where|which|who|why|will|with|would|write|
    you|your|explain|und|der|die|das|ist|ein|eine|wie|was|bitte|mir|ich
    """
)
_WORD = re.compile(r"[^\W_][\w'’+#.-]*", re.UNICODE)
_TITLE_ASKED = re.compile(
    r"\b(?:title|headline|heading)\b(?=[^.!?\n]{0,80}\b(?:for|of|that|from|this|words?)\b)"
    r"|\b(?:short|brief|concise)\s+title\b",
    re.IGNORECASE,
)
MAX_WORDS = 6


def keywords(text: str, limit: int) -> list[str]:
    """The words of a text that carry its meaning, in order, each once."""
    seen: dict[str, str] = {}
    for word in _WORD.findall(text):
        bare = word.strip(".-'’")
        if bare and not _STOP_WORD.fullmatch(bare):
            seen.setdefault(bare.casefold(), bare)
    return list(seen.values())[:limit]


def wanted(ask: Ask) -> bool:
    """Whether a request is for a title: its instructions ask for one and the conversation is a single message."""
    if len(ask.asked) != 1:
        return False
    return bool(_TITLE_ASKED.search(ask.system)) or bool(_TITLE_ASKED.match(_instruction(ask.last)))


def _instruction(text: str) -> str:
    head = text.strip().split("\n", 1)[0]
    match = _TITLE_ASKED.search(head)
    return head[match.start() :] if match and match.start() < 40 else ""


def subject(ask: Ask) -> str:
    """The text that the title is for: what follows the instruction where both stand in one message."""
    text = ask.last.strip()
    if not _TITLE_ASKED.search(ask.system):
        _, separator, rest = text.partition("\n")
        if not separator:
            _, separator, rest = text.partition(":")
        text = rest.strip() or text
    return text


def title(text: str) -> str:
    """A title of at most six words and 60 characters."""
    words = keywords(text, MAX_WORDS)
    if not words:
        return "A short conversation"
    chosen = " ".join(words)[:60].strip()
    return chosen[0].upper() + chosen[1:]
