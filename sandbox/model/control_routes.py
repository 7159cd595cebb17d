"""The demo model's control: rules for the next requests, and the requests that it saw."""

from __future__ import annotations

from aiohttp import web

from sandbox.model.engine import Engine
from sandbox.model.scripts import FAULTS, Rule


class ControlRoutes:
    """Serves the rule book of one engine under `/model/api/`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add_to(self, app: web.Application) -> None:
        """Mounts the endpoints."""
        app.router.add_get("/model/api/rules", self.all)
        app.router.add_post("/model/api/rules", self.add)
        app.router.add_delete("/model/api/rules", self.clear)
        app.router.add_delete("/model/api/rules/{rule}", self.remove)
        app.router.add_get("/model/api/requests", self.requests)

    async def all(self, request: web.Request) -> web.Response:
        """The rules in force, the faults there are and the pace when no rule says otherwise."""
        settings = self._engine.settings
        return web.json_response(
            {
                "rules": [rule.to_json() for rule in self._engine.rules.all()],
                "faults": FAULTS,
                "models": settings.names,
                "tokens_per_second": settings.tokens_per_second,
                "first_token_seconds": settings.first_token_seconds,
            }
        )

    async def add(self, request: web.Request) -> web.Response:
        """Puts a rule in force; the fields are those of `Rule`."""
        try:
            rule = self._engine.rules.add(Rule.from_json(await request.json()))
        except (ValueError, TypeError) as error:
            return web.json_response({"error": str(error)}, status=400)
        return web.json_response(rule.to_json(), status=201)

    async def clear(self, request: web.Request) -> web.Response:
        """Takes all rules out of force."""
        self._engine.rules.clear()
        return web.Response(status=204)

    async def remove(self, request: web.Request) -> web.Response:
        """Takes one rule out of force."""
        return web.Response(status=204 if self._engine.rules.remove(request.match_info["rule"]) else 404)

    async def requests(self, request: web.Request) -> web.Response:
        """The last requests that the model saw, oldest first."""
        return web.json_response({"requests": list(self._engine.seen)})
