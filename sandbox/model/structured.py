"""Answers of a given shape: JSON for a schema, arguments for a tool.

A schema is filled from the request's own words: a property gets what its name, its description and its bounds ask
for. A schema that describes a plan of operations goes to `plans`, one that describes recommendations to `music`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sandbox.model import music, plans, titles
from sandbox.model.dialogue import Ask, Tool, ToolCall

Schema = Mapping[str, Any]
MAX_DEPTH = 12


def as_json(ask: Ask) -> str:
    """The answer as JSON text of the shape that the request demands."""
    assert ask.schema is not None
    return json.dumps(value(ask.schema, ask), ensure_ascii=False, separators=(",", ":"))


def value(schema: Schema, ask: Ask) -> Any:
    """A value of a schema, from what was asked."""
    if plans.is_plan(schema):
        return plans.plan(replace(ask, schema=schema))
    if music.list_schema(schema):
        return music.recommend(replace(ask, schema=schema))
    return Filler(schema, ask).fill()


def tool_call(ask: Ask) -> ToolCall | None:
    """The call to make, where one is demanded or the words of the last message are those of a tool."""
    if not ask.tools or ask.tool_choice == "none" or not ask.turns or ask.turns[-1].role == "tool":
        return None
    tool = next((t for t in ask.tools if t.name == ask.tool_choice), None)
    if tool is None:
        ranked = sorted(((_kinship(t, ask.last), -n, t) for n, t in enumerate(ask.tools)), key=lambda r: r[:2])
        score, _, best = ranked[-1]
        if ask.tool_choice == "required" or score > 0:
            tool = best
    if tool is None:
        return None
    number = sum(len(turn.tool_calls) for turn in ask.turns) + 1
    arguments = value(tool.parameters or {"type": "object"}, ask)
    return ToolCall(f"call_demo_{number}", tool.name, arguments if isinstance(arguments, dict) else {})


def _kinship(tool: Tool, said: str) -> int:
    """How many words a message shares with a tool's name (which count double) and its description."""
    spoken = {_stem(w) for w in titles.keywords(said, 60)}
    name = {_stem(w) for w in re.split(r"[_\W]+|(?<=[a-z])(?=[A-Z])", tool.name) if w}
    about = {_stem(w) for w in titles.keywords(tool.description, 40)} - name
    return 2 * len(spoken & name) + (len(spoken & about) if spoken & name else max(0, len(spoken & about) - 1))


def _stem(word: str) -> str:
    word = word.casefold()
    for ending in ("ing", "ies", "ed", "es", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word


class Filler:
    """Fills one schema; `$ref` is resolved within the schema's own `$defs`."""

    def __init__(self, schema: Schema, ask: Ask) -> None:
        self._root = schema
        self._said = ask.last
        self._words = titles.keywords(ask.last, 30)
        self._numbers = [float(n) for n in re.findall(r"(?<![\w.])-?\d+(?:\.\d+)?", ask.last)]

    def fill(self) -> Any:
        """The whole value."""
        return self._of(self._root, "", 0)

    def _of(self, schema: Schema, name: str, depth: int) -> Any:
        schema = self._resolved(schema)
        if depth > MAX_DEPTH:
            return None
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return self._choice(list(schema["enum"]))
        for key in ("anyOf", "oneOf"):
            if key in schema:
                options = [self._resolved(option) for option in schema[key]]
                solid = [option for option in options if option.get("type") != "null"]
                return self._of(solid[0] if solid else options[0], name, depth + 1)
        if "allOf" in schema:
            merged: dict[str, Any] = {}
            for part in schema["allOf"]:
                merged.update(self._resolved(part))
            return self._of(merged, name, depth + 1)
        kind = schema.get("type")
        if isinstance(kind, list):
            kind = next((k for k in kind if k != "null"), "null")
        return self._typed(kind, schema, name, depth)

    def _typed(self, kind: Any, schema: Schema, name: str, depth: int) -> Any:
        if kind == "string":
            return self._text(schema, name)
        if kind in ("integer", "number"):
            return self._number(schema, whole=kind == "integer")
        if kind == "boolean":
            return not re.search(r"\b(no|not|never|without|false|off)\b", self._said, re.I)
        if kind == "null":
            return None
        if kind == "array":
            size = min(max(int(schema.get("minItems", 1)), 1), int(schema.get("maxItems", 100)))
            return [self._of(schema.get("items", {"type": "string"}), name, depth + 1) for _ in range(size)]
        properties: Mapping[str, Schema] = schema.get("properties", {})
        required = set(schema.get("required", properties))
        return {key: self._of(part, key, depth + 1) for key, part in properties.items() if key in required or depth < 2}

    def _resolved(self, schema: Schema) -> Schema:
        for _ in range(MAX_DEPTH):
            reference = schema.get("$ref")
            if not isinstance(reference, str) or not reference.startswith("#"):
                return schema
            target: Any = self._root
            for part in reference.lstrip("#/").split("/"):
                if part:
                    target = target.get(part.replace("~1", "/").replace("~0", "~"), {})
            schema = {**target, **{k: v for k, v in schema.items() if k != "$ref"}}
        return schema

    def _choice(self, options: list[Any]) -> Any:
        said = {_stem(w) for w in re.findall(r"\w+", self._said)}
        return max(
            options, key=lambda o: (len(said & {_stem(w) for w in re.findall(r"[^\W_]+", str(o))}), -options.index(o))
        )

    def _number(self, schema: Schema, *, whole: bool) -> float | int:
        low, high = schema.get("minimum", 0), schema.get("maximum", 1_000_000)
        number = next((n for n in self._numbers if low <= n <= high), max(low, min(1, high)))
        return int(number) if whole else number

    def _text(self, schema: Schema, name: str) -> str:
        lowered = name.casefold()
        if "title" in lowered or "name" in lowered or "headline" in lowered:
            text = titles.title(self._said)
        elif any(part in lowered for part in ("query", "city", "location", "subject", "topic", "keyword", "tag")):
            proper = [w for w in self._words[1:] if w[0].isupper()]
            text = " ".join(proper or self._words[:4])
        elif any(part in lowered for part in ("code", "expression", "formula")):
            text = next(iter(re.findall(r"[\d(][\d\s.+*/()-]*[\d)]", self._said)), self._said)
        else:
            text = self._said.strip()
        longest = int(schema.get("maxLength", 2_000))
        text = text[:longest]
        return text + "." * max(0, int(schema.get("minLength", 0)) - len(text))
