"""A small HTTP server that limits as Discord does, and counts how often it had to refuse.

Each bucket is either fixed (all slots come back together, a window after the first use) or slides (one slot comes back
after window / limit). Several routes may share a bucket, a route may have a hidden limit inside its bucket, and all
calls count against the global limit.
"""

import time
from collections import Counter
from dataclasses import dataclass, field

from aiohttp import web


@dataclass
class Rule:
    """What one bucket allows."""

    bucket: str
    limit: int
    window: float
    fixed: bool = False
    hidden: int = 0
    """Calls per `hidden_window`, which no header mentions."""
    hidden_window: float = 0.0


@dataclass
class _State:
    level: float = 0.0
    last: float = 0.0
    began: float = 0.0
    used: int = 0
    hidden: list[float] = field(default_factory=list)


class Enforcer:
    """The rules by the first part of the path; `/{rule}/{major}` is a call."""

    def __init__(self, rules: dict[str, Rule], global_limit: int = 50) -> None:
        self.rules = rules
        self.refused: Counter[str] = Counter()
        self.served: Counter[str] = Counter()
        self._global_limit = global_limit
        self._global: list[float] = []
        self._states: dict[tuple[str, str], _State] = {}

    def application(self) -> web.Application:
        """As an aiohttp application."""
        app = web.Application()
        app.router.add_post("/{rule}/{major}", self._call)
        return app

    async def _call(self, request: web.Request) -> web.Response:
        name, major = request.match_info["rule"], request.match_info["major"]
        rule, now = self.rules[name], time.monotonic()
        state = self._states.setdefault((rule.bucket, major), _State(last=now))
        self._global = [at for at in self._global if at > now - 1]
        if len(self._global) >= self._global_limit:
            return self._refuse("global", {}, self._global[0] + 1 - now, is_global=True)
        self._global.append(now)
        used, reset = self._look(rule, state, now)
        if used + 1 > rule.limit + 1e-9:
            wait = reset if rule.fixed else (used + 1 - rule.limit) * rule.window / rule.limit
            return self._refuse(f"{rule.bucket}:{major}", self._headers(rule, rule.limit, reset), wait)
        if rule.hidden:
            state.hidden = [at for at in state.hidden if at > now - rule.hidden_window]
            if len(state.hidden) >= rule.hidden:
                wait = state.hidden[0] + rule.hidden_window - now
                return self._refuse(f"hidden:{rule.bucket}:{major}", self._headers(rule, int(used), reset), wait)
            state.hidden.append(now)
        if rule.fixed:
            if not state.used:
                state.began = now
            state.used += 1
        else:
            state.level += 1
        used, reset = self._look(rule, state, now)
        self.served[f"{rule.bucket}:{major}"] += 1
        return web.json_response({}, headers=self._headers(rule, used, reset))

    @staticmethod
    def _look(rule: Rule, state: _State, now: float) -> tuple[float, float]:
        if rule.fixed:
            if now >= state.began + rule.window:
                state.used = 0
            return state.used, (state.began + rule.window - now) if state.used else rule.window
        state.level = max(0.0, state.level - (now - state.last) * rule.limit / rule.window)
        state.last = now
        return state.level, state.level * rule.window / rule.limit

    @staticmethod
    def _headers(rule: Rule, used: float, reset: float) -> dict[str, str]:
        return {
            "x-ratelimit-limit": str(rule.limit),
            "x-ratelimit-remaining": str(max(0, int(rule.limit - used + 1e-9))),
            "x-ratelimit-reset-after": f"{reset:.3f}",
            "x-ratelimit-bucket": rule.bucket,
        }

    def _refuse(self, what: str, headers: dict[str, str], wait: float, *, is_global: bool = False) -> web.Response:
        self.refused[what] += 1
        body = {"message": "You are being rate limited.", "retry_after": wait, "global": is_global}
        scope = {"x-ratelimit-scope": "global" if is_global else "user", "retry-after": str(int(wait) + 1)}
        return web.json_response(body, status=429, headers=headers | scope)
