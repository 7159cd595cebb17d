"""Nulls that stand for properties left out go; nulls that a schema of several kinds demands stay."""

from __future__ import annotations

import json
from typing import Any

import pytest

from services.llm.judging import judged, problem, read
from services.llm.schemas import without_nulls


def _kind(name: str, **properties: Any) -> dict[str, Any]:
    every = {"op": {"enum": [name]}, "note": {"anyOf": [{"type": "string"}, {"type": "null"}]}, **properties}
    return {"type": "object", "properties": every, "required": list(every), "additionalProperties": False}


SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "steps": {
            "type": "array",
            "items": {
                "anyOf": [
                    {"$ref": "#/$defs/Make"},
                    _kind("drop", where={"anyOf": [{"$ref": "#/$defs/Place"}, {"type": "null"}]}),
                ]
            },
        },
        "remark": {"type": "string"},
    },
    "required": ["steps"],
    "$defs": {
        "Make": _kind("make", size={"type": "integer"}),
        "Place": {"type": "object", "properties": {"name": {"type": "string"}}, "required": []},
    },
}


def test_nulls_that_one_of_several_kinds_demands_are_kept() -> None:
    document = {
        "steps": [
            {"op": "make", "note": None, "size": 3},
            {"op": "drop", "note": None, "where": {"name": None}},
            {"op": "drop", "note": "now", "where": None},
        ],
        "remark": None,
    }
    plain = without_nulls(document, SCHEMA)
    assert problem(plain, SCHEMA) == ""
    assert plain["steps"][0] == {"op": "make", "note": None, "size": 3}
    assert plain["steps"][1] == {"op": "drop", "note": None, "where": {}}
    assert "remark" not in plain


def test_what_is_of_no_kind_is_left_as_it_is_for_the_judge() -> None:
    document = {"steps": [{"op": "explode", "note": None}]}
    assert without_nulls(document, SCHEMA) == document
    assert problem(document, SCHEMA)


def test_the_kind_that_a_part_says_it_is_judges_it() -> None:
    _, wrong = judged({"steps": [{"op": "make", "note": 7, "size": 3}]}, SCHEMA)
    assert wrong.startswith("steps/0/note: 7 is not")
    assert "drop" not in wrong
    _, wrong = judged({"steps": [{"op": "make", "note": None, "size": 3, "more": 1}]}, SCHEMA)
    assert "'more'" in wrong


def test_of_a_list_that_is_too_long_no_part_is_looked_at() -> None:
    steps = {**SCHEMA["properties"]["steps"], "maxItems": 60}
    schema = {**SCHEMA, "properties": {**SCHEMA["properties"], "steps": steps}}
    _, wrong = judged({"steps": [{"op": "explode"}] * 3_000}, schema)
    assert wrong == "steps: it has 3000 items, and 60 at most are allowed"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("no object", "no JSON object"),
        ('{"a": ' * 5_000 + "1" + "}" * 5_000, "too deeply"),
        ('{"a": ' * 70 + "1" + "}" * 70, "too deeply"),
        (json.dumps({"a": "x" * 200_000}), "longer than"),
        ('{"a": NaN}', "NaN is no number"),
        ('{"a": -Infinity}', "-Infinity is no number"),
        ('{"a": ' + "9" * 6_000 + "}", "digits"),
        ('{"a": 1', "no JSON object"),
    ],
)
def test_what_can_not_be_read_is_said(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        read(text)


def test_a_document_within_words_is_read() -> None:
    assert read('Here it is:\n```json\n{"a": [1]}\n```') == {"a": [1]}
