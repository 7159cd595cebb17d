"""A request over several slots, with stalls between its steps: what it may cost, and that it never gives too much."""

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis

from chassis.clock import SystemClock
from services.ratelimit.decider import Decider
from services.ratelimit.demands import Subject
from services.ratelimit.holds import Holds
from services.ratelimit.limiter import Limiter
from services.ratelimit.scripts import Scripts
from services.ratelimit.settings import RatelimitSettings
from services.ratelimit.shares import Shares
from services.ratelimit.store_health import StoreHealth
from tests.support.redis_process import RedisProcess

START = 1_800_000_000_000_000
SECOND = 1_000_000
LIMIT = 6
SUBJECT = Subject(guild_id=1, user_id=7, provider="openai")
WINDOW = {"algorithm": "sliding_window", "limit": LIMIT, "window": "1h"}
SETTINGS = RatelimitSettings.model_validate(
    {
        "limits": {
            "policies": {by: WINDOW | {"by": [by]} for by in ("person", "guild", "provider")},
            "groups": {"spread": ["person", "guild", "provider"]},
        },
        "reservations": {"tentative_ttl": 2.0},
    }
)


class StallingScripts(Scripts):
    """The store's time moves on before each call, as if the replica had stood still."""

    stalls: list[int]

    @property
    def clock_arguments(self) -> tuple[str, str]:
        assert self.now_us is not None
        self.now_us += self.stalls.pop() if self.stalls else 0
        return super().clock_arguments


async def spend(url: str, stalls: list[int], requests: int) -> tuple[int, int, dict[str, int]]:
    """Requests one after the other; how many were admitted, how many refused, and what each limit counts then."""
    redis = Redis.from_url(url)
    await redis.flushdb()
    clock = SystemClock()
    scripts = StallingScripts(redis, StoreHealth(clock), 5.0, now_us=START)
    scripts.stalls = stalls
    decider = Decider(scripts, cluster=True, batch=64, in_flight=1, most_holds=64)
    limiter = Limiter(SETTINGS, decider, Holds(scripts), Shares(clock), clock, cluster=True)
    try:
        admitted = 0
        for _ in range(requests):
            ask = limiter.asks.resolve(SUBJECT, [("spread", 1)])
            admitted += (await limiter.decide(ask)).allowed
        scripts.stalls = []
        assert scripts.now_us is not None
        scripts.now_us += 3 * SECOND  # what is held tentatively is dropped by then
        answer = await limiter.peek(limiter.asks.resolve(SUBJECT, [("spread", 1)]).demands)
        return admitted, requests - admitted, {limit.limit: LIMIT - limit.remaining for limit in answer.limits}
    finally:
        await scripts.close()
        await redis.aclose()


@settings(max_examples=80, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    stalls=st.lists(st.sampled_from((0, 0, 0, 1_100_000, 3 * SECOND)), max_size=40),
    requests=st.integers(1, 2 * LIMIT),
)
def test_stalls_never_admit_too_much_and_cost_no_more_than_the_refused_requests(
    redis_server: RedisProcess, stalls: list[int], requests: int
) -> None:
    admitted, refused, used = asyncio.run(spend(redis_server.url, stalls, requests))
    assert admitted <= LIMIT
    for count in used.values():
        assert admitted <= count <= admitted + refused


@pytest.mark.parametrize(("stall", "admitted"), [(1_000_000, 1), (3 * SECOND, 0)])
def test_a_confirmation_after_the_hold_expired_refuses_and_one_before_it_does_not(
    redis_server: RedisProcess, stall: int, admitted: int
) -> None:
    # The calls of a request over three slots are two holds and the decision; the stall comes right after these.
    stalls = [stall, 0, 0, 0]
    got, _, used = asyncio.run(spend(redis_server.url, stalls, 1))
    assert got == admitted
    # What the deciding slot charged stays, and nothing in the others, whose holds had expired.
    assert sorted(used.values()) == ([1, 1, 1] if admitted else [0, 0, 1])


def test_without_stalls_all_is_spent_and_none_lost(redis_server: RedisProcess) -> None:
    admitted, refused, used = asyncio.run(spend(redis_server.url, [], LIMIT + 2))
    assert (admitted, refused) == (LIMIT, 2)
    assert set(used.values()) == {LIMIT}
