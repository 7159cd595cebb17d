"""Splits a long text into messages that each stand on their own.

- No part is longer than the limit, counted in UTF-16 code units: a client counts so, the API counts code points, and
  the former is never fewer.
- A code block that is cut is closed at the end of one part and opened again, with its language, in the next.
- Cuts fall at a paragraph's end, else a line's, a sentence's (Latin or CJK), a word's; never inside a surrogate pair, a
  combined character or a run of backticks.
- A cut depends only on what stands before it and the first limit's worth of text, so while a text grows the parts
  before its last one stay as they are: a streaming answer edits its last message only.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

LIMIT = 2_000
_RUN = re.compile(r"`{3,}")
_LANGUAGE = re.compile(r"[A-Za-z0-9_+\-.#]*(?=\n)")
_LANGUAGE_LIMIT = 32
_FENCE = "```"
_JOINERS = frozenset("\u200d\ufe0e\ufe0f\U0001f3fb\U0001f3fc\U0001f3fd\U0001f3fe\U0001f3ff")
# Sought in this order, each only in the latter part of the room: a good cut far too early wastes a message.
_BREAKS = (
    (re.compile(r"\n[ \t]*\n+"), 0.5),
    (re.compile(r"\n"), 0.5),
    (re.compile(r"[.!?…][\"')\]]*\s|[。！？]"), 0.6),
    (re.compile(r"\s|[、，；：]"), 0.3),
)


@dataclass(frozen=True)
class _Fence:
    """The code block that a text leaves open."""

    language: str
    start: int


def units(text: str) -> int:
    """The length of a text in UTF-16 code units."""
    return len(text) + sum(1 for character in text if character > "\uffff")


def split(text: str, limit: int = LIMIT) -> list[str]:
    """The parts of a text, none of them blank; an empty list for a blank text. `limit` must be at least 50."""
    if limit < 50:
        raise ValueError("a part needs room for a fence, its language and some text")
    parts: list[str] = []
    rest, opening = text, ""
    while True:
        if len(rest) <= limit and units(opening) + units(rest) <= limit:
            _add(parts, opening, rest)
            return parts
        cut, fence = _cut(opening, rest, limit)
        head, rest = rest[:cut], rest[cut:]
        if fence is None:
            _add(parts, opening, head.rstrip())
            rest, opening = rest.lstrip("\n") if head.endswith("\n") else rest.lstrip(), ""
        else:
            _add(parts, opening, head.removesuffix("\n") + "\n" + _FENCE)
            rest = rest.removeprefix("\n") if not head.endswith("\n") else rest
            opening = f"{_FENCE}{fence.language}\n"


def preview(text: str, limit: int = LIMIT) -> list[str]:
    """The parts of a text that still grows, as it looks best until it goes on.

    A code block that is open at the end is closed, for Discord shows one as a block only then; what may become the
    fence that closes it, and a block of which there is only the opening, are left out until there is more.
    """
    parts = split(text, limit)
    if not parts or (fence := _open_fence(parts[-1])) is None:
        return parts
    last = parts[-1]
    if "\n" not in last[fence.start :].strip():
        begun = last[: fence.start].rstrip()
        return [*parts[:-1], begun] if begun else parts[:-1]
    closed = last.rstrip("`").removesuffix("\n") + "\n" + _FENCE
    return [*parts[:-1], closed if units(closed) <= limit else last]


def _add(parts: list[str], opening: str, body: str) -> None:
    # A block that holds nothing but its fences says nothing.
    if body.replace(_FENCE, "").strip() or (not opening and body.strip()):
        parts.append(opening + body)


def _cut(opening: str, rest: str, limit: int) -> tuple[int, _Fence | None]:
    """Where to cut, and the code block that is open there."""
    room = limit - units(opening)
    fence: _Fence | None = None
    for reserve in (0, len(_FENCE) + 1):
        cut = _place(rest, room - reserve, in_code=bool(opening))
        fence = _open_fence(opening + rest[:cut])
        start = None if fence is None else fence.start - len(opening)
        # A block that begins the part has nothing before it to cut at: it is cut inside.
        if start is not None and rest[: max(0, start)].strip() and _barely_begun(rest, start, cut):
            return start, None
        if fence is None:
            return cut, None
    return cut, fence


def _barely_begun(rest: str, start: int, cut: int) -> bool:
    """Whether a cut would fall on the opening line of a block or leave fewer than two lines of it before the cut."""
    return rest.count("\n", start, cut) < 2


def _place(rest: str, room: int, *, in_code: bool) -> int:
    end = _fitting(rest, room)
    window = rest[:end]
    for pattern, least in _BREAKS[1:2] if in_code else _BREAKS:
        best = 0
        for match in pattern.finditer(window):
            best = match.end()
        if best >= least * end and best > 0:
            return best
    return _between_characters(rest, end)


def _fitting(rest: str, room: int) -> int:
    """How many characters fit into a number of code units; at least one."""
    end = min(len(rest), room)
    while end > 1 and units(rest[:end]) > room:
        end -= max(1, (units(rest[:end]) - room) // 2)
    return max(1, end)


def _between_characters(rest: str, end: int) -> int:
    """The last place up to `end` that is not inside a combined character or a run of backticks."""
    cut = end
    while cut > 1 and cut < len(rest) and _joined(rest[cut - 1], rest[cut]) and end - cut < 40:
        cut -= 1
    return cut if cut > 1 and end - cut < 40 else end


def _joined(before: str, after: str) -> bool:
    if before == "`" and after == "`":
        return True
    return after in _JOINERS or before == "\u200d" or unicodedata.combining(after) != 0


def _open_fence(text: str) -> _Fence | None:
    """Discord's rule: three backticks or more open a block wherever they stand, and the next ones close it."""
    fence: _Fence | None = None
    for run in _RUN.finditer(text):
        if fence is not None:
            fence = None
            continue
        language = _LANGUAGE.match(text, run.end())
        name = language[0] if language and len(language[0]) <= _LANGUAGE_LIMIT else ""
        fence = _Fence(name, run.start())
    return fence
