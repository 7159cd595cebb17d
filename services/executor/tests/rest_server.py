"""A REST client with a local server that answers as it is told, and permits that are counted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web
from pydantic import SecretStr

from chassis.clock import SystemClock
from services.executor.discord.errors import NotPermitted
from services.executor.discord.permits import Ask, Permit, RateLimiterAway
from services.executor.discord.rest import RestClient
from services.executor.discord.settings import RestSettings


@dataclass
class Discord:
    """Answers as it is told, in order; then with an empty object."""

    answers: list[Any] = field(default_factory=list)
    seen: list[tuple[str, str, Mapping[str, str], Any]] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """One request."""
        json = request.content_type == "application/json"
        body = await request.json() if json else await request.text()
        self.seen.append((request.method, request.raw_path, request.headers, body))
        answer = self.answers.pop(0) if self.answers else (200, {})
        if answer == "hang":
            await asyncio.sleep(5)
        if answer == "cut":
            assert request.transport is not None
            request.transport.close()
            return web.Response()
        status, content, *headers = answer if isinstance(answer, tuple) else (200, {})
        return web.json_response(content, status=status, headers=headers[0] if headers else {})


@dataclass
class Counter:
    """Gives permits and keeps what was reported."""

    ttl: float = 5.0
    away: int = 0
    refusal: NotPermitted | None = None
    asked: list[Ask] = field(default_factory=list)
    reports: list[tuple[int, float, bool]] = field(default_factory=list)

    async def acquire(self, ask: Ask, max_wait: float) -> Permit:
        """A permit, unless told otherwise."""
        self.asked.append(ask)
        if self.away:
            self.away -= 1
            raise RateLimiterAway("gone")
        if self.refusal:
            raise self.refusal
        return Permit(str(len(self.asked)), self.ttl)

    def report(
        self,
        permit: Permit,
        status: int,
        headers: Mapping[str, str],
        *,
        retry_after: float = 0.0,
        is_global: bool = False,
        error_code: int = 0,
        travel: float = 0.0,
    ) -> None:
        """Keeps it."""
        self.reports.append((status, retry_after, is_global))


@dataclass
class Setup:
    """Everything together."""

    discord: Discord
    permits: Counter
    rest: RestClient
    address: str


@pytest.fixture
async def setup() -> AsyncIterator[Setup]:
    """A client and a server."""
    discord, permits = Discord(), Counter()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", discord.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    rest = RestClient(
        api_base=f"http://127.0.0.1:{port}",
        token=SecretStr("token"),
        settings=RestSettings(backoff_seconds=0.01, patience_seconds=2.0, request_timeout_seconds=1.0),
        permits=permits,
        clock=SystemClock(),
    )
    yield Setup(discord, permits, rest, f"http://127.0.0.1:{port}")
    await rest.close()
    await runner.cleanup()
