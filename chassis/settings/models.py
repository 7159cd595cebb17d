"""Looks into settings models: which models lie within which, which fields are secrets or have a well-known variable."""

import types
import typing
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from chassis.settings.section import Env

Steps = tuple[str, ...]


def submodel(annotation: Any) -> type[BaseModel] | None:
    """The model that an annotation names, through Optional and Annotated; None for anything else."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if typing.get_origin(annotation) in (typing.Union, types.UnionType, typing.Annotated):
        models = (submodel(argument) for argument in typing.get_args(annotation))
        return next((model for model in models if model is not None), None)
    return None


def entry_model(annotation: Any) -> type[BaseModel] | None:
    """The model of the entries of a mapping, list or tuple; None for anything else."""
    arguments = [argument for argument in typing.get_args(annotation) if argument is not Ellipsis]
    if typing.get_origin(annotation) in (typing.Union, types.UnionType, typing.Annotated):
        return next((found for found in map(entry_model, arguments) if found is not None), None)
    return submodel(arguments[-1]) if arguments else None


def well_known(model: type[BaseModel], above: tuple[type[BaseModel], ...] = ()) -> Iterator[tuple[Steps, str]]:
    """Each field within a model that a well-known environment variable sets, with that variable."""
    for name, field in model.model_fields.items():
        variable = variable_of(field)
        if variable is not None:
            yield (name,), variable
        below = submodel(field.annotation)
        if below is not None and below not in above:
            for steps, variable in well_known(below, (*above, model)):
                yield (name, *steps), variable


def variable_of(field: FieldInfo) -> str | None:
    """The well-known environment variable of a field."""
    return next((marker.name for marker in field.metadata if isinstance(marker, Env)), None)


def is_secret(annotation: Any) -> bool:
    """Whether a value is a secret that must not stand in the file."""
    return annotation is SecretStr or any(is_secret(argument) for argument in typing.get_args(annotation))


def is_secret_at(model: type[BaseModel], steps: Steps) -> bool:
    """Whether the field at some steps into a model is a secret."""
    *above, name = steps
    current: type[BaseModel] | None = model
    for step in above:
        field = current.model_fields.get(step) if current is not None else None
        current = submodel(field.annotation) if field is not None else None
    field = current.model_fields.get(name) if current is not None else None
    return field is not None and is_secret(field.annotation)


def secret_values(value: Any) -> Iterator[str]:
    """Every secret that settings hold."""
    if isinstance(value, SecretStr):
        yield value.get_secret_value()
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from secret_values(getattr(value, name))
    elif isinstance(value, Mapping):
        for below in value.values():
            yield from secret_values(below)
    elif isinstance(value, list | tuple | set | frozenset):
        for below in value:
            yield from secret_values(below)


def secrets_given(
    model: type[BaseModel], tree: Mapping[str, Any], steps: Steps = ()
) -> Iterator[tuple[Steps, FieldInfo]]:
    """Each secret field that an unvalidated tree gives a value."""
    for name, field in model.model_fields.items():
        value = tree.get(name)
        if value is None:
            continue
        here = (*steps, name)
        inner, entry = submodel(field.annotation), entry_model(field.annotation)
        if inner is not None and isinstance(value, dict):
            yield from secrets_given(inner, value, here)
        elif entry is not None:
            for key, below in _entries(value):
                yield from secrets_given(entry, below, (*here, key))
        elif is_secret(field.annotation):
            yield here, field


def keys_at(model: type[BaseModel], steps: Steps) -> list[str]:
    """The keys that exist below some steps into a model; inside mappings and lists those of their entries."""
    current: type[BaseModel] | None = model
    entry: type[BaseModel] | None = None
    for step in steps:
        if entry is not None:
            current, entry = entry, None
        elif current is not None and step in current.model_fields:
            annotation = current.model_fields[step].annotation
            current, entry = submodel(annotation), entry_model(annotation)
            if current is not None:
                entry = None
    return list(current.model_fields) if current is not None else []


def _entries(value: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    yield from ((str(key), below) for key, below in pairs if isinstance(below, dict))
