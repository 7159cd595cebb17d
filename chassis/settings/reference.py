"""Writes the reference of the configuration from the models themselves, so that it can't lag behind them."""

import re
import types
import typing
from collections.abc import Iterator, Mapping
from typing import Any

import annotated_types
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from chassis.settings import models, sources
from chassis.settings.section import FromSection, Section
from chassis.settings.shared import Shared

_BOUNDS = ((annotated_types.Ge, "≥", "ge"), (annotated_types.Gt, ">", "gt"), (annotated_types.Le, "≤", "le"))
_INTRODUCTION = f"""# Configuration

This page is generated from the settings models (`make docs`); change their docstrings, not this file.

Guildhall reads one file, `{sources.DEFAULT_FILE}` (another one where `{sources.CONFIG_VARIABLE}` names it), and the
environment over it:

- `GUILDHALL_SECTION__KEY` sets one key; two underscores go one level down. Lists and mappings are written as YAML.
- Well-known names, given below where a key has one, work too.
- Every variable can be given as `NAME_FILE`, the path of a file that holds the value, as container secrets are.
- `${{NAME}}` and `${{NAME:-default}}` in a value of the file stand for a variable.
- Secrets never stand in the file itself.

All mistakes are reported at once, each with its path, and nothing starts with one. While a service runs, the file and
every `NAME_FILE` are watched: a changed configuration is taken whole or refused whole, and AdminService.GetStatus says
which. `rpc`, `redis`, `telemetry` and `callers` are read at the start only, and so are some keys of the services: a
reload names those that wait for a restart.
"""


def render(services: Mapping[str, type[Section]]) -> str:
    """The reference as Markdown, given the settings of each service by its name."""
    sections: dict[str, Any] = {name: field.annotation for name, field in Shared.model_fields.items()}
    for settings in services.values():
        for name, field in settings.model_fields.items():
            for marker in field.metadata:
                if isinstance(marker, FromSection):
                    sections.setdefault(marker.name, settings.model_fields[name].annotation)
    parts = [_INTRODUCTION, "\n## Shared sections\n"]
    parts += [part for name in sorted(sections) for part in _section(name, sections[name])]
    parts.append("\n## Sections of the services\n")
    parts += [part for name in sorted(services) for part in _section(name, services[name])]
    return "\n".join(parts).rstrip() + "\n"


def _section(name: str, annotation: Any) -> Iterator[str]:
    yield f"\n### `{name}`\n"
    model = models.submodel(annotation)
    entry = None if model else models.entry_model(annotation)
    described = model or entry
    if described is not None:
        yield _inline(described.__doc__ or "") + "\n"
    if described is None:
        yield f"{_type(annotation)}.\n"
        return
    yield "| key | type | default | meaning |\n|---|---|---|---|"
    yield from _rows((name,) if model else (name, "<name>"), described)
    yield ""


def _rows(path: tuple[str, ...], model: type[BaseModel], above: tuple[type[BaseModel], ...] = ()) -> Iterator[str]:
    above = (*above, model)
    for name, field in model.model_fields.items():
        if any(isinstance(marker, FromSection) for marker in field.metadata):
            continue
        here = (*path, name)
        inner, entry = models.submodel(field.annotation), models.entry_model(field.annotation)
        if inner is not None and inner not in above:
            yield from _rows(here, inner, above)
            continue
        variable = models.variable_of(field)
        meaning = _inline(field.description or "") + (f" Also `{variable}`." if variable else "")
        yield f"| `{'.'.join(here)}` | {_type(field.annotation)}{_bounds(field)} | {_default(field)} | {meaning} |"
        # A model may hold entries like itself; what they hold is said already.
        if entry is not None and entry not in above:
            mapping = typing.get_origin(field.annotation) in (dict, Mapping)
            yield from _rows((*here, "<name>" if mapping else "<n>"), entry, above)


def _type(annotation: Any) -> str:
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Literal:
        return " or ".join(f"`{choice}`" for choice in arguments)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(_type(argument) for argument in arguments if argument is not type(None))
    if origin is typing.Annotated:
        return _type(arguments[0])
    if origin in (dict, Mapping):
        return "mapping"
    if origin in (list, tuple, set, frozenset):
        return "list of " + _type(arguments[0])
    if isinstance(annotation, type) and issubclass(annotation, SecretStr):
        return "secret" if annotation is SecretStr else "address"
    names = {str: "text", int: "integer", float: "number", bool: "true or false"}
    return names.get(annotation, getattr(annotation, "__name__", str(annotation)).lower())


def _bounds(field: FieldInfo) -> str:
    found = [
        f"{sign} {getattr(constraint, name):g}"
        for constraint in field.metadata
        for kind, sign, name in _BOUNDS
        if isinstance(constraint, kind)
    ]
    return f", {', '.join(found)}" if found else ""


def _default(field: FieldInfo) -> str:
    default = field.get_default(call_default_factory=True) if not field.is_required() else PydanticUndefined
    if default is PydanticUndefined:
        return "**needed**"
    if default is None:
        return ""
    if isinstance(default, SecretStr):
        # Only addresses have a default, and that without a password.
        return _code(default.get_secret_value())
    if isinstance(default, BaseModel | dict | list | tuple | frozenset | set):
        return "see below" if models.entry_model(field.annotation) and default else _code(_plain(default))
    return _code(str(default).lower() if isinstance(default, bool) else str(default))


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {below}" for key, below in value.items()) + "}"
    if isinstance(value, frozenset | set):
        return "[" + ", ".join(map(str, sorted(value))) + "]"
    return "[" + ", ".join(map(str, value)) + "]"


def _code(text: str) -> str:
    return f"`{_cell(text)}`" if text else '`""`'


def _inline(text: str) -> str:
    return _cell(" ".join(text.split()))


def _cell(text: str) -> str:
    return re.sub(r"\s*\n\s*", " ", text).replace("|", "\\|")
