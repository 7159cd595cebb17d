"""Making a document fit a JSON schema to the letter: keys that must be there are written, others are left out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Schema = Mapping[str, Any]


def resolved(schema: Schema, root: Schema) -> Schema:
    """The schema that a `$ref` within the root means."""
    for _ in range(20):
        reference = schema.get("$ref")
        if not isinstance(reference, str):
            break
        target: Any = root
        for part in reference.lstrip("#/").split("/"):
            target = target.get(part, {}) if isinstance(target, Mapping) else {}
        schema = target
    return schema


def operations(schema: Schema) -> set[str]:
    """The operations that the items of a plan's list may have: the values of their `op`."""
    for part in (schema.get("properties") or {}).values():
        items = resolved(resolved(part, schema).get("items") or {}, schema)
        found: set[str] = set()
        for option in items.get("anyOf") or items.get("oneOf") or []:
            op = resolved((resolved(option, schema).get("properties") or {}).get("op") or {}, schema)
            found.update(str(value) for value in op.get("enum") or ([op["const"]] if "const" in op else []))
        if found:
            return found
    return set()


def conform(value: Any, schema: Schema, root: Schema) -> Any:
    """The value as the schema wants it."""
    schema = resolved(schema, root)
    options = schema.get("anyOf") or schema.get("oneOf")
    if options:
        return conform(value, _option(value, options, root), root)
    if isinstance(value, Mapping):
        properties: Mapping[str, Schema] = schema.get("properties") or {}
        required = schema.get("required") or ()
        return {
            key: conform(value[key], part, root) if value.get(key) is not None else empty(part, root)
            for key, part in properties.items()
            if value.get(key) is not None or key in required
        }
    if isinstance(value, list):
        return [conform(item, schema.get("items") or {}, root) for item in value]
    return value


def _option(value: Any, options: list[Schema], root: Schema) -> Schema:
    solid = [resolved(option, root) for option in options]
    if value is None:
        return next((o for o in solid if o.get("type") == "null"), solid[0])
    if isinstance(value, Mapping):
        for option in solid:
            op = resolved((option.get("properties") or {}).get("op") or {}, root)
            if "op" in value and value["op"] in (op.get("enum") or [op.get("const")]):
                return option
        fitting = [o for o in solid if set(value) <= set(o.get("properties") or {})]
        return fitting[0] if fitting else solid[0]
    kinds = {str: "string", bool: "boolean", int: "integer", float: "number", list: "array"}
    return next(
        (o for o in solid if o.get("type") == kinds.get(type(value)) or value in (o.get("enum") or ())), solid[0]
    )


def empty(schema: Schema, root: Schema) -> Any:
    """What stands for "not given": null where it may, else an empty list, the default, or the least there is."""
    schema = resolved(schema, root)
    options = [resolved(o, root) for o in schema.get("anyOf") or schema.get("oneOf") or []]
    kind = schema.get("type")
    if any(o.get("type") == "null" for o in options) or kind == "null" or (isinstance(kind, list) and "null" in kind):
        return None
    if "default" in schema:
        return schema["default"]
    if options:
        return empty(options[0], root)
    if schema.get("enum"):
        return schema["enum"][0]
    if kind == "object":
        return {
            key: empty(part, root)
            for key, part in (schema.get("properties") or {}).items()
            if key in (schema.get("required") or ())
        }
    return {"array": [], "string": "", "boolean": False, "integer": _least(schema), "number": _least(schema)}.get(
        str(kind)
    )


def _least(schema: Schema) -> int:
    return int(schema.get("minimum", 0))
