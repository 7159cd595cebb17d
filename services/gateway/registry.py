"""Everything that people can use, by its name: commands, components, modals.

Each module under `commands/` has a `register(registry)` and is found by itself, so a new group of commands is one new
file. What one module took, no other can take.
"""

import importlib
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from services.gateway.command import Command, Handler
from views.catalogue import Catalogue


class TakenTwice(ValueError):
    """Two modules registered the same name."""


@dataclass(frozen=True, slots=True)
class Route:
    """A command that can be carried out, with the feature whose roles may use it."""

    path: str
    command: Command
    feature: str


@dataclass(frozen=True, slots=True)
class Handling:
    """Who handles a component or modal, with the feature whose roles may use it; none where the handler decides."""

    handler: Handler
    feature: str


@dataclass
class Registry:
    """The names and who handles them."""

    commands: dict[str, Command] = field(default_factory=dict)
    _routes: dict[str, Route] = field(default_factory=dict)
    _components: dict[str, Handling] = field(default_factory=dict)
    _modals: dict[str, Handling] = field(default_factory=dict)

    def command(self, command: Command) -> None:
        """Adds a command with its subcommands."""
        _take(self.commands, command.name, command)
        for path, sub, feature in _leaves(command, command.name, command.feature):
            _take(self._routes, path, Route(path, sub, feature))

    def component(self, action: str, handler: Handler, feature: str = "") -> None:
        """Adds the handler of a button or select by its custom_id's action."""
        _take(self._components, action, Handling(handler, feature))

    def modal(self, action: str, handler: Handler, feature: str = "") -> None:
        """Adds the handler of a modal by its custom_id's action."""
        _take(self._modals, action, Handling(handler, feature))

    def route(self, path: str) -> Route | None:
        """The command by its path, for example `request new`."""
        return self._routes.get(path)

    def routes(self) -> tuple[Route, ...]:
        """All commands that can be carried out."""
        return tuple(self._routes.values())

    def of_component(self, action: str) -> Handling | None:
        """Who handles a button or select."""
        return self._components.get(action)

    def gated_components(self) -> tuple[str, ...]:
        """The actions of all buttons and selects that take a feature."""
        return tuple(action for action, handling in self._components.items() if handling.feature)

    def of_modal(self, action: str) -> Handling | None:
        """Who handles a modal."""
        return self._modals.get(action)

    def payload(self, texts: Catalogue) -> list[dict[str, Any]]:
        """All commands as Discord wants them, in a fixed order."""
        return [self.commands[name].payload(texts) for name in sorted(self.commands)]


def discover(package: str = "services.gateway.commands") -> Registry:
    """Registers every module of a package."""
    registry = Registry()
    folder = importlib.import_module(package)
    for module in sorted(pkgutil.iter_modules(folder.__path__), key=lambda info: info.name):
        importlib.import_module(f"{package}.{module.name}").register(registry)
    return registry


def _take(table: dict[str, Any], name: str, value: object) -> None:
    if name in table:
        raise TakenTwice(f"{name} is registered twice")
    table[name] = value


def _leaves(command: Command, path: str, feature: str) -> Iterator[tuple[str, Command, str]]:
    feature = command.feature or feature
    if not command.subcommands:
        yield path, command, feature
    for sub in command.subcommands:
        yield from _leaves(sub, f"{path} {sub.name}", feature)
