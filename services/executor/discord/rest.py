"""A thin client for Discord's REST API.

Each call takes a permit from ratelimit, is aborted when the permit or the lease ends, and reports what came back; so
limits are learned in one place and a process that lost its lease changes nothing. Interaction routes are exempt from
the bot's limits (https://docs.discord.com/developers/interactions/receiving-and-responding) and need no permit.

A request is repeated only where that is safe: PUT, PATCH, DELETE and GET always, POST only if the caller says that a
repeat does nothing twice (a nonce). Otherwise the outcome is unknown, and finding it out is the caller's matter.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

import aiohttp
import structlog
from pydantic import SecretStr

from chassis.clock import Clock
from services.executor.discord.bodies import File, body_of
from services.executor.discord.errors import (
    DiscordError,
    NotPermitted,
    NotSent,
    OutcomeUnknown,
    Refused,
    Unauthorized,
    Unreachable,
)
from services.executor.discord.fenced import FencedRequest, under
from services.executor.discord.permits import Ask, Permit, Permits, Priority, RateLimiterAway, aspect_of
from services.executor.discord.routes import Route
from services.executor.discord.settings import RestSettings
from services.executor.discord.tracing import calling
from services.executor.jobs.model import Fence, LeaseLost

_log = structlog.get_logger(__name__)

_SAFE_TO_REPEAT = frozenset({"GET", "PUT", "PATCH", "DELETE"})
_NOT_SENT = (aiohttp.ClientConnectorError, ssl.SSLError)
_REASON_LIMIT = 512
_TURN_SECONDS = 0.05


@dataclass(frozen=True)
class Call:
    """One request, with what decides over its permit and its repeats."""

    route: Route
    body: Any = None
    query: Mapping[str, str | int] = field(default_factory=dict)
    files: Sequence[File] = ()
    reason: str = ""
    """For the guild's audit log."""
    priority: Priority = Priority.BULK
    guild_id: int = 0
    target_message_id: int = 0
    fence: Fence | None = None
    max_wait: float | None = None
    """Seconds to wait for a permit; 0 asks once; None is the configured patience."""
    repeatable: bool | None = None
    """Whether a repeat does nothing twice; None goes by the method."""
    retries: int | None = None
    """Repeats after a failure; None is the configured number."""
    passage: AbstractAsyncContextManager[Any] | None = None
    """Entered for each request once its permit is there, left when it is answered: what must be true or kept at the
    last moment before it travels."""


@dataclass(frozen=True)
class _Answer:
    status: int
    headers: Mapping[str, str]
    body: Any
    travel: float
    """Seconds from sending the request to the head of its answer."""


