"""Where configuration comes from: guildhall.yaml, then the environment over it.

- The file is YAML, one mapping per section. `${NAME}` in a value stands for an environment variable, `${NAME:-text}`
  for one with a default; a value that is only an unset `${NAME}` counts as not given.
- `GUILDHALL_SECTION__KEY` sets one key (two underscores go one level down), as YAML. Well-known names (`REDIS_URL`,
  `OPENAI_API_KEY`) set the fields that are marked with `Env`.
- Every variable can be given as `NAME_FILE` instead: the path of a file that holds the value, as container secrets are.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from chassis.settings.problems import Problem

PREFIX = "GUILDHALL_"
CONFIG_VARIABLE = "GUILDHALL_CONFIG"
DEFAULT_FILE = "guildhall.yaml"
_REFERENCE = re.compile(r"\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\}")


class _NotGiven:
    """A value that turned out to be absent."""


NOT_GIVEN = _NotGiven()


class Environment:
    """Environment variables, with `NAME_FILE` read in place of `NAME`."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        self.problems: list[Problem] = []
        self.files: set[Path] = set()

    def get(self, name: str) -> str | None:
        """The value of a variable or of the file that NAME_FILE names; None where neither is set. Empty is not set."""
        if value := self._variables.get(name):
            return value
        if path := self._variables.get(f"{name}_FILE"):
            self.files.add(Path(path))
            try:
                # Some editors begin a text with a byte order mark, which belongs to no secret.
                return Path(path).read_text(encoding="utf-8-sig").strip() or None
            except (OSError, UnicodeDecodeError) as error:
                problem = Problem(f"{name}_FILE", f"the file can't be read: {type(error).__name__}", "check its path")
                if problem not in self.problems:
                    self.problems.append(problem)
        return None

    def overrides(self) -> list[tuple[str, tuple[str, ...], str]]:
        """(variable, path of the key, value) for each GUILDHALL_SECTION__KEY."""
        found = []
        names = {name.removesuffix("_FILE") for name in self._variables if name.startswith(PREFIX) and "__" in name}
        for name in sorted(names):
            value = self.get(name)
            if value is not None:
                found.append((name, tuple(name.removeprefix(PREFIX).lower().split("__")), value))
        return found


@dataclass
class Raw:
    """Configuration as it was found, before any model saw it."""

    environment: Environment
    file: Path
    tree: dict[str, Any] = field(default_factory=dict)
    revision: str = ""
    problems: list[Problem] = field(default_factory=list)
    # Paths whose value stands in plain text in the file; no secret may be among them.
    plain: set[tuple[str, ...]] = field(default_factory=set)
    # Paths that GUILDHALL_SECTION__KEY sets, which wins over everything else.
    overridden: set[tuple[str, ...]] = field(default_factory=set)

    @property
    def files(self) -> frozenset[Path]:
        """The files that were read so far."""
        return frozenset({self.file, *self.environment.files})


def config_path(environment: Mapping[str, str]) -> Path:
    """The configuration file that the environment names, or the default beside the working folder."""
    return Path(environment.get(CONFIG_VARIABLE) or DEFAULT_FILE)


def read(variables: Mapping[str, str]) -> Raw:
    """Reads file and environment; what is wrong with either stands in `problems`."""
    environment = Environment(variables)
    path = config_path(variables)
    raw = Raw(environment, path)
    text = _read_file(path, raw, named=CONFIG_VARIABLE in variables)
    raw.revision = hashlib.sha256(text.encode()).hexdigest()[:12]
    try:
        tree = yaml.load(text, _UniqueKeys)  # noqa: S506  (a SafeLoader)
    except yaml.YAMLError as error:
        raw.problems.append(Problem(str(path), _yaml_message(error), "correct the YAML"))
        tree = None
    if tree is not None and not isinstance(tree, dict):
        raw.problems.append(Problem(str(path), "the file must be a mapping of sections", "see docs/configuration.md"))
        tree = None
    raw.tree = _resolve(tree or {}, (), environment, raw)
    for name, keys, value in environment.overrides():
        _set(raw, name, keys, value)
    return raw


def variable_for(path: tuple[str, ...]) -> str:
    """The environment variable that sets one key."""
    return PREFIX + "__".join(path).upper()


def set_path(tree: dict[str, Any], path: tuple[str, ...], value: Any) -> bool:
    """Sets one key of nested mappings; an existing key is met whatever its case. False where a value is in the way."""
    for step in path[:-1]:
        below = tree.setdefault(_existing(tree, step), {})
        if below is None:
            below = tree[_existing(tree, step)] = {}
        if not isinstance(below, dict):
            return False
        tree = below
    tree[_existing(tree, path[-1])] = value
    return True


def _set(raw: Raw, name: str, keys: tuple[str, ...], text: str) -> None:
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        value = text
    # Only lists and mappings need YAML's reading: everything else is text, which the models turn into what they want.
    if not set_path(raw.tree, keys, value if isinstance(value, dict | list) else text):
        raw.problems.append(Problem(name, "it goes deeper than the configuration does", "see docs/configuration.md"))
    raw.plain.discard(keys)
    raw.overridden.add(keys)


def _existing(tree: Mapping[str, Any], key: str) -> str:
    return next((present for present in tree if str(present).lower() == key.lower()), key)


def _read_file(path: Path, raw: Raw, *, named: bool) -> str:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        if named:
            raw.problems.append(Problem(CONFIG_VARIABLE, f"there is no file {path}", "correct the path or unset it"))
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raw.problems.append(
            Problem(str(path), f"can't be read: {type(error).__name__}", "check its rights and encoding")
        )
        return ""
    return text


def _resolve(value: Any, path: tuple[str, ...], environment: Environment, raw: Raw) -> Any:
    if isinstance(value, dict):
        resolved = {str(key): _resolve(below, (*path, str(key)), environment, raw) for key, below in value.items()}
        return {key: below for key, below in resolved.items() if below is not NOT_GIVEN}
    if isinstance(value, list):
        items = [_resolve(below, (*path, str(index)), environment, raw) for index, below in enumerate(value)]
        return [item for item in items if item is not NOT_GIVEN]
    if isinstance(value, str) and "${" in value:
        return _expand(value, environment)
    raw.plain.add(path)
    return value


def _expand(text: str, environment: Environment) -> Any:
    def replacement(match: re.Match[str]) -> str:
        return environment.get(match["name"]) or match["default"] or ""

    whole = _REFERENCE.fullmatch(text)
    expanded = _REFERENCE.sub(replacement, text)
    return NOT_GIVEN if whole and not expanded else expanded


def _yaml_message(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    where = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
    return f"{getattr(error, 'problem', None) or 'is not YAML'}{where}"


class _UniqueKeys(yaml.SafeLoader):
    """YAML that refuses a key given twice, which would otherwise lose the first one silently."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=deep)
            if key_node.tag != "tag:yaml.org,2002:merge" and isinstance(key, str | int):
                if key in seen:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"the key {key!r} is given twice", key_node.start_mark
                    )
                seen.add(key)
        return super().construct_mapping(node, deep)
