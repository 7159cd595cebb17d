"""Nulls that stand for properties left out go; nulls that a schema of several kinds demands stay."""

from __future__ import annotations

from typing import Any

from services.llm.schemas import problem, without_nulls


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
