"""From text to tokens, and the closed word lists that the grammar stands on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""(?x)
    (?P<quoted> "[^"]+" | “[^”]+” | «[^»]+» | `[^`]+` | (?<!\w)'[^']+'(?!\w) )
    | (?P<mention> <(?:\#|@&|@!?)\d+> )
    | (?P<named> [\#@][\w][\w\-./+']* )
    | (?P<colour> \#[0-9a-fA-F]{6}\b )
    | (?P<word> [\w{}*?][\w\-.'{}*?:/+]* )
    | (?P<mark> [,;.!?&] )
    """
)


def table(text: str) -> dict[str, str]:
    """A dictionary out of lines "meaning: word word …"; an underscore joins words that are spoken as one."""
    entries: dict[str, str] = {}
    meaning = ""
    for part in text.split():
        if part.endswith(":"):
            meaning = part[:-1]
        else:
            entries[part.replace("_", " ")] = meaning
    return entries


NUMBERS = {
    "a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8,
    "nine": 9, "ten": 10, "eleven": 11, "twelve": 12, "fifteen": 15, "twenty": 20, "thirty": 30, "fifty": 50,
    "hundred": 100, "couple": 2, "few": 3,
}  # fmt: skip
KINDS = table(
    """
    text: text
    voice: voice audio talk
    announcement: announcement announcements news
    forum: forum forums
    stage: stage
    media: media
    category: category categories
    """
)
NOUNS = table(
    """
    channel: channel channels category categories forum forums
    role: role roles rank ranks
    member: member members people person user users everyone everybody bots
    thread: thread threads post posts
    message: message messages
    invite: invite invites invitation invitations
    webhook: webhook webhooks
    emoji: emoji emojis
    event: event events
    automod: automod rule rules
    nickname: nickname nicknames nick
    guild: server guild
    permission: permission permissions
    pin: pin pins
    ban: ban bans
    timeout: timeout
    topic: topic
    slowmode: slowmode
    archive: archive
    copy: copy copies
    """
)
ARTICLES = frozenset(("the", "our", "this", "that", "these", "those", "my", "your", "its", "their", "some", "any"))
ALL = frozenset(("all", "every", "each"))
PRONOUNS = frozenset(("it", "them", "they", "these", "those", "this", "that"))
FILLERS = frozenset(
    table(
        """
        filler: please can could would you i we want need like kindly just now also then again maybe so us let's lets me
            hey hi ok okay guildhall bot afterwards after first finally new
        """
    )
)


@dataclass(frozen=True)
class Token:
    """A word with what it was written as: `quoted`, `named` (#general, @Raider), `mention`, `word` or `mark`."""

    kind: str
    text: str

    @property
    def low(self) -> str:
        """For comparing; names as they were quoted or marked never equal a word of the grammar."""
        return self.text.casefold() if self.kind in ("word", "mark") else "\0"

    @property
    def name(self) -> str:
        """As a name: without quotes and marks."""
        if self.kind == "quoted":
            return self.text[1:-1].strip()
        return re.sub(r"['’]s$", "", self.text.lstrip("#@")) if self.kind == "named" else self.text


def tokens(text: str) -> list[Token]:
    """All tokens of a text; what is none is left out."""
    return list(_tokens(text))


def _tokens(text: str) -> Iterator[Token]:
    for match in _TOKEN.finditer(text):
        kind = str(match.lastgroup)
        found = match.group()
        if kind == "word":
            bare = found.rstrip(".:'")
            asks = bare.endswith("?") and bare.count("?") == 1 and "*" not in bare  # else it is a pattern
            yield Token("word", bare.rstrip("?") if asks else bare or found)
            if found.endswith(".") or asks:
                yield Token("mark", "." if found.endswith(".") else "?")
        else:
            yield Token(kind, found)


def number(token: Token) -> int | None:
    """The number that a word is; None for none."""
    if token.low.isdecimal() and len(token.low) < 5:
        return int(token.low)
    return NUMBERS.get(token.low)


def singular(word: str) -> str:
    """A noun without its plural."""
    low = word.casefold()
    if low.endswith("ies") and len(low) > 4:
        return word[:-3] + "y"
    return word[:-1] if low.endswith("s") and not low.endswith("ss") and len(low) > 3 else word
