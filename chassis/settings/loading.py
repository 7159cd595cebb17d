"""Turns what was found in file and environment into validated settings, or into the list of all mistakes."""

import copy
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from chassis.settings import models, sources
from chassis.settings.models import Steps
from chassis.settings.problems import ConfigurationError, Problem, did_you_mean
from chassis.settings.section import FromSection, Section
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
    files: frozenset[Path] = frozenset()
    """Every file that it was read from: guildhall.yaml, and what a NAME_FILE names that something asked for."""


def load(name: str, settings_type: type[S], variables: Mapping[str, str] | None = None) -> Configuration[S]:
    """Reads and validates the section `name` and the chassis' own. ConfigurationError names every mistake."""
    raw = sources.read(os.environ if variables is None else variables)
    services, shared = _validate(raw, {name: settings_type})
    return Configuration(cast(S, services[name]), shared, raw.revision, raw.files)


def load_all(
    settings_types: Mapping[str, type[Section]], variables: Mapping[str, str] | None = None
) -> tuple[Mapping[str, Section], Shared]:
    """Validates everything for several services at once, as a check before any of them starts."""
    return _validate(sources.read(os.environ if variables is None else variables), settings_types)


def _validate(raw: sources.Raw, settings_types: Mapping[str, type[Section]]) -> tuple[Mapping[str, Section], Shared]:
    problems = [
        Problem(section, "there is no such section", did_you_mean(section, KNOWN_SECTIONS))
        for section in raw.tree
        if section not in KNOWN_SECTIONS and section not in settings_types
    ]
    shared = _Root(Shared, (), {name: (name,) for name in Shared.model_fields}).build(raw, problems)
    services = {
        name: _Root(settings_type, (name,), _borrowed(settings_type)).build(raw, problems)
        for name, settings_type in settings_types.items()
    }
    problems += raw.problems + raw.environment.problems
    if problems:
        raise ConfigurationError(problems)
    return cast(Mapping[str, Section], services), cast(Shared, shared)


def _borrowed(model: type[BaseModel]) -> Mapping[str, Steps]:
    """The fields of a service's settings that are whole sections of the file, with where these stand."""
    return {
        name: (marker.name,)
        for name, field in model.model_fields.items()
        for marker in field.metadata
        if isinstance(marker, FromSection)
    }


class _Root:
    """One model that is read: where it stands in the file, and which of its fields stand elsewhere."""

    def __init__(self, model: type[M], path: Steps, borrowed: Mapping[str, Steps]) -> None:
        self._model = model
        self._path = path
        self._borrowed = borrowed

    def build(self, raw: sources.Raw, problems: list[Problem]) -> BaseModel | None:
        """The validated model; None where `problems` had to be added."""
        before = len(problems)
        tree = self._tree(raw, problems)
        given = self._apply_well_known(tree, raw)
        for steps, field in models.secrets_given(self._model, tree):
            if self._place(steps) in raw.plain and steps not in given:
                variable = models.variable_of(field) or sources.variable_for(self._place(steps))
                remedy = f"set {variable} or {variable}_FILE, or write ${{NAME}} here"
                problems.append(Problem(_dotted(self._place(steps)), "a secret must not stand in the file", remedy))
        try:
            model = self._model.model_validate(tree)
        except ValidationError as error:
            problems += [self._problem(detail) for detail in error.errors(include_url=False, include_input=False)]
            return None
        return model if len(problems) == before else None

    def _tree(self, raw: sources.Raw, problems: list[Problem]) -> dict[str, Any]:
        section: Any = raw.tree
        for step in self._path:
            section = section.get(step)
        if section is not None and not isinstance(section, dict):
            problems.append(Problem(_dotted(self._path), "must be a mapping", "see docs/configuration.md"))
            section = None
        tree = {key: value for key, value in (section or {}).items() if self._path or key in self._model.model_fields}
        for name, (place,) in self._borrowed.items():
            if self._path and name in tree:
                remedy = f"write it at the top of the file, as the section {place}"
                problems.append(Problem(_dotted((*self._path, name)), "does not belong here", remedy))
            value = raw.tree.get(place)
            field = self._model.model_fields[name]
            if value is None and field.is_required() and models.submodel(field.annotation) is not None:
                # So that what is missing inside is named, and not the section.
                value = {}
            tree.pop(name, None)
            if value is not None:
                tree[name] = value
        return copy.deepcopy(tree)

    def _apply_well_known(self, tree: dict[str, Any], raw: sources.Raw) -> set[Steps]:
        given = set()
        for steps, variable in models.well_known(self._model):
            value = raw.environment.get(variable)
            if value is not None and self._place(steps) not in raw.overridden:
                sources.set_path(tree, steps, value)
                given.add(steps)
        return given

    def _place(self, steps: Steps) -> Steps:
        """Where something in the model stands in the file."""
        if steps and steps[0] in self._borrowed:
            return (*self._borrowed[steps[0]], *steps[1:])
        return (*self._path, *steps)

    def _problem(self, detail: ErrorDetails) -> Problem:
        steps = tuple(str(step) for step in detail["loc"])
        place = self._place(steps)
        where = _dotted(place) or "configuration"
        if detail["type"] == "extra_forbidden":
            known = [*models.keys_at(self._model, steps[:-1])]
            return Problem(where, "there is no such key", did_you_mean(steps[-1], known))
        if detail["type"] == "missing":
            variable = dict(models.well_known(self._model)).get(steps) or sources.variable_for(place)
            if models.is_secret_at(self._model, steps):
                return Problem(where, "is missing", f"set {variable} or {variable}_FILE")
            return Problem(where, "is missing", f"set it in {sources.DEFAULT_FILE} or as {variable}")
        message = detail["msg"].removeprefix("Value error, ")
        return Problem(where, message[:1].lower() + message[1:])


def _dotted(steps: Steps) -> str:
    return ".".join(steps)
