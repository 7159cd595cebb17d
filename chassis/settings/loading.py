"""Turns what was found in file and environment into validated settings, or into the list of all mistakes."""

import os
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic.fields import FieldInfo

from chassis.settings import sources
from chassis.settings.problems import ConfigurationError, Problem, did_you_mean
from chassis.settings.section import Env, FromSection, Section
from chassis.settings.shared import KNOWN_SECTIONS, Shared

S = TypeVar("S", bound=Section)
M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True)
class Configuration(Generic[S]):
    """Everything that one process is configured with."""

    service: S
    shared: Shared
    revision: str
    """Changes with the file's text."""


def load(name: str, settings_type: type[S], variables: Mapping[str, str] | None = None) -> Configuration[S]:
    """Reads and validates the section `name` and the chassis' own. ConfigurationError names every mistake."""
    raw = sources.read(os.environ if variables is None else variables)
    services, shared = validate(raw, {name: settings_type}, os.environ if variables is None else variables)
    return Configuration(cast(S, services[name]), shared, raw.revision)


def load_all(
    settings_types: Mapping[str, type[Section]], variables: Mapping[str, str] | None = None
) -> tuple[dict[str, Section], Shared]:
    """Validates the file for several services at once, as a check before anything starts."""
    variables = os.environ if variables is None else variables
    return validate(sources.read(variables), settings_types, variables)


def validate(
    raw: sources.Raw, settings_types: Mapping[str, type[Section]], variables: Mapping[str, str]
) -> tuple[dict[str, Section], Shared]:
    """Validates what was read against models."""
    problems = list(raw.problems)
    problems += [
        Problem(section, "there is no such section", did_you_mean(section, KNOWN_SECTIONS))
        for section in raw.tree
        if section not in KNOWN_SECTIONS and section not in settings_types
    ]
    environment = sources.Environment(variables)
    shared_tree = {name: raw.tree[name] for name in Shared.model_fields if raw.tree.get(name) is not None}
    shared = _build(Shared, shared_tree, (), raw, environment, problems)
    services = {}
    for name, settings_type in settings_types.items():
        section = raw.tree.get(name)
        if section is not None and not isinstance(section, dict):
            problems.append(Problem(name, "must be a mapping", "see docs/configuration.md"))
            continue
        services[name] = _build(settings_type, dict(section or {}), (name,), raw, environment, problems)
    problems += environment.problems
    if problems:
        raise ConfigurationError(problems)
    return cast(dict[str, Section], services), cast(Shared, shared)


def _build(
    model: type[M],
    tree: dict[str, Any],
    path: tuple[str, ...],
    raw: sources.Raw,
    environment: sources.Environment,
    problems: list[Problem],
) -> M | None:
    borrowed = {}
    for name, field in model.model_fields.items():
        for marker in field.metadata:
            if isinstance(marker, FromSection):
                if name in tree:
                    problems.append(
                        Problem(".".join((*path, name)), "does not belong here", f"it is the section {marker.name}")
                    )
                borrowed[name] = (marker.name,)
                if raw.tree.get(marker.name) is not None:
                    tree[name] = raw.tree[marker.name]
    for steps, marker in _well_known(model):
        value = environment.get(marker.name)
        if value is not None and not _overridden(environment, (*path, *steps)):
            sources.set_path(tree, steps, value)
    found = _plain_secrets(
        model,
        tree,
        path,
        borrowed,
        raw,
        from_environment={
            (*path, *steps) for steps, marker in _well_known(model) if environment.get(marker.name) is not None
        },
    )
    problems += found
    try:
        return model.model_validate(tree)
    except ValidationError as error:
        problems += [
            _problem(model, detail, path, borrowed) for detail in error.errors(include_url=False, include_input=False)
        ]
        return None


def _overridden(environment: sources.Environment, path: tuple[str, ...]) -> bool:
    return any(keys == path for _, keys, _ in environment.overrides())


