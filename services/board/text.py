"""People's text on its way in: what cannot be seen is taken out, what can be seen is kept as it was typed.

Controls, zero-width characters and the bidirectional overrides of Unicode TR 36 make two texts look alike or turn a
line around, so they are removed here, once. Letters of every script stay, right-to-left ones included; marking up is
made harmless where text is shown (views), not here.
"""

import re
import unicodedata

_SPACES = re.compile(r"[^\S\n]+")
_LINES = re.compile(r"\n{3,}")
# Joins emoji and shapes some scripts (Persian, Hindi), so it stays between two visible characters.
_JOINERS = frozenset({"\u200c", "\u200d"})
# Blank although their category says letter or symbol: Hangul fillers, braille blank.
_BLANKS = frozenset({"\u115f", "\u1160", "\u3164", "\uffa0", "\u2800"})
_INVISIBLE_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def clean_line(text: str) -> str:
    """One line: inner white space is one space, nothing invisible, no space at the ends."""
    return _SPACES.sub(" ", _visible(text.replace("\n", " ").replace("\r", " "))).strip()


def clean_text(text: str) -> str:
    """Several lines: as `clean_line`, but line breaks stay, at most one empty line in a row."""
    lines = _visible(text.replace("\r\n", "\n").replace("\r", "\n"))
    return _LINES.sub("\n\n", "\n".join(_SPACES.sub(" ", line).strip() for line in lines.split("\n"))).strip()


def search_key(text: str) -> str:
    """What spellings of one thing have in common: compatibility form, case folded, spaces and joiners evened out."""
    folded = unicodedata.normalize("NFKC", clean_line(text)).casefold()
    return _SPACES.sub(" ", "".join(c for c in folded if c not in _JOINERS)).strip()


def _visible(text: str) -> str:
    text = unicodedata.normalize("NFC", text)
    kept: list[str] = []
    for index, character in enumerate(text):
        if character in _JOINERS:
            follows = index + 1 < len(text) and text[index + 1] not in _JOINERS and not text[index + 1].isspace()
            if kept and not kept[-1].isspace() and follows:
                kept.append(character)
        elif character == "\n" or (
            character not in _BLANKS and unicodedata.category(character) not in _INVISIBLE_CATEGORIES
        ):
            kept.append(character)
        elif character == "\t":
            kept.append(" ")
    while kept and kept[-1] in _JOINERS:
        kept.pop()
    return "".join(kept)
