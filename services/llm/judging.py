"""Reads the document in a model's answer, and says what is wrong with it.

What a model says may be anything: too long, nested without end, of ten thousand parts. Judging it must cost little, as
all answers of this process wait meanwhile. So size and depth are looked at first; and where a schema offers several
kinds of a thing, only that kind judges it whose fixed values it has, which also says better what is wrong.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from jsonschema import Draft202012Validator, validators
from jsonschema.exceptions import ValidationError, best_match

from services.llm.chat import JSONObject
from services.llm.schemas import may_fit, resolved, without_nulls

LONGEST_DOCUMENT = 100_000
"""Characters: more than models write at once, unless they write without end."""
DEEPEST_DOCUMENT = 60
_LONGEST_PROBLEM = 600
# The library does not say what it takes.
_extend: Any = validators.extend


def read(text: str) -> Any:
    """JSON out of an answer: also from within a code fence or a sentence. Raises ValueError."""
    stripped = text.strip()
    start, end = stripped.find("{"), stripped.rfind("}")
    if start < 0 or end < start:
        raise ValueError("there is no JSON object in the answer")
    if end - start >= LONGEST_DOCUMENT:
        raise ValueError(f"it is longer than {LONGEST_DOCUMENT} characters")
    try:
        document = json.loads(stripped[start : end + 1], parse_constant=_no_number)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    if _is_deeper(document, DEEPEST_DOCUMENT):
        raise ValueError("it is nested too deeply")
    return document


def judged(document: Any, schema: JSONObject) -> tuple[Any, str]:
    """The document without the nulls that stand for properties left out, and what is wrong with it."""
    wrong = _too_many(document, schema)
    if wrong:
        return document, wrong
    plain = without_nulls(document, schema)
    return plain, problem(plain, schema)


def problem(document: Any, schema: JSONObject) -> str:
    """What is wrong with a document, in a line; empty where it is valid."""
    error = best_match(_validator(schema).iter_errors(document))
    if error is None:
        return ""
    place = "/".join(str(part) for part in error.absolute_path) or "the document"
    return f"{place}: {error.message}"[:_LONGEST_PROBLEM]


def _validator(schema: JSONObject) -> Any:
    plain = Draft202012Validator.VALIDATORS["anyOf"]

    def any_of(validator: Any, options: list[JSONObject], part: Any, here: JSONObject) -> Iterator[ValidationError]:
        fitting = [option for option in options if may_fit(part, option, schema)]
        if len(fitting) == 1:
            yield from validator.descend(part, fitting[0])
        else:
            yield from plain(validator, options, part, here)

    return _extend(Draft202012Validator, {"anyOf": any_of})(schema)


def _too_many(document: Any, schema: JSONObject) -> str:
    """Which of a document's lists is too long, before each of its items is looked at."""
    for key, part in schema.get("properties", {}).items():
        most = resolved(part, schema).get("maxItems")
        found = document.get(key)
        if most is not None and isinstance(found, list) and len(found) > most:
            return f"{key}: it has {len(found)} items, and {most} at most are allowed"
    return ""


def _is_deeper(document: Any, most: int) -> bool:
    layer = [document]
    for _ in range(most):
        layer = [
            below
            for each in layer
            if isinstance(each, dict | list)
            for below in (each.values() if isinstance(each, dict) else each)
        ]
        if not layer:
            return False
    return True


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no number")
