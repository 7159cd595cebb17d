"""What every request goes through: authentication, limits, faults, the description, the handler, the log.

`perform` is the part that has no HTTP in it; the control API uses it to act as a person.
"""

import asyncio
import json
import math
import time
from collections.abc import Callable
from urllib.parse import unquote

from aiohttp import web

from sandbox.conformance import Checker, Finding, Verdict
from sandbox.discord.core.access import Actor
from sandbox.discord.errors import DiscordError, FormErrors, field_error
from sandbox.discord.limits import SIZES
from sandbox.discord.rest.bodies import read_body
from sandbox.discord.rest.faults import Fault, Faults
from sandbox.discord.rest.log import Entry, RequestLog
from sandbox.discord.rest.ratelimits import RateLimits
from sandbox.discord.rest.ratelimits import Verdict as LimitVerdict
from sandbox.discord.rest.router import Call, Reply, Route
from sandbox.discord.rest.settings import Settings
from sandbox.discord.rest.unbuilt import NOT_BUILT, find
from sandbox.discord.world import World

_VERSIONS = ("v10", "v9")


class Rest:
    """The REST API of one sandbox."""

    def __init__(self, world: World, settings: Settings, checker: Checker) -> None:
        self.world = world
        self.settings = settings
        self.checker = checker
        self.limits = RateLimits(world.clock)
        self.faults = Faults()
        self.log = RequestLog()

    # -- without HTTP

    @staticmethod
    def perform(call: Call) -> Reply:
        """Runs a handler; raises `DiscordError`."""
        result = call.route.handler(call)
        if isinstance(result, Reply):
            return result
        return Reply(204) if result is None else Reply(200, result)

    # -- with HTTP

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answers a bot's request."""
        started = time.perf_counter()
        entry = self.log.open(self.world.now(), request.method, request.path, "", "")
        headers: dict[str, str] = {}
        reply: Reply | None = None
        try:
            actor, route, params, credential = self._admit(request, entry)
            body, uploads, _ = await read_body(request)
            entry.actor, entry.route = str(actor.user_id), route.template
            if self.settings.rate_limits:
                limit = self.limits.check(credential, route, params, body, address=request.remote or "")
                headers, entry.bucket = limit.headers, limit.bucket
                if limit.refused:
                    raise _too_many(limit)
            reply = await self._run(
                request, entry, Call(self.world, actor, route, params, dict(request.query), body, uploads)
            )
        except DiscordError as error:
            reply = Reply(error.status, error.body())
            headers = {**headers, **error.headers}
            entry.code = error.code
        finally:
            if reply is None:
                # A defect of the sandbox, which aiohttp answers with 500: the log must show it.
                entry.status = 500
                self.log.close(entry)
        self._count(entry, reply, request, headers)
        if self.settings.latency_ms:
            spent = time.perf_counter() - started
            await asyncio.sleep(max(0.0, self.settings.latency_ms / 1000 - spent))
        entry.milliseconds = (time.perf_counter() - started) * 1000
        self.log.close(entry)
        return to_response(reply, headers)

    def _admit(self, request: web.Request, entry: Entry) -> tuple[Actor, Route, dict[str, str], str]:
        path = request.path.removeprefix("/api")
        first, _, rest = path.lstrip("/").partition("/")
        if first.startswith("v") and first[1:].isdecimal():
            if first not in _VERSIONS:
                raise DiscordError(50041)
            path = "/" + rest
        if not request.headers.get("User-Agent"):
            raise DiscordError(40333, "internal network error", status=403)
        route, params = find(request.method, path)
        entry.route = route.template
        credential = request.headers.get("Authorization", "")
        application = self.world.application_by_token(credential[4:]) if credential.startswith("Bot ") else None
        if application is None:
            if not route.token_free:
                raise DiscordError(0)
            return Actor(0, None, None), route, params, request.remote or ""
        return Actor(application.bot_id, application.id, _reason(request)), route, params, credential

    async def _run(self, request: web.Request, entry: Entry, call: Call) -> Reply:
        fault = self.faults.next(call.route)
        if fault is not None:
            entry.fault = fault.kind
            if not await self._strike(fault, request):
                raise _faulty(fault)
        entry.request = self.checker.request(call.route.key, call.body, dict(call.query))
        if self.settings.strict and entry.request.verdict == "invalid":
            refuse(entry.request)
        reply = self.perform(call)
        if fault is not None and fault.kind in ("status", "cut"):
            if fault.kind == "cut":
                _cut(request)
            raise _faulty(fault)
        if fault is not None and fault.kind == "body":
            return Reply(200, "<html>upstream error</html>", "text/html")
        return reply

    @staticmethod
    async def _strike(fault: Fault, request: web.Request) -> bool:
        """Applies what comes before the effect; True where the request goes on."""
        if fault.kind == "latency":
            await asyncio.sleep(fault.seconds)
            return True
        if fault.kind == "hang":
            await asyncio.sleep(fault.seconds)
            _cut(request)
            return False
        if fault.kind == "cut" and not fault.effect:
            _cut(request)
            return False
        return fault.kind == "body" or (fault.kind in ("status", "cut") and fault.effect)

    def _count(
        self,
        entry: Entry,
        reply: Reply,
        request: web.Request,
        headers: dict[str, str],
    ) -> None:
        entry.status = reply.status
        if reply.status == 429:
            self.log.refused_by_bucket[entry.bucket or headers.get("X-RateLimit-Scope", "fault")] += 1
        shared = headers.get("X-RateLimit-Scope") == "shared"
        if self.settings.rate_limits and (reply.status in (401, 403) or (reply.status == 429 and not shared)):
            self.limits.count_invalid(request.remote or "")
        described = not entry.fault and entry.route and reply.status != NOT_BUILT
        if self.settings.check_answers and described and reply.content_type == "application/json":
            entry.response = self.checker.answer(f"{request.method} {entry.route}", reply.status, reply.body)


