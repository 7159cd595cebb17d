"""One compiled validator per operation and direction, made when first needed.

The description is Discord's `openapi.json` (https://github.com/discord/discord-api-spec). It is read with these
allowances, since it says less than Discord accepts or more than it means:

- ids and permission bits may be integers or integer strings in requests;
- `oneOf` is read as `anyOf`, because its unions overlap (the bodies of PATCH /channels/{channel_id} do);
- a message's content is at most 2,000 characters, as documented for bots (4,000 is for subscribers);
- no body is an empty object;
- a bot may change its avatar without naming its username again, and its application's description is plain text;
- a message may be forwarded (reference type 1), and lists of channel types may name media channels (16);
- a prune may be asked for with "true" and "false" in quotes, as libraries do it;
- a form error's `code` is a string, as Discord's own documentation shows it, where the description says integer;
- a key that no schema names is worth a warning, not a refusal: Discord ignores it.
"""

import copy
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import jsonschema_rs

_MESSAGES: Final = frozenset({"MessageCreateRequest", "MessageEditRequestPartial", "BaseCreateMessageCreateRequest"})
_ADDRESS: Final = "urn:discord"
_BITFIELDS: Final = frozenset({"permissions", "allow", "deny", "default_member_permissions"})
_MEDIA: Final = 16
_SHOWN: Final = 8


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as described. `path` leads into the body."""

    path: tuple[str | int, ...]
    message: str
    rule: str = ""
    warning: bool = False
    limit: int | float | None = None

    def line(self) -> str:
        """The finding in one line."""
        return f"{'/'.join(map(str, self.path)) or '(body)'}: {self.message}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """`unchecked` where the description is absent or does not know the operation."""

    verdict: str = "unchecked"
    findings: tuple[Finding, ...] = ()

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings that are more than warnings."""
        return tuple(f for f in self.findings if not f.warning)


UNCHECKED: Final = Verdict()
VALID: Final = Verdict("valid")


@dataclass(slots=True)
class _Operation:
    described: dict[str, Any]
    parameters: list[dict[str, Any]]
    request: "jsonschema_rs.Validator | None" = None
    request_schema: dict[str, Any] | None = None
    request_ready: bool = False
    responses: dict[str, "jsonschema_rs.Validator | None"] = field(default_factory=dict)
    queries: dict[str, "jsonschema_rs.Validator"] = field(default_factory=dict)


def find_description() -> Path | None:
    """`DISCORD_OPENAPI`, else `../shared/discord/openapi.json` beside the repository; None where neither is there."""
    named = os.environ.get("DISCORD_OPENAPI")
    beside = Path(__file__).resolve().parents[3] / "shared" / "discord" / "openapi.json"
    for candidate in [Path(named)] if named else [beside]:
        if candidate.is_file():
            return candidate
    return None


