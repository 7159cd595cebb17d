"""The REST client against a local server: what is repeated, what is not, what is reported, when it stops."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web
from pydantic import SecretStr

from chassis.clock import SystemClock
from services.executor.discord.bodies import File
from services.executor.discord.errors import NotPermitted, OutcomeUnknown, Refused, Unauthorized, Unreachable
from services.executor.discord.permits import Ask, Permit, RateLimiterAway
from services.executor.discord.rest import Call, RestClient
from services.executor.discord.routes import Route
from services.executor.discord.settings import RestSettings
from services.executor.jobs.model import LeaseLost

SEND = Route.of("POST", "/channels/{channel_id}/messages", channel_id=5)
EDIT = Route.of("PATCH", "/channels/{channel_id}", channel_id=5)
ORIGINAL = Route.of(
    "PATCH", "/webhooks/{webhook_id}/{webhook_token}/messages/@original", webhook_id=1, webhook_token="secret/token"
)


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
    yield Setup(discord, permits, rest)
    await rest.close()
    await runner.cleanup()


async def test_a_call_has_its_permit_its_token_and_its_reason(setup: Setup) -> None:
    setup.discord.answers = [(200, {"id": "1"})]
    assert await setup.rest.call(Call(EDIT, {"name": "ä"}, reason="for Zoë\nop=1")) == {"id": "1"}
    _, path, headers, body = setup.discord.seen[0]
    assert (path, body) == ("/channels/5", {"name": "ä"})
    assert headers["Authorization"] == "Bot token"
    assert headers["X-Audit-Log-Reason"] == "for Zo%C3%AB%0Aop=1"
    assert setup.permits.asked[0].route.major == "channels/5"
    assert setup.permits.reports == [(200, 0.0, False)]


async def test_another_token_is_used_from_the_next_call_on(setup: Setup) -> None:
    await setup.rest.call(Call(EDIT, {}))
    setup.rest.use_token(SecretStr("renewed"))
    await setup.rest.call(Call(EDIT, {}))
    assert [headers["Authorization"] for *_, headers, _ in setup.discord.seen] == ["Bot token", "Bot renewed"]


@pytest.mark.parametrize("answer", [(500, {}), (503, {}), "cut"])
async def test_what_does_nothing_twice_is_repeated(setup: Setup, answer: Any) -> None:
    setup.discord.answers = [answer, answer, (200, {"ok": 1})]
    assert await setup.rest.call(Call(EDIT, {})) == {"ok": 1}
    assert len(setup.discord.seen) == 3
    assert len(setup.permits.reports) == 3


@pytest.mark.parametrize("answer", [(500, {}), (504, {}), "cut", "hang"])
async def test_what_could_be_done_twice_is_not_repeated(setup: Setup, answer: Any) -> None:
    setup.discord.answers = [answer]
    with pytest.raises(OutcomeUnknown):
        await setup.rest.call(Call(SEND, {"content": "x"}))
    assert len(setup.discord.seen) == 1


async def test_with_a_nonce_a_send_is_repeated(setup: Setup) -> None:
    setup.discord.answers = ["cut", (200, {"id": "9"})]
    assert await setup.rest.call(Call(SEND, {"content": "x"}, repeatable=True)) == {"id": "9"}


async def test_repeats_end(setup: Setup) -> None:
    setup.discord.answers = [(500, {})] * 10
    with pytest.raises(Unreachable):
        await setup.rest.call(Call(EDIT, {}))
    assert len(setup.discord.seen) == 4


async def test_a_429_is_reported_and_made_again_under_a_new_permit(setup: Setup) -> None:
    setup.discord.answers = [(429, {"retry_after": 0.25, "global": True}), (200, {})]
    await setup.rest.call(Call(EDIT, {}))
    assert setup.permits.reports == [(429, 0.25, True), (200, 0.0, False)]
    assert len(setup.permits.asked) == 2


async def test_a_429_of_hours_is_said_and_not_waited_for(setup: Setup) -> None:
    setup.discord.answers = [(429, {"retry_after": 7200.0})]
    with pytest.raises(NotPermitted) as refused:
        await setup.rest.call(Call(EDIT, {}))
    assert refused.value.quota
    assert refused.value.retry_after == 7200.0


async def test_a_call_is_aborted_when_its_permit_ends(setup: Setup) -> None:
    setup.permits.ttl = 0.1
    setup.discord.answers = ["hang"]
    with pytest.raises(OutcomeUnknown):
        async with asyncio.timeout(1.0):
            await setup.rest.call(Call(SEND, {}))
    assert setup.permits.reports == [(0, 0.0, False)]


async def test_while_ratelimit_is_away_a_call_waits(setup: Setup) -> None:
    setup.permits.away = 3
    await setup.rest.call(Call(EDIT, {}))
    assert len(setup.permits.asked) == 4


async def test_a_preview_does_not_wait(setup: Setup) -> None:
    setup.permits.refusal = NotPermitted("limited", 3.0)
    with pytest.raises(NotPermitted):
        await setup.rest.call(Call(EDIT, {}, max_wait=0.0))
    assert not setup.discord.seen


async def test_interactions_need_no_permit_and_show_no_token(setup: Setup) -> None:
    await setup.rest.call(Call(ORIGINAL, {"content": "x"}))
    _, path, headers, _ = setup.discord.seen[0]
    assert path == "/webhooks/1/secret%2Ftoken/messages/@original"
    assert "Authorization" not in headers
    assert not setup.permits.asked


async def test_a_dead_interaction_is_no_dead_bot(setup: Setup) -> None:
    setup.discord.answers = [(401, {"code": 50027, "message": "Invalid Webhook Token"}), (401, {})]
    with pytest.raises(Refused) as refused:
        await setup.rest.call(Call(ORIGINAL, {}))
    assert refused.value.token_dead
    with pytest.raises(Unauthorized):
        await setup.rest.call(Call(EDIT, {}))


async def test_what_is_wrong_with_a_form_is_told(setup: Setup) -> None:
    errors = {"name": {"_errors": [{"code": "BASE_TYPE_BAD_LENGTH", "message": "Must be 1 to 100."}]}}
    setup.discord.answers = [(400, {"code": 50035, "message": "Invalid Form Body", "errors": errors})]
    with pytest.raises(Refused, match="name: Must be 1 to 100"):
        await setup.rest.call(Call(EDIT, {}))


async def test_files_travel_beside_their_json(setup: Setup) -> None:
    await setup.rest.call(Call(SEND, {"content": "x"}, files=[File("a.txt", b"inside")]))
    _, _, headers, body = setup.discord.seen[0]
    assert headers["Content-Type"].startswith("multipart/form-data")
    assert '{"content":"x"}' in body
    assert 'name="files[0]"' in body
    assert "inside" in body


@pytest.mark.parametrize(
    ("body", "aspect"),
    [({"name": "new"}, "name_or_topic"), ({"topic": None, "nsfw": True}, "name_or_topic"), ({"nsfw": True}, "")],
)
async def test_what_a_call_changes_is_told_where_it_is_counted_apart(
    setup: Setup, body: dict[str, Any], aspect: str
) -> None:
    await setup.rest.call(Call(EDIT, body))
    await setup.rest.call(Call(SEND, body))
    assert [ask.aspect for ask in setup.permits.asked] == [aspect, ""]


async def test_a_refused_credential_is_not_asked_for_again(setup: Setup) -> None:
    setup.permits.refusal = NotPermitted("stopped", 0.1, stopped=True)
    with pytest.raises(NotPermitted):
        await setup.rest.call(Call(EDIT, {}))
    assert len(setup.permits.asked) == 1


async def test_where_nobody_queues_the_time_told_is_waited(setup: Setup) -> None:
    setup.permits.refusal = NotPermitted("the budget of invalid requests", 0.9, queued=False)
    with pytest.raises(NotPermitted):
        await setup.rest.call(Call(EDIT, {}))
    # Within a patience of two seconds, where a place in the queue would be asked for forty times.
    assert len(setup.permits.asked) == 3


@dataclass
class Standing:
    """A lease that ends while the whole process stands still, right after a call was begun."""

    until: float = math.inf
    name: str = "partition/1"
    epoch: int = 1

    def remaining(self) -> float:
        """Seconds that are left."""
        return self.until - time.monotonic()

    async def __aenter__(self) -> None:
        self.until = time.monotonic() + 0.2
        asyncio.get_running_loop().call_soon(time.sleep, 0.3)

    async def __aexit__(self, *error: object) -> None:
        self.until = math.inf if error[0] is None else self.until


@pytest.mark.parametrize("route", [SEND, EDIT])
async def test_who_stood_still_until_the_lease_was_over_sends_nothing(setup: Setup, route: Route) -> None:
    lease = Standing()
    # The next call finds its connection open.
    await setup.rest.call(Call(SEND, {"content": "before"}, fence=lease))
    with pytest.raises(LeaseLost):
        await setup.rest.call(Call(route, {"content": "after"}, fence=lease, passage=lease))
    await setup.rest.call(Call(SEND, {"content": "another owner's"}))
    assert [body["content"] for *_, body in setup.discord.seen] == ["before", "another owner's"]
