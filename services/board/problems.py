"""What is wrong with what was entered: a sentence for developers, and a code with values for people's languages."""

import json
from collections.abc import Mapping

from chassis.errors import InvalidArgument

_SAID = {
    "empty": "say what you want",
    "length": "at most {limit} characters, this has {length}",
    "range": "{least} to {most}",
    "unknown_profession": "none by that name; there are {names}",
    "which_profession": "say which: {names}",
    "quality": "one of {names}",
    "no_qualities": "{profession} has no qualities",
    "past": "that is in the past",
    "too_far": "at most {days} days ahead",
    "no_character": "there is no such character of yours",
    "no_levels": "this profession has no levels",
    "speciality": "not one of {profession}'s: {names}",
    "twice": "named twice",
    "count": "at most {most}",
    "each_length": "at most {limit} characters each",
    "character_taken": "another character has that name on that realm",
    "fewer_there": "there are {have} of it, not {wanted}",
    "one_piece": "one piece cannot be split",
    "too_early": "its time has not come",
    "no_heir": "it takes somebody to pass it to",
    "same_heir": "that person holds it already",
    "no_date": "it takes a later date",
    "part": "a part has 1 to {most}",
    "no_change": "there is nothing to change",
    "held_edit": "a crafter works on it: item, quantity, profession and quality stay as they are",
    "nobody_there": "there is nobody to remind",
    "nothing_due": "there is nothing to remind of",
    "number": "a whole number from {least} on",
    "moment": "a time as 2026-01-31T12:00:00Z",
    "one_of": "one of {names}",
    "by_whom": "{state} takes a crafter",
    "by_nobody": "{state} has no crafter",
    "times": "the times make no sense together",
    "not_utf8": "the file is not UTF-8",
    "not_csv": "the file is not CSV from line {line} on",
    "not_json": "the file is not JSON from line {line}, character {character} on",
    "not_array": "the file is not a JSON array",
    "not_object": "an object with some of {names}",
    "rows": "at most {most} rows, this has {rows}",
    "columns": "columns are {names}, each once",
    "cells": "too many or too few cells",
}
_MARK = "problem."


class Problem(str):
    """The sentence; with it the code that names it and the values that stand in it."""

    __slots__ = ("code", "values")
    code: str
    values: dict[str, str]

    def __new__(cls, code: str, **values: object) -> "Problem":
        """KeyError for a code that there is not."""
        shown = {name: f"{value:,}" if isinstance(value, int) else str(value) for name, value in values.items()}
        made = super().__new__(cls, _SAID[code].format(**shown))
        made.code = code
        made.values = {name: str(value) for name, value in values.items()}
        return made


CODES = frozenset(_SAID)
# An error travels in a trailer, and those hold little: https://grpc.io/docs/guides/metadata/
_MOST_BYTES = 2_500


def invalid(message: str, reason: str, fields: Mapping[str, str]) -> InvalidArgument:
    """An InvalidArgument whose metadata has the code and values of each field's problem, as JSON."""
    metadata = {
        f"{_MARK}{field}": json.dumps({"code": problem.code, **problem.values}, ensure_ascii=False)
        for field, problem in fields.items()
        if isinstance(problem, Problem)
    }
    return InvalidArgument(message, reason=reason, fields=fields, metadata=metadata)


def invalid_lines(message: str, reason: str, lines: Mapping[int, Mapping[str, str]], most: int) -> InvalidArgument:
    """The same for a file: `lines` has the problems of each line by column, '' for the whole line; line 0 is the file.

    As many lines as fit are named, at most `most`; the metadata's `wrong` says how many there are. A line's problems
    stand there as a JSON array.
    """
    fields: dict[str, str] = {}
    metadata = {"wrong": str(len(lines))}
    used = 0
    for line, problems in sorted(lines.items())[:most]:
        place = f"line {line}" if line else "file"
        said = ", ".join(f"{column}: {text}" if column else text for column, text in problems.items())
        packed = json.dumps(
            [
                {"column": column, **({"code": text.code, **text.values} if isinstance(text, Problem) else {})}
                for column, text in problems.items()
            ],
            ensure_ascii=False,
        )
        used += len(said.encode()) + len(packed.encode())
        if fields and used > _MOST_BYTES:
            break
        fields[place], metadata[f"{_MARK}{place}"] = said, packed
    return InvalidArgument(message, reason=reason, fields=fields, metadata=metadata)