class Checker:
    """Checks against the description at `path`; without one every verdict is `unchecked`."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self._operations: dict[str, _Operation] = {}
        self._answers: jsonschema_rs.Registry | None = None
        self._requests: jsonschema_rs.Registry | None = None
        self._components: dict[str, Any] = {}
        if path is None:
            return
        description = json.loads(path.read_text(encoding="utf-8"))
        self._components = description["components"]
        _complete(self._components["schemas"])
        answers = _loosen(copy.deepcopy({"components": self._components}), requests=False)
        requests = _loosen(copy.deepcopy({"components": self._components}), requests=True)
        self._answers = jsonschema_rs.Registry([(_ADDRESS, answers)])
        self._requests = jsonschema_rs.Registry([(_ADDRESS, requests)])
        for template, item in description["paths"].items():
            shared = item.get("parameters", [])
            for method in ("get", "post", "put", "patch", "delete"):
                if method in item:
                    parameters = [*shared, *item[method].get("parameters", [])]
                    self._operations[f"{method.upper()} {template}"] = _Operation(item[method], parameters)

    @property
    def active(self) -> bool:
        """Whether there is a description to check against."""
        return bool(self._operations)

    def operations(self) -> list[str]:
        """Every operation that the description knows, as `METHOD /template`."""
        return list(self._operations)

    def request(self, key: str, body: Any, query: dict[str, str] | None = None) -> Verdict:
        """What the description says of a request."""
        operation = self._operations.get(key)
        if operation is None:
            return UNCHECKED
        findings = list(self._query(operation, query or {}))
        if not operation.request_ready:
            self._compile_request(operation)
        if body is None and self._body_required(operation):
            body = {}
        if operation.request is not None and body is not None:
            if not operation.request.is_valid(body):
                findings += [f for e in operation.request.iter_errors(body) for f in _explain(e)][:_SHOWN]
            elif operation.request_schema is not None and isinstance(body, dict):
                findings += self._unknown_keys(operation.request_schema, body)
        if not findings:
            return VALID
        invalid = any(not f.warning for f in findings)
        return Verdict("invalid" if invalid else "valid", tuple(findings))

    def answer(self, key: str, status: int, body: Any) -> Verdict:
        """What the description says of an answer."""
        operation = self._operations.get(key)
        if operation is None:
            return UNCHECKED
        code = self._described_status(operation, status)
        if code is None:
            return Verdict("invalid", (Finding((), f"status {status} is not described", "status"),))
        if code not in operation.responses:
            operation.responses[code] = self._compile_answer(operation, code)
        validator = operation.responses[code]
        if validator is None:
            return VALID if body is None else Verdict("invalid", (Finding((), "no body is described", "body"),))
        if validator.is_valid(body):
            return VALID
        return Verdict("invalid", tuple(f for e in validator.iter_errors(body) for f in _explain(e))[:_SHOWN])

    @staticmethod
    def _body_required(operation: _Operation) -> bool:
        return bool(operation.described.get("requestBody", {}).get("required"))

    @staticmethod
    def _described_status(operation: _Operation, status: int) -> str | None:
        described = operation.described["responses"]
        for candidate in (str(status), f"{str(status)[0]}XX"):
            if candidate in described:
                return candidate
        return None

    def _compile_request(self, operation: _Operation) -> None:
        operation.request_ready = True
        content = operation.described.get("requestBody", {}).get("content", {})
        for kind in ("application/json", "multipart/form-data"):
            if kind in content:
                schema = content[kind]["schema"]
                operation.request_schema = schema
                operation.request = self._validator(schema, self._requests, requests=True)
                return

    def _compile_answer(self, operation: _Operation, code: str) -> "jsonschema_rs.Validator | None":
        described = operation.described["responses"][code]
        if "$ref" in described:
            described = self._components["responses"][described["$ref"].rsplit("/", 1)[1]]
        content = described.get("content", {}).get("application/json")
        return None if content is None else self._validator(content["schema"], self._answers, requests=False)

    @staticmethod
    def _validator(schema: dict[str, Any], registry: Any, *, requests: bool) -> "jsonschema_rs.Validator":
        local = _point(_loosen(copy.deepcopy(schema), requests=requests))
        return jsonschema_rs.Draft202012Validator(local, registry=registry)

    def _query(self, operation: _Operation, query: dict[str, str]) -> Iterator[Finding]:
        known = {p["name"]: p for p in operation.parameters if p.get("in") == "query"}
        for name, text in query.items():
            parameter = known.get(name)
            if parameter is None:
                yield Finding(("?" + name,), "not described", "parameter", warning=True)
                continue
            validator = operation.queries.get(name)
            if validator is None:
                validator = operation.queries[name] = self._validator(
                    parameter.get("schema", {}), self._requests, requests=True
                )
            readings = list(_readings(text))
            if not any(validator.is_valid(reading) for reading in readings):
                yield _closest(("?" + name,), validator, readings)
        for name, parameter in known.items():
            if parameter.get("required") and name not in query:
                yield Finding(("?" + name,), "is required", "parameter")

    def _unknown_keys(self, schema: dict[str, Any], body: dict[str, Any]) -> list[Finding]:
        known = self._keys(schema)
        if known is None:
            return []
        return [Finding((key,), "not described", "key", warning=True) for key in body if key not in known]

    def _keys(self, schema: dict[str, Any]) -> set[str] | None:
        if "$ref" in schema:
            return self._keys(self._components["schemas"][schema["$ref"].rsplit("/", 1)[1]])
        found: set[str] = set(schema.get("properties", ()))
        for group in ("allOf", "oneOf", "anyOf"):
            for part in schema.get(group, ()):
                keys = self._keys(part)
                if keys is not None:
                    found |= keys
        return found or None


@lru_cache(maxsize=4)
def checker_for(path: Path | None) -> Checker:
    """The checker against a description, which is read and compiled once for all sandboxes of a process."""
    return Checker(path)


def _closest(path: tuple[str, ...], validator: "jsonschema_rs.Validator", readings: list[Any]) -> Finding:
    """What is wrong with a parameter: of a number its bounds, else that it is none of what was described."""
    for reading in readings:
        for finding in (found for error in validator.iter_errors(reading) for found in _explain(error)):
            if finding.rule in ("minimum", "maximum"):
                return replace(finding, path=path)
    return Finding(path, f"{readings[0]!r} is not as described", "parameter")


def _readings(text: str) -> Iterator[Any]:
    yield text
    if text.lstrip("-").isdecimal():
        yield int(text)
    if text.lower() in ("true", "false", "1", "0"):
        yield text.lower() in ("true", "1")
    yield [part for part in text.split(",") if part]


def _point(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {
            key: _ADDRESS + value
            if key == "$ref" and isinstance(value, str) and value.startswith("#")
            else _point(value)
            for key, value in schema.items()
        }
    if isinstance(schema, list):
        return [_point(item) for item in schema]
    return schema


def _complete(schemas: dict[str, Any]) -> None:
    """Adds what Discord documents and its description has not yet: forwards, and lists that name media channels."""
    schemas["MessageReferenceType"] = {"type": "integer", "enum": [0, 1]}
    for schema in schemas.values():
        named = schema.get("properties", {}).get("channel_types", {})
        if "items" in named:
            named["items"] = {"anyOf": [named["items"], {"const": _MEDIA}]}


def _loosen(schema: Any, *, requests: bool) -> Any:
    """Applies the allowances of this module to a piece of the description, in place."""
    if isinstance(schema, list):
        for item in schema:
            _loosen(item, requests=requests)
        return schema
    if not isinstance(schema, dict):
        return schema
    if "oneOf" in schema:
        schema["anyOf"] = schema.pop("oneOf")
    if requests:
        properties = schema.get("properties")
        if isinstance(properties, dict):
            for name in _BITFIELDS & set(properties):
                properties[name] = {"anyOf": [properties[name], {"type": ["string", "null"], "pattern": "^[0-9]+$"}]}
        schemas = schema.get("schemas")
        if isinstance(schemas, dict) and "SnowflakeType" in schemas:
            schemas["SnowflakeType"] = {"anyOf": [schemas["SnowflakeType"], {"type": "integer", "minimum": 0}]}
            schemas["BotAccountPatchRequest"].pop("required", None)
            schemas["ApplicationFormPartial"]["properties"]["description"] = {"type": ["string", "object", "null"]}
            asked = schemas["PruneGuildRequest"]["properties"]
            asked["compute_prune_count"] = {"enum": [True, False, None, "true", "false"]}
            for name in _MESSAGES & set(schemas):
                schemas[name]["properties"]["content"]["maxLength"] = 2000
    else:
        schemas = schema.get("schemas")
        if isinstance(schemas, dict) and "InnerErrors" in schemas:
            schemas["InnerErrors"] = {"type": "object", "required": ["_errors"]}
            schemas["ErrorDetails"] = {"type": "object"}
    for value in list(schema.values()):
        _loosen(value, requests=requests)
    return schema


def _explain(error: Any) -> Iterator[Finding]:
    """An error as findings; of a union that nothing fits, the branch that came closest."""
    kind = error.kind
    context = getattr(kind, "context", None)
    path = tuple(error.instance_path)
    if context:
        branches = [list(branch) for branch in context]

        def fitness(branch: list[Any]) -> tuple[bool, int, int]:
            other_kind = any(tuple(e.instance_path) == (*path, "type") for e in branch)
            return (not other_kind, max((len(e.instance_path) for e in branch), default=0), -len(branch))

        best = max(branches, key=fitness)
        deepest = [e for e in best if len(e.instance_path) > len(error.instance_path)]
        for inner in deepest or best[:1]:
            yield from _explain(inner)
        return
    rule = str(error.schema_path[-1]) if error.schema_path else ""
    if rule == "required":
        path = (*path, getattr(kind, "property", ""))
    yield Finding(path, _short(error.message), rule, limit=getattr(kind, "limit", None))


def _short(text: str) -> str:
    return text if len(text) <= 200 else f"{text[:90]} ... {text[-90:]}"