def refuse(verdict: Verdict) -> None:
    """Raises 50035 with what the description says of a request."""
    errors = FormErrors()
    for finding in verdict.errors:
        # In the log a parameter of the address has a question mark, in Discord's errors none.
        path = tuple(part.removeprefix("?") if isinstance(part, str) else part for part in finding.path)
        errors.add(path, *_WORDING.get(finding.rule, _as_found)(finding))
    errors.raise_if_any()


def _as_found(finding: Finding) -> tuple[str, str]:
    return "BASE_TYPE_INVALID", finding.message


_WORDING: dict[str, Callable[[Finding], tuple[str, str]]] = {
    "maxLength": lambda f: ("BASE_TYPE_MAX_LENGTH", f"Must be {f.limit} or fewer in length."),
    "maxItems": lambda f: ("BASE_TYPE_MAX_LENGTH", f"Must be {f.limit} or fewer in length."),
    "minLength": lambda f: ("BASE_TYPE_MIN_LENGTH", f"Must be {f.limit} or more in length."),
    "minItems": lambda f: ("BASE_TYPE_MIN_LENGTH", f"Must be {f.limit} or more in length."),
    "maximum": lambda f: ("NUMBER_TYPE_MAX", f"int value should be less than or equal to {f.limit}."),
    "minimum": lambda f: ("NUMBER_TYPE_MIN", f"int value should be greater than or equal to {f.limit}."),
    "required": lambda f: ("BASE_TYPE_REQUIRED", "This field is required"),
}


def _reason(request: web.Request) -> str | None:
    raw = request.headers.get("X-Audit-Log-Reason")
    if raw is None:
        return None
    reason = unquote(raw)
    if len(reason) > SIZES.audit_reason:
        raise field_error("reason", "BASE_TYPE_MAX_LENGTH", f"Must be {SIZES.audit_reason} or fewer in length.")
    return reason or None


def _too_many(limit: LimitVerdict) -> DiscordError:
    if limit.banned:
        return DiscordError(
            0, "error code: 1015", status=429, headers={"Retry-After": str(math.ceil(limit.retry_after))}
        )
    return _limited(limit.scope, limit.retry_after, limit.code, via=True)


def _limited(scope: str, retry_after: float, code: int, *, via: bool) -> DiscordError:
    headers = {"Retry-After": str(max(1, math.ceil(retry_after))), "X-RateLimit-Scope": scope}
    if via:
        headers["Via"] = "1.1 google"
    if scope == "global":
        headers["X-RateLimit-Global"] = "true"
    message = "The resource is being rate limited." if scope == "shared" else "You are being rate limited."
    return DiscordError(
        code,
        message,
        status=429,
        extra={"retry_after": round(retry_after, 3), "global": scope == "global"},
        headers=headers,
    )


def _faulty(fault: Fault) -> DiscordError:
    if fault.kind == "rate_limit":
        error = _limited(fault.scope, fault.retry_after, 0, via=fault.via)
        if fault.hidden:
            error.headers = {**error.headers, "X-RateLimit-Limit": "5", "X-RateLimit-Remaining": "3"}
        return error
    if fault.kind == "ban":
        return DiscordError(0, "error code: 1015", status=429, headers={"Retry-After": str(math.ceil(fault.seconds))})
    return DiscordError(0, f"{fault.status}: injected by the sandbox", status=fault.status)


def _cut(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()


def to_response(reply: Reply, headers: dict[str, str]) -> web.Response:
    """An answer as aiohttp sends it."""
    if reply.status == 204 or (reply.body is None and reply.status != 200):
        return web.Response(status=reply.status, headers=headers)
    if isinstance(reply.body, bytes):
        return web.Response(status=reply.status, body=reply.body, content_type=reply.content_type, headers=headers)
    if reply.content_type != "application/json" or (
        isinstance(reply.body, dict) and reply.body.get("message") == "error code: 1015"
    ):
        text = reply.body if isinstance(reply.body, str) else "error code: 1015"
        return web.Response(status=reply.status, text=text, content_type="text/html", headers=headers)
    data = json.dumps(reply.body, separators=(",", ":"), ensure_ascii=False).encode()
    return web.Response(status=reply.status, body=data, headers={**headers, "Content-Type": "application/json"})
