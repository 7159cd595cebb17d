"""What a file would put on the board, and what is wrong with it.

Nothing is kept between the preview and its confirmation: which file it is stands in the message itself (the embed's
address) and in the button (the digest, so that no other file is taken, and the key, so that it is taken once).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from guildhall.executor.v1 import board_pb2

from views.board.lines import Text, problem, within
from views.components import SUCCESS, button, row
from views.custom_id import CustomId, encode
from views.markdown import escaped, shortened
from views.messages import message

CONFIRM, DROP = "board.import", "board.import_drop"
_CHARACTERS, _REQUESTS, _CSV, _JSON = "c", "r", "csv", "json"
_NAME_SHOWN = 100
_LINES_LENGTH = 1700


@dataclass(frozen=True, slots=True)
class Import:
    """A file that is to be taken in."""

    filename: str
    url: str
    csv: bool
    characters: bool
    digest: str = ""
    key: str = ""


def preview(
    what: Import, answer: board_pb2.ImportFileResponse, text: Text, professions: Mapping[str, str]
) -> dict[str, Any]:
    """What it would do, and a button that does it."""
    name = escaped(shortened(what.filename, _NAME_SHOWN))
    if not answer.created:
        return message(text("board.import.empty", name=name))
    by_profession: dict[str, list[str]] = {}
    for count in answer.counts:
        said = f"{count.count:,} {text(f'board.state.{count.state}')}"
        by_profession.setdefault(count.profession, []).append(said)
    lines = [f"**{escaped(professions.get(key, key))}** · {', '.join(said)}" for key, said in by_profession.items()]
    kind = "preview_characters" if what.characters else "preview"
    return message(
        text(f"board.import.{kind}", name=name, count=f"{answer.created:,}"),
        embeds=[
            {
                "title": shortened(what.filename, _NAME_SHOWN),
                "url": what.url,
                "description": within(lines, 4000),
            }
        ],
        components=[
            row(
                button(
                    encode(
                        CONFIRM,
                        _CSV if what.csv else _JSON,
                        _CHARACTERS if what.characters else _REQUESTS,
                        what.digest,
                        what.key,
                    ),
                    text("board.import.confirm"),
                    style=SUCCESS,
                ),
                button(encode(DROP), text("board.back")),
            )
        ],
    )


def read(custom_id: CustomId, shown: Mapping[str, Any]) -> Import:
    """The file that a pressed preview is about."""
    embed: dict[str, Any] = next(iter(shown.get("embeds") or ()), {})
    return Import(
        filename=str(embed.get("title", "")),
        url=str(embed.get("url", "")),
        csv=custom_id.argument(0) == _CSV,
        characters=custom_id.argument(1) == _CHARACTERS,
        digest=custom_id.argument(2),
        key=custom_id.argument(3),
    )


def wrong(problems: Mapping[str, str], metadata: Mapping[str, str], text: Text) -> str:
    """What is wrong with a file, line by line, from the error's fields and metadata."""
    said = [text("board.import.wrong")]
    for place, english in problems.items():
        line = place.removeprefix("line ")
        where = text("board.import.line", line=line) if line.isdecimal() else text("board.import.file")
        said.append(f"- {where}: {_of_line(metadata.get(f'problem.{place}', ''), text) or escaped(english)}")
    shown = within(said, _LINES_LENGTH)
    left = max(int(metadata.get("wrong", 0)), len(problems)) - shown.count("\n")
    return f"{shown}\n{text('board.import.more', count=left)}" if left > 0 else shown


def _of_line(packed: str, text: Text) -> str:
    """What is wrong with one line, in the reader's words; empty where something of it has none."""
    said = []
    for entry in json.loads(packed or "[]"):
        column, code = entry.pop("column"), entry.pop("code", "")
        words = problem(code, entry, text)
        if not words:
            return ""
        said.append(f"`{column}`: {words}" if column else words)
    return ", ".join(said)
