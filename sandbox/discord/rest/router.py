"""Which handler serves a path: a table that the route modules fill in.

A handler is a plain function from a `Call` to JSON (200), `None` (204) or a `Reply`; it never awaits. Literal path
segments win over parameters.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from sandbox.discord.checks.fields import Fields, as_snowflake, read
from sandbox.discord.core.access import Actor
from sandbox.discord.core.message_form import Upload
from sandbox.discord.entities import JSON
from sandbox.discord.errors import DiscordError, field_error
from sandbox.discord.world import World


@dataclass(slots=True)
class Reply:
    """An answer whose status is not 200, or whose body is not JSON."""

    status: int
    body: Any = None
    content_type: str = "application/json"


@dataclass(slots=True)
class Call:
    """One request, parsed."""

    world: World
    actor: Actor
    route: "Route"
    params: dict[str, str]
    query: Mapping[str, str]
    body: Any = None
    uploads: list[Upload] = field(default_factory=list)

    def id(self, name: str) -> int:
        """A path parameter as an id; 50035 where it is none."""
        if self.params[name] == "@me":
            return self.actor.user_id
        value = as_snowflake(self.params[name])
        if value is None:
            raise field_error(name, "NUMBER_TYPE_COERCE", f'Value "{self.params[name]}" is not snowflake.')
        return value

    def fields(self) -> Fields:
        """The body, to be read field by field."""
        return read(self.body)

    def arguments(self) -> Fields:
        """The query, to be read the same way."""
        return read(dict(self.query))

    def flag(self, name: str) -> bool:
        """A yes-or-no query parameter."""
        return self.query.get(name, "").lower() in ("true", "1", "yes")


Handler = Callable[[Call], JSON | list[Any] | Reply | None]


@dataclass(frozen=True, slots=True)
class Route:
    """One method of one path template. `token_free`: no bot token is asked for (the path carries a secret)."""

    method: str
    template: str
    handler: Handler
    token_free: bool = False

    @property
    def key(self) -> str:
        """As the limits table names it."""
        return f"{self.method} {self.template}"


@dataclass(slots=True)
class _Node:
    literal: dict[str, "_Node"] = field(default_factory=dict)
    parameter: "_Node | None" = None
    name: str = ""
    routes: dict[str, Route] = field(default_factory=dict)


class Router:
    """A tree of path segments."""

    def __init__(self) -> None:
        self._root = _Node()
        self.routes: list[Route] = []

    def add(self, method: str, template: str, *, token_free: bool = False) -> Callable[[Handler], Handler]:
        """Decorates a handler as the one for that route."""

        def register(handler: Handler) -> Handler:
            node = self._root
            for segment in template.strip("/").split("/"):
                match = re.fullmatch(r"\{(\w+)\}", segment)
                if match:
                    if node.parameter is None:
                        node.parameter = _Node(name=match[1])
                    node = node.parameter
                else:
                    node = node.literal.setdefault(segment, _Node())
            if method in node.routes:
                raise ValueError(f"{method} {template} is there already")
            route = Route(method, template, handler, token_free)
            node.routes[method] = route
            self.routes.append(route)
            return handler

        return register

    def find(self, method: str, path: str) -> tuple[Route, dict[str, str]]:
        """The route and its parameters; 404 for an unknown path, 405 for an unknown method."""
        segments = [unquote(segment) for segment in path.strip("/").split("/")]
        found = self._walk(self._root, segments, 0, method)
        if found is None:
            if self._walk(self._root, segments, 0, None) is not None:
                raise DiscordError(0, "405: Method Not Allowed", status=405)
            raise DiscordError(0, "404: Not Found", status=404)
        route = found.routes[method]
        names = [s[1:-1] for s in route.template.strip("/").split("/")]
        parts = route.template.strip("/").split("/")
        return route, {
            name: value for name, value, part in zip(names, segments, parts, strict=True) if part.startswith("{")
        }

    def _walk(self, node: _Node, segments: list[str], index: int, method: str | None) -> _Node | None:
        if index == len(segments):
            return node if (node.routes if method is None else method in node.routes) else None
        child = node.literal.get(segments[index])
        if child is not None:
            found = self._walk(child, segments, index + 1, method)
            if found is not None:
                return found
        if node.parameter is not None and segments[index]:
            return self._walk(node.parameter, segments, index + 1, method)
        return None


ROUTER = Router()
"""Every route of the sandbox; filled when the route modules are imported."""