def _well_known(model: type[BaseModel]) -> Iterator[tuple[tuple[str, ...], Env]]:
    for name, field in model.model_fields.items():
        for marker in field.metadata:
            if isinstance(marker, Env):
                yield (name,), marker
        below = submodel(field.annotation)
        if below is not None:
            for steps, marker in _well_known(below):
                yield (name, *steps), marker


def submodel(annotation: Any) -> type[BaseModel] | None:
    """The model that a field holds, looking through Optional and Annotated; None for anything else."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if typing.get_origin(annotation) in (typing.Union, types.UnionType, typing.Annotated):
        models = [submodel(argument) for argument in typing.get_args(annotation)]
        return next((model for model in models if model is not None), None)
    return None


def holds_secret(annotation: Any) -> bool:
    """Whether a field is a secret that must not stand in the file."""
    if annotation is SecretStr:
        return True
    return any(holds_secret(argument) for argument in typing.get_args(annotation))


def _plain_secrets(
    model: type[BaseModel],
    tree: Mapping[str, Any],
    path: tuple[str, ...],
    borrowed: Mapping[str, tuple[str, ...]],
    raw: sources.Raw,
    from_environment: set[tuple[str, ...]],
) -> list[Problem]:
    found: list[Problem] = []
    for name, field in model.model_fields.items():
        if name not in tree:
            continue
        place = borrowed.get(name, (*path, name))
        for below, value, steps in _models_within(field, tree[name], place):
            if below is None:
                if holds_secret(field.annotation) and steps in raw.plain and steps not in from_environment:
                    found.append(
                        Problem(".".join(steps), "a secret must not stand in the file", _secret_remedy(field, steps))
                    )
            else:
                found += _plain_secrets(below, value, steps, {}, raw, from_environment)
    return found


def _models_within(
    field: FieldInfo, value: Any, place: tuple[str, ...]
) -> Iterator[tuple[type[BaseModel] | None, Any, tuple[str, ...]]]:
    """The values of a field with their models: one, or one for each entry of a mapping or list."""
    model = submodel(field.annotation)
    if model is not None and isinstance(value, dict):
        yield model, value, place
        return
    arguments = typing.get_args(field.annotation)
    model = submodel(arguments[-1]) if arguments else None
    if model is not None and isinstance(value, dict):
        yield from ((model, below, (*place, key)) for key, below in value.items() if isinstance(below, dict))
    elif model is not None and isinstance(value, list):
        yield from (
            (model, below, (*place, str(index))) for index, below in enumerate(value) if isinstance(below, dict)
        )
    else:
        yield None, value, place


def _secret_remedy(field: FieldInfo, steps: tuple[str, ...]) -> str:
    known = next((marker.name for marker in field.metadata if isinstance(marker, Env)), None)
    name = known or sources.PREFIX + "__".join(steps).upper()
    return f"set {name} or {name}_FILE, or write ${{NAME}} here"


def _problem(
    model: type[BaseModel], detail: Any, path: tuple[str, ...], borrowed: Mapping[str, tuple[str, ...]]
) -> Problem:
    location = [str(step) for step in detail["loc"]]
    place = (*borrowed[location[0]], *location[1:]) if location and location[0] in borrowed else (*path, *location)
    where = ".".join(place) or "configuration"
    if detail["type"] == "extra_forbidden":
        return Problem(where, "there is no such key", did_you_mean(location[-1], _keys_at(model, location[:-1])))
    if detail["type"] == "missing":
        return Problem(
            where, "is missing", "set it in guildhall.yaml or as " + sources.PREFIX + "__".join(place).upper()
        )
    message = detail["msg"].removeprefix("Value error, ")
    return Problem(where, message[:1].lower() + message[1:])


def _keys_at(model: type[BaseModel], steps: list[str]) -> list[str]:
    """The keys that exist where an unknown one was given; inside mappings and lists those of the entries."""
    current: Any = model
    for step in steps:
        found = submodel(current)
        if found is not None and step in found.model_fields:
            current = found.model_fields[step].annotation
            continue
        arguments = typing.get_args(current)
        if found is None and arguments:
            current = arguments[-1]
    found = submodel(current)
    return list(found.model_fields) if found is not None else []