class RestClient:
    """Makes calls. One for the process; `close` it."""

    def __init__(
        self, *, api_base: str, token: SecretStr, settings: RestSettings, permits: Permits | None, clock: Clock
    ) -> None:
        self._base = api_base
        self._token = token
        self._settings = settings
        self._permits = permits
        self._clock = clock
        self._session: aiohttp.ClientSession | None = None

    def use_token(self, token: SecretStr) -> None:
        """Takes another credential of the same bot into use, from the next call on."""
        self._token = token

    async def close(self) -> None:
        """Closes the connections."""
        if self._session is not None:
            await self._session.close()

    async def call(self, call: Call) -> Any:
        """Makes a call; gives the decoded body, None for an empty one. Raises what `errors` and `model` name."""
        retries = self._settings.retries if call.retries is None else call.retries
        repeatable = call.route.method in _SAFE_TO_REPEAT if call.repeatable is None else call.repeatable
        limit = self._settings.patience_seconds if call.max_wait is None else call.max_wait
        give_up = self._clock.monotonic() + limit
        failures = 0
        while True:
            permit = await self._permit(call, give_up)
            ends = self._clock.monotonic() + (permit.ttl if permit else self._settings.request_timeout_seconds)
            try:
                async with call.passage or nullcontext():
                    answer = await self._send(call, ends)
            except NotSent:
                self._report(permit, None)
                raise
            except _NOT_SENT as error:
                self._report(permit, None)
                failure: DiscordError = Unreachable(f"{call.route}: {type(error).__name__}")
                repeat = True
            except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
                self._report(permit, None)
                if call.fence is not None and call.fence.remaining() <= 0:
                    raise LeaseLost(call.fence.name) from error
                failure = self._failure(f"{call.route}: {type(error).__name__} {error}".rstrip(), repeatable)
                repeat = repeatable
            else:
                retry_after, is_global = _limits(answer)
                self._report(permit, answer, retry_after=retry_after, is_global=is_global)
                if answer.status == 429:
                    await self._wait_out(call, retry_after, give_up)
                    continue
                if answer.status < 500:
                    return _judged(answer, call.route)
                failure = self._failure(f"{call.route}: {answer.status}", repeatable, answered=True)
                repeat = repeatable
            failures += 1
            if not repeat or failures > retries:
                raise failure
            _log.info("rest.repeated", call=str(call.route), why=str(failure), failures=failures)
            await asyncio.sleep(self._settings.backoff_seconds * 2.0 ** (failures - 1))

    async def _permit(self, call: Call, give_up: float) -> Permit | None:
        """A permit; None for routes that need none. Waits for a slot, and for ratelimit itself, until `give_up`."""
        if call.route.exempt or self._permits is None:
            return None
        aspect = aspect_of(call.route, call.body)
        ask = Ask(call.route, call.priority, call.guild_id, call.target_message_id, call.fence, aspect)
        pause = self._settings.backoff_seconds
        while True:
            left = give_up - self._clock.monotonic()
            try:
                return await self._permits.acquire(ask, max(0.0, min(left, self._settings.permit_wait_seconds)))
            except NotPermitted as refusal:
                if refusal.quota or refusal.stopped or refusal.retry_after > give_up - self._clock.monotonic():
                    raise
                # Asking again waits inside ratelimit, in order of priority; a long pause here would lose the place.
                told = max(_TURN_SECONDS, refusal.retry_after)
                await asyncio.sleep(min(refusal.retry_after, _TURN_SECONDS) if refusal.queued else told)
            except RateLimiterAway as error:
                left = give_up - self._clock.monotonic()
                if left <= 0:
                    raise NotPermitted(f"ratelimit is away ({error})", pause) from error
                _log.warning("ratelimit.away", call=str(call.route), error=str(error))
                await asyncio.sleep(min(pause, left))
                pause = min(pause * 2, 2.0)

    async def _send(self, call: Call, ends: float) -> _Answer:
        limits = [self._settings.request_timeout_seconds, ends - self._clock.monotonic()]
        if call.fence is not None:
            limits.append(call.fence.remaining())
        if call.fence is not None and call.fence.remaining() <= 0:
            raise LeaseLost(call.fence.name)
        if min(limits) <= 0:
            raise NotPermitted("the permit ended before the call could travel", 0.0)
        headers = {"User-Agent": self._settings.user_agent}
        if not call.route.by_token:
            headers["Authorization"] = f"Bot {self._token.get_secret_value()}"
        if call.reason:
            headers["X-Audit-Log-Reason"] = quote(call.reason[:_REASON_LIMIT], safe=" ,.:;=/-_()#@!+'\"")
        url = self._base + call.route.path + (f"?{urlencode(call.query)}" if call.query else "")
        content = body_of(call.body, call.files)
        with calling(call.route) as span, under(call.fence):
            sent = self._clock.monotonic()
            async with (
                asyncio.timeout(min(limits)),
                self._connected().request(
                    call.route.method, url, headers=headers, **content, allow_redirects=False
                ) as response,
            ):
                travel = self._clock.monotonic() - sent
                raw = await response.read()
                span.answered(response.status)
                return _Answer(response.status, response.headers, _decoded(raw, response.content_type), travel)

    def _connected(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=self._settings.connections, keepalive_timeout=60)
            self._session = aiohttp.ClientSession(
                connector=connector, timeout=aiohttp.ClientTimeout(total=None), request_class=FencedRequest
            )
        return self._session

    def _report(
        self,
        permit: Permit | None,
        answer: _Answer | None,
        *,
        retry_after: float = 0.0,
        is_global: bool = False,
    ) -> None:
        if permit is None or self._permits is None:
            return
        if answer is None:
            self._permits.report(permit, 0, {})
            return
        self._permits.report(
            permit,
            answer.status,
            answer.headers,
            retry_after=retry_after,
            is_global=is_global,
            error_code=_code(answer),
            travel=answer.travel,
        )

    async def _wait_out(self, call: Call, retry_after: float, give_up: float) -> None:
        """After a 429: routes with permits wait for the next one, the others for as long as Discord says."""
        _log.warning("rest.limited", call=str(call.route), retry_after=retry_after)
        if self._clock.monotonic() + retry_after > give_up:
            raise NotPermitted("Discord's limit", retry_after, quota=retry_after > self._settings.patience_seconds)
        if call.route.exempt or self._permits is None:
            await asyncio.sleep(retry_after)

    @staticmethod
    def _failure(text: str, repeatable: bool, *, answered: bool = False) -> DiscordError:
        failure = Unreachable(text) if repeatable else OutcomeUnknown(text)
        failure.answered = answered
        return failure


def _decoded(raw: bytes, content_type: str) -> Any:
    if not raw:
        return None
    if content_type == "application/json":
        try:
            return json.loads(raw)
        except ValueError:
            return None
    return None


def _limits(answer: _Answer) -> tuple[float, bool]:
    if answer.status != 429:
        return 0.0, False
    body = answer.body if isinstance(answer.body, dict) else {}
    retry_after = body.get("retry_after", answer.headers.get("Retry-After", "1"))
    try:
        return float(retry_after), bool(body.get("global", False))
    except (TypeError, ValueError):
        return 1.0, False


def _judged(answer: _Answer, route: Route) -> Any:
    if answer.status < 400:
        return answer.body
    body = answer.body if isinstance(answer.body, dict) else {}
    # A dead interaction token is 401 too, and says nothing of the bot's own.
    if answer.status == 401 and not route.by_token:
        raise Unauthorized("Discord does not know the bot's token")
    raise Refused(answer.status, _code(answer), str(body.get("message", "")), body.get("errors"))


def _code(answer: _Answer) -> int:
    """Discord's own error code; 0 where the answer has none."""
    code = answer.body.get("code") if isinstance(answer.body, dict) else 0
    return code if isinstance(code, int) and 0 <= code < 1 << 31 else 0
