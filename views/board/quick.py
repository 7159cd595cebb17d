"""Quick text for old hands: `2x flask of power @Alch by friday !50g note: for the raid`.

The order does not matter beyond the item, which is what remains: a quantity (`2x`, `x2`, `2 `) at the beginning, the
profession after `@`, the due date after `by` (or `bis`, `pour`), the quality in brackets, the tip after `!`, a note
after `note:` or `//`. What cannot be read is said, never guessed.
"""

import re
from dataclasses import dataclass

from views.board.dates import read_date

_NOTE = re.compile(r"(?:^|\s)(?://|note:|notiz:)\s*(.*)$", re.IGNORECASE | re.DOTALL)
_PROFESSION = re.compile(r"(?:^|\s)@(\"[^\"]+\"|\S+)")
_TIP = re.compile(r"(?:^|\s)!(\"[^\"]+\"|\S+)")
_QUALITY = re.compile(r"\s*\[([^\]]*)\]")
_DUE = re.compile(r"(?:^|\s)(?:by|bis|pour)\s+(.+)$", re.IGNORECASE)
_LEADING = re.compile(r"^(-?\d{1,12})\s*(?:x\s*|×\s*|\s+)(?=\S)", re.IGNORECASE)
_ONLY_QUANTITY = re.compile(r"(?:-?\d+\s*[x×]?|x\s*\d+)", re.IGNORECASE)
_LEADING_X = re.compile(r"^x\s*(\d{1,12})\s+(?=\S)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Quick:
    """What was read. `problem` names what could not be (`item`, `due`), with the piece of text that it is about."""

    item: str = ""
    quantity: int = 1
    profession: str = ""
    quality: str = ""
    due: float | None = None
    tip: str = ""
    note: str = ""
    problem: str = ""
    about: str = ""


def read_quick(text: str, now: float, zone: str = "UTC") -> Quick:
    """Reads quick text; `due` is in Unix seconds."""
    rest, note = _cut(_NOTE, text.strip())
    rest, profession = _cut(_PROFESSION, rest)
    rest, tip = _cut(_TIP, rest)
    rest, quality = _cut(_QUALITY, rest)
    due, when = None, ""
    found = _DUE.search(rest)
    if found is not None:
        when = found[1].strip()
        due = read_date(when, now, zone)
        if due is None:
            return Quick(problem="due", about=when)
        rest = rest[: found.start()]
    rest = " ".join(rest.split())
    if not rest or _ONLY_QUANTITY.fullmatch(rest):
        return Quick(problem="item", about=text.strip())
    quantity = 1
    for pattern in (_LEADING, _LEADING_X):
        leading = pattern.match(rest)
        if leading is not None:
            quantity, rest = int(leading[1]), rest[leading.end() :]
            break
    return Quick(rest, quantity, profession.strip('"'), quality.strip(), due, tip.strip('"'), note.strip())


def _cut(pattern: re.Pattern[str], text: str) -> tuple[str, str]:
    found = pattern.search(text)
    if found is None:
        return text, ""
    return f"{text[: found.start()]} {text[found.end() :]}".strip(), found[1]
