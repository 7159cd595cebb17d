"""JSON schemas: checked when they come in, and narrowed to what vendors take.

Vendors' strict modes know a part of JSON Schema: every property required, no further ones, no bounds. So a schema is
sent narrowed (an optional property may be null), and the document is judged by the schema that was given.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError
from referencing import Registry
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012

from chassis.errors import InvalidArgument
from services.llm.chat import JSONObject

LARGEST_SCHEMA = 200_000
DEEPEST = 40
_REMEMBERED = 32
"""Schemas whose check is not repeated: it takes a quarter of a second for one of 30,000 characters."""
_DROPPED = frozenset(
    {
        "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength", "pattern",
        "format", "minItems", "maxItems", "uniqueItems", "minProperties", "maxProperties", "default", "examples",
        "title", "$schema", "$id", "$comment",
    }
)  # fmt: skip


@lru_cache(maxsize=_REMEMBERED)
def parse_schema(text: str) -> JSONObject:
    """A schema from its text, not to be changed. Raises InvalidArgument (INVALID_SCHEMA) with what is wrong."""
    if len(text) > LARGEST_SCHEMA:
        raise _invalid(f"it is longer than {LARGEST_SCHEMA} characters")
    try:
        schema = json.loads(text)
        if not isinstance(schema, dict) or schema.get("type") != "object":
            raise _invalid("its root is not an object")
        for reference in _references(schema):
            if not reference.startswith("#"):
                raise _invalid("it refers to something outside of itself")
        Draft202012Validator.check_schema(schema)
        known = Registry[Any]().with_resource("", DRAFT202012.create_resource(schema)).resolver()
        for reference in _references(schema):
            try:
                known.lookup(reference)
            except Unresolvable as error:
                raise _invalid(f"it refers to {reference[:100]!r}, which it does not have") from error
    except ValueError as error:
        raise _invalid("it is no JSON") from error
    except SchemaError as error:
        raise _invalid(error.message[:300]) from error
    except RecursionError as error:
        raise _invalid("it is nested too deeply") from error
    return schema


def narrowed(schema: JSONObject) -> JSONObject | None:
    """The schema as strict modes take it; None where it says something that they can't."""
    try:
        result: JSONObject = _narrow(schema, 0)
    except _NotStrictError:
        return None
    return result


def without_nulls(document: Any, schema: JSONObject, root: JSONObject | None = None) -> Any:
    """The document without the nulls that stand for properties left out."""
    root = schema if root is None else root
    schema = resolved(schema, root)
    options = schema.get("anyOf") or schema.get("oneOf")
    if options and isinstance(document, dict | list):
        return _by_option(document, options, root)
    if isinstance(document, dict):
        properties, required = schema.get("properties", {}), schema.get("required", [])
        return {
            key: without_nulls(value, properties.get(key, {}), root)
            for key, value in document.items()
            if not (value is None and key not in required and not _nullable(properties.get(key, {})))
        }
    if isinstance(document, list):
        items = schema.get("items", {})
        return [without_nulls(value, items if isinstance(items, dict) else {}, root) for value in document]
    return document


def resolved(schema: JSONObject, root: JSONObject) -> JSONObject:
    """The schema, or the one within the root that it refers to."""
    reference = schema.get("$ref")
    if not isinstance(reference, str):
        return schema
    found: Any = root
    for part in reference.removeprefix("#").strip("/").split("/"):
        found = found.get(part, {}) if part and isinstance(found, dict) else found
    return found if isinstance(found, dict) else {}


def _by_option(document: Any, options: list[JSONObject], root: JSONObject) -> Any:
    """The document by the first of several schemas that it is valid by; as it stands where it is valid by none."""
    fitting = [option for option in options if may_fit(document, option, root)]
    if len(fitting) == 1:
        return without_nulls(document, fitting[0], root)
    definitions = {key: root[key] for key in ("$defs", "definitions") if key in root}
    for option in fitting:
        candidate = without_nulls(document, option, root)
        if Draft202012Validator({**resolved(option, root), **definitions}).is_valid(candidate):
            return candidate
    return document


def may_fit(document: Any, option: JSONObject, root: JSONObject) -> bool:
    """Whether a document can be one of a kind, by what tells the kinds apart: properties with fixed values."""
    option = resolved(option, root)
    if not isinstance(document, dict):
        return not (isinstance(document, list) and option.get("type") in ("null", "object"))
    if option.get("type") == "null":
        return False
    for key, part in option.get("properties", {}).items():
        fixed = resolved(part, root)
        values = fixed.get("enum", [fixed["const"]] if "const" in fixed else None)
        if values is not None and key in document and document[key] is not None and document[key] not in values:
            return False
    return True


class _NotStrictError(Exception):
    """The schema says something that strict modes don't know."""


def _narrow(schema: Any, depth: int) -> Any:
    if depth > DEEPEST or not isinstance(schema, dict):
        raise _NotStrictError
    if any(
        key in schema for key in ("patternProperties", "if", "not", "dependentSchemas", "allOf", "oneOf", "prefixItems")
    ):
        raise _NotStrictError
    result: JSONObject = {key: value for key, value in schema.items() if key not in _DROPPED}
    if "const" in result:
        result["enum"] = [result.pop("const")]
    for key in ("$defs", "definitions"):
        if key in result:
            result[key] = {name: _narrow(value, depth + 1) for name, value in result[key].items()}
    if "anyOf" in result:
        result["anyOf"] = [_narrow(value, depth + 1) for value in result["anyOf"]]
    if "items" in result:
        result["items"] = _narrow(result["items"], depth + 1)
    if result.get("type") == "object" or "properties" in result:
        if result.get("additionalProperties") not in (None, False) or "properties" not in result:
            raise _NotStrictError
        required = set(result.get("required", []))
        result["properties"] = {
            name: _narrow(value, depth + 1) if name in required else _optional(_narrow(value, depth + 1))
            for name, value in result["properties"].items()
        }
        result["required"] = list(result["properties"])
        result["additionalProperties"] = False
    return result


def _optional(schema: JSONObject) -> JSONObject:
    kind = schema.get("type")
    if {"type": "null"} in schema.get("anyOf", ()):
        return schema
    if isinstance(kind, str) and "enum" not in schema:
        return {**schema, "type": [kind, "null"]}
    return {"anyOf": [schema, {"type": "null"}]}


def _nullable(schema: JSONObject) -> bool:
    kind = schema.get("type")
    return kind == "null" or (isinstance(kind, list) and "null" in kind) or None in schema.get("enum", [])


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        for key, value in schema.items():
            if key in ("$ref", "$dynamicRef") and isinstance(value, str):
                yield value
            yield from _references(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _references(value)


def _invalid(why: str) -> InvalidArgument:
    return InvalidArgument(f"The schema can't be used: {why}.", reason="INVALID_SCHEMA", fields={"schema_json": why})
