"""Buckets, the global limit, what nobody announces, and bans: on a clock that the test moves."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.app import Sandbox
from sandbox.control.client import SandboxClient
from sandbox.discord import limits
from sandbox.discord.limits import HIDDEN_RATES, RATES, Rate
from sandbox.discord.rest.ratelimits import Bucket, RateLimits
from sandbox.discord.rest.routes import ROUTER
from sandbox.discord.seed import GUILD_ID
from sandbox.tests.discord.bot import Bot
from tests.support import ManualClock

SEND = f"/channels/{GUILD_ID + 21}/messages"
ROUTES = {route.key: route for route in ROUTER.routes}


@given(
    limit=st.integers(1, 20),
    seconds=st.floats(0.25, 60),
    steps=st.lists(st.floats(0, 2), max_size=80),
    kind=st.sampled_from(["sliding", "fixed"]),
)
def test_a_bucket_never_lets_through_more_than_it_may(
    limit: int, seconds: float, steps: list[float], kind: str
) -> None:
    bucket = Bucket(Rate("b", limit, seconds, kind="fixed" if kind == "fixed" else "sliding"), "", "")
    now, taken = 100.0, []
    for step in steps:
        now += step
        left, _ = bucket.state(now)
        wait = bucket.take(now)
        assert (wait > 0) == (left == 0)
        if wait == 0:
            taken.append(now)
        else:
            assert bucket.state(now + wait + 1e-6)[0] >= 1
    # A sliding bucket lets a full burst through and refills while it does: at most twice its limit in one period.
    for start in taken:
        assert sum(start <= at < start + seconds for at in taken) <= 2 * limit


def test_answers_to_many_interactions_do_not_limit_each_other() -> None:
    rates = RateLimits(ManualClock())
    route = ROUTES["POST /interactions/{interaction_id}/{interaction_token}/callback"]

    def answered(interaction: int) -> bool:
        params = {"interaction_id": str(interaction), "interaction_token": f"token {interaction}"}
        return not rates.check("bot", route, params, None, address="here").refused

    assert all(answered(interaction) for interaction in range(500))
    assert not all(answered(1) for _ in range(100)), "one that is answered again and again is"


def test_sliding_slots_return_one_by_one_and_fixed_ones_together() -> None:
    sliding, fixed = Bucket(Rate("s", 5, 5.0), "", ""), Bucket(Rate("f", 5, 5.0, kind="fixed"), "", "")
    for bucket in (sliding, fixed):
        assert [bucket.take(0.0) for _ in range(5)] == [0.0] * 5
        assert bucket.take(0.0) > 0
    assert (sliding.state(1.0)[0], fixed.state(1.0)[0]) == (1, 0)
    assert (sliding.state(5.0)[0], fixed.state(5.0)[0]) == (5, 5)


def test_every_limit_names_a_route_that_exists() -> None:
    assert set(RATES) <= set(ROUTES)
    assert {hidden.route for hidden in HIDDEN_RATES} <= set(ROUTES)


def test_the_global_limit_and_who_is_exempt() -> None:
    rates = RateLimits(ManualClock())
    users, callback = (
        ROUTES["GET /users/{user_id}"],
        ROUTES["POST /interactions/{interaction_id}/{interaction_token}/callback"],
    )
    for _ in range(limits.GLOBAL_PER_SECOND):
        assert not rates.check("bot", users, {"user_id": "1"}, None, address="a").refused
    refused = rates.check("bot", users, {"user_id": "1"}, None, address="a")
    assert (refused.refused, refused.scope) == (True, "global")
    assert not rates.check(
        "bot", callback, {"interaction_id": "1", "interaction_token": "t"}, None, address="a"
    ).refused
    assert not rates.check("another", users, {"user_id": "1"}, None, address="a").refused


def test_too_many_invalid_requests_ban_the_address() -> None:
    clock = ManualClock()
    rates = RateLimits(clock)
    for _ in range(limits.INVALID_REQUESTS):
        rates.count_invalid("a")
    route = ROUTES["GET /users/{user_id}"]
    assert rates.check("bot", route, {}, None, address="a").banned
    assert not rates.check("bot", route, {}, None, address="b").refused
    clock.advance(limits.BAN_SECONDS + 1)
    assert not rates.check("bot", route, {}, None, address="a").refused


async def test_headers_and_a_429(bot: Bot, sandbox: SandboxClient) -> None:
    hashes = set()
    for number in range(5):
        status, message, headers = await bot.raw("POST", SEND, {"content": str(number)})
        assert status == 200
        assert headers["X-RateLimit-Limit"] == "5"
        hashes.add(headers["X-RateLimit-Bucket"])
    status, body, headers = await bot.raw("POST", SEND, {"content": "too much"})
    assert (status, body["global"], headers["X-RateLimit-Scope"]) == (429, False, "user")
    assert 0 < body["retry_after"] <= 1
    assert headers["X-RateLimit-Remaining"] == "0"
    assert int(headers["Retry-After"]) >= body["retry_after"]
    status, _, headers = await bot.raw("PATCH", f"{SEND}/{message['id']}", {"content": "edits count apart"})
    assert status == 200
    assert {headers["X-RateLimit-Bucket"]} == hashes
    await sandbox.advance(body["retry_after"])
    await bot.call("POST", SEND, {"content": "now"})
    other = f"/channels/{GUILD_ID + 22}/messages"
    await bot.call("POST", other, {"content": "another channel is another bucket"})
    counters = await sandbox.counters()
    assert (counters["http_429"], counters["http_429_by_limit"]) == (1, {"message-send": 1})


async def test_a_channels_name_has_a_limit_of_its_own(bot: Bot, sandbox: SandboxClient) -> None:
    channel = f"/channels/{GUILD_ID + 22}"
    for name in ("one", "two"):
        await bot.call("PATCH", channel, {"name": name})
    status, body, headers = await bot.raw("PATCH", channel, {"name": "three"})
    assert status == 429
    assert body["retry_after"] > 300
    assert int(headers["X-RateLimit-Remaining"]) > 0
    await bot.call("PATCH", channel, {"nsfw": False})
    await sandbox.advance(601)
    await bot.call("PATCH", channel, {"name": "three"})


@pytest.mark.parametrize("status", [401, 403, 429])
async def test_what_counts_as_invalid(bot: Bot, sandbox: SandboxClient, sandbox_server: Sandbox, status: int) -> None:
    if status == 401:
        await bot.raw("GET", "/users/@me", headers={"Authorization": "x"})
    elif status == 403:
        await bot.raw("DELETE", f"/guilds/{GUILD_ID}/roles/{GUILD_ID + 5}")
    else:
        await sandbox.fault(kind="rate_limit", scope="shared")
        await bot.raw("GET", "/users/@me")
        assert sandbox_server.rest.limits.invalid_count() == 0
        await sandbox.fault(kind="rate_limit", scope="user")
        await bot.raw("GET", "/users/@me")
    assert sandbox_server.rest.limits.invalid_count() == 1
