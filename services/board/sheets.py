"""Rows of texts as files, JSON and CSV (RFC 4180), out and in.

A cell of a CSV file that a spreadsheet would take for a formula is led by an apostrophe (OWASP, CSV injection), which
reading takes off again, so what goes out comes back as it was.
"""

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from services.board.problems import Problem

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "'")


class FileError(ValueError):
    """What is wrong with a file, by line and column; 0 stands for the file as a whole, '' for a line as a whole.

    Lines are counted as people see them: a spreadsheet's rows with its header, the entries of a JSON array from 1.
    """

    def __init__(self, lines: Mapping[int, Mapping[str, str]]) -> None:
        super().__init__(f"{len(lines)} lines are wrong")
        self.lines = dict(lines)


def whole_file(code: str, **values: object) -> FileError:
    """What is wrong with a file as a whole."""
    return FileError({0: {"": Problem(code, **values)}})


def csv_lines(rows: Iterable[Mapping[str, Any]], fields: Sequence[str], *, header: bool) -> str:
    """Rows as CSV (RFC 4180)."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    if header:
        writer.writerow(fields)
    for row in rows:
        writer.writerow([_safe_cell(row[field]) for field in fields])
    return buffer.getvalue()


def read_rows(data: bytes, *, is_csv: bool, fields: Sequence[str], limit: int) -> list[dict[str, str]]:
    """A file's rows as texts. FileError where it is not such a file, or longer than allowed."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise whole_file("not_utf8") from error
    rows = _csv_rows(text, fields) if is_csv else _json_rows(text, fields)
    if len(rows) > limit:
        raise whole_file("rows", most=limit, rows=len(rows))
    return rows


def first_line(*, is_csv: bool) -> int:
    """The line of a file's first row."""
    return 2 if is_csv else 1


def _csv_rows(text: str, fields: Sequence[str]) -> list[dict[str, str]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        lines = list(reader)
    except csv.Error as error:
        raise whole_file("not_csv", line=reader.line_num) from error
    if not lines:
        return []
    header = [name.strip().lower() for name in lines[0]]
    unknown = [name for name in header if name not in fields]
    if unknown or len(set(header)) != len(header):
        raise FileError({1: {"": Problem("columns", names=", ".join(fields))}})
    cells = {"": Problem("cells")}
    wrong = {number: cells for number, row in enumerate(lines[1:], 2) if len(row) != len(header)}
    if wrong:
        raise FileError(wrong)
    return [dict(zip(header, map(_plain_cell, row), strict=True)) for row in lines[1:]]


def _json_rows(text: str, fields: Sequence[str]) -> list[dict[str, str]]:
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        raise whole_file("not_json", line=error.lineno, character=error.colno) from error
    except (ValueError, RecursionError) as error:
        raise whole_file("not_json", line=1, character=1) from error
    if not isinstance(document, list):
        raise whole_file("not_array")
    rows, wrong = [], {}
    for number, entry in enumerate(document, 1):
        flat = isinstance(entry, dict) and all(isinstance(value, str | int | bool) for value in entry.values())
        if not flat or not set(entry) <= set(fields):
            wrong[number] = {"": Problem("not_object", names=", ".join(fields))}
        else:
            rows.append(
                {key: "yes" if value is True else "" if value is False else str(value) for key, value in entry.items()}
            )
    if wrong:
        raise FileError(wrong)
    return rows


def _safe_cell(value: object) -> str:
    text = str(value)
    return "'" + text if text.startswith(_FORMULA) else text


def _plain_cell(text: str) -> str:
    return text[1:] if text.startswith("'") and text[1:].startswith(_FORMULA) else text
