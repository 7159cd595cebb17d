"""Executors that send what ratelimit permits, to a server that limits as Discord does and counts its refusals."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml
from aiohttp.test_utils import TestServer
from google.protobuf.duration_pb2 import Duration
from guildhall.ratelimit.v1 import discord_pb2 as pb
from guildhall.ratelimit.v1 import discord_pb2_grpc

from chassis.caller import Caller
from chassis.testing import channel_to, running_service
from services.ratelimit.app import build
from services.ratelimit.settings import RatelimitSettings
from tests.ratelimit.enforcer import Enforcer, Rule

ROUTES = {
    "messages": "/channels/{channel_id}/messages",
    "members": "/guilds/{guild_id}/members/{user_id}",
    "reactions": "/channels/{channel_id}/messages/{message_id}/reactions/{emoji}",
    "clear": "/channels/{channel_id}/messages/{message_id}/reactions",
    "channels": "/channels/{channel_id}",
}
FINAL, BULK, PREVIEW = pb.REST_PRIORITY_FINAL, pb.REST_PRIORITY_BULK, pb.REST_PRIORITY_PREVIEW


class Executor:
    """Asks for a permit, makes the call, reports how it went."""

    def __init__(
        self, discord: discord_pb2_grpc.DiscordLimitServiceStub, http: aiohttp.ClientSession, url: str
    ) -> None:
        self.discord, self.http, self.url = discord, http, url

    async def call(
        self,
        rule: str,
        major: str,
        *,
        priority: Any = FINAL,
        guild: int = 1,
        wait: float = 10.0,
        **more: Any,
    ) -> tuple[int, pb.AcquireRestResponse]:
        """The HTTP status, or 0 where there was no permit; and what ratelimit said."""
        max_wait = Duration()
        max_wait.FromMilliseconds(round(wait * 1000))
        answer = await self.discord.AcquireRest(
            pb.AcquireRestRequest(
                credential="100",
                method="POST",
                route=ROUTES[rule],
                major=f"channels/{major}",
                guild_id=guild,
                priority=priority,
                max_wait=max_wait,
                **more,
            ),
            timeout=wait + 5,
        )
        if answer.WhichOneof("outcome") != "permit":
            return 0, answer
        async with self.http.post(f"{self.url}/{rule}/{major}") as response:
            body = await response.json()
            report = pb.ReportRestRequest(
                permit_id=answer.permit.permit_id,
                status=response.status,
                headers={name.lower(): value for name, value in response.headers.items()},
                retry_after_us=round(body.get("retry_after", 0) * 1e6),
            )
            setattr(report, "global", bool(body.get("global")))
            await self.discord.ReportRest(report, timeout=5)
            return response.status, answer


@asynccontextmanager
async def executors(
    number: int, enforcer: Enforcer, redis_url: str, folder: Path, discord: dict[str, Any] | None = None
) -> AsyncIterator[list[Executor]]:
    """So many executors on two replicas."""
    path = folder / "guildhall.yaml"
    path.write_text(yaml.safe_dump({"ratelimit": {"discord": discord or {}}}))
    variables = {"GUILDHALL_CONFIG": str(path), "REDIS_URL": redis_url}

    def service() -> Any:
        return running_service("ratelimit", RatelimitSettings, build, variables=variables)

    async with (
        TestServer(enforcer.application()) as server,
        service() as one,
        service() as two,
        channel_to(one.address, Caller("executor"), audience="ratelimit") as first,
        channel_to(two.address, Caller("executor"), audience="ratelimit") as second,
        aiohttp.ClientSession() as http,
    ):
        stubs = [discord_pb2_grpc.DiscordLimitServiceStub(channel) for channel in (first, second)]
        url = str(server.make_url("")).rstrip("/")
        yield [Executor(stubs[index % 2], http, url) for index in range(number)]


async def drive(workers: list[Executor], jobs: list[tuple[str, str]], seconds: float) -> int:
    """Every executor works off all jobs side by side, again and again."""
    until = time.monotonic() + seconds
    done = 0

    async def loop(executor: Executor, rule: str, major: str) -> None:
        nonlocal done
        while time.monotonic() < until:
            status, _ = await executor.call(rule, major, wait=2)
            done += status == 200

    await asyncio.gather(*(loop(worker, *job) for worker in workers for job in jobs))
    return done


async def test_in_the_steady_state_nothing_is_refused_and_what_there_is_is_used(redis_url: str, tmp_path: Path) -> None:
    enforcer = Enforcer(
        {
            "messages": Rule("sliding", 5, 1.0),
            "members": Rule("fixed", 4, 1.0, fixed=True),
            "reactions": Rule("shared", 1, 0.25),
            "clear": Rule("shared", 1, 0.25),
        }
    )
    jobs = [("messages", "1"), ("messages", "2"), ("members", "3"), ("reactions", "4"), ("clear", "4")]
    async with executors(4, enforcer, redis_url, tmp_path) as four:
        for rule, major in jobs:
            await four[0].call(rule, major)
        # That two routes share a bucket can only be seen from their answers.
        assert enforcer.refused in (Counter(), Counter({"shared:4": 1}))
        enforcer.refused.clear()
        begun = time.monotonic()
        await drive(four, jobs, 5.0)
        elapsed = time.monotonic() - begun
    assert enforcer.refused == Counter()
    # Under load of the test's own machine the spacing costs something; half of what there is, at the least.
    assert enforcer.served["sliding:1"] >= 0.5 * 5 * elapsed
    assert enforcer.served["fixed:3"] >= 0.5 * 4 * elapsed
    assert enforcer.served["shared:4"] >= 0.5 * 4 * elapsed


async def test_together_they_stay_below_the_global_limit(redis_url: str, tmp_path: Path) -> None:
    enforcer = Enforcer({"messages": Rule("wide", 1000, 1.0)})
    async with executors(4, enforcer, redis_url, tmp_path) as four:
        done = await drive(four, [("messages", str(major)) for major in range(20)], 4.0)
    assert enforcer.refused == Counter()
    assert done >= 60


async def test_a_change_of_limits_costs_at_most_one_refusal_per_bucket(redis_url: str, tmp_path: Path) -> None:
    enforcer = Enforcer({"messages": Rule("sliding", 5, 1.0), "members": Rule("fixed", 6, 1.0, fixed=True)})
    jobs = [("messages", "1"), ("members", "3")]
    async with executors(4, enforcer, redis_url, tmp_path) as four:
        await drive(four, jobs, 2.0)
        assert enforcer.refused == Counter()
        enforcer.rules["messages"].limit = 2
        enforcer.rules["members"].limit = 3
        await drive(four, jobs, 4.0)
        assert all(count <= 1 for count in enforcer.refused.values())
        enforcer.refused.clear()
        await drive(four, jobs, 3.0)
    assert enforcer.refused == Counter()


async def test_a_hidden_limit_is_found_by_one_refusal_and_kept_from_then_on(redis_url: str, tmp_path: Path) -> None:
    enforcer = Enforcer({"channels": Rule("channel", 5, 1.0, hidden=2, hidden_window=2.0)})
    async with executors(4, enforcer, redis_url, tmp_path) as four:
        await drive(four, [("channels", "1")], 3.0)
        found = sum(enforcer.refused.values())
        assert found == 1
        await drive(four, [("channels", "1"), ("channels", "2")], 5.0)
    assert sum(enforcer.refused.values()) == 1
    assert enforcer.served["channel:2"] >= 4


async def test_bulk_never_starves_an_answer_and_previews_give_way(redis_url: str, tmp_path: Path) -> None:
    enforcer = Enforcer({"messages": Rule("wide", 1000, 1.0), "members": Rule("other", 1000, 1.0)})
    async with executors(4, enforcer, redis_url, tmp_path) as four:
        stop = asyncio.Event()

        async def bulk(executor: Executor, major: int) -> None:
            while not stop.is_set():
                await executor.call("members", str(major), priority=BULK, wait=2)

        flood = [asyncio.create_task(bulk(worker, major)) for worker in four for major in range(20)]
        await asyncio.sleep(0)
        waits = []
        for turn in range(25):
            status, answer = await four[turn % 4].call("messages", f"9{turn}", priority=FINAL, wait=5)
            assert status == 200
            waits.append(answer.waited.ToMilliseconds())
        previews = [await four[turn % 4].call("messages", f"8{turn}", priority=PREVIEW, wait=5) for turn in range(25)]
        stop.set()
        await asyncio.gather(*flood)
    assert enforcer.refused == Counter()
    assert sorted(waits)[len(waits) // 2] < 250
    refused = [answer for status, answer in previews if status == 0]
    assert refused
    assert {answer.refusal.reason for answer in refused} == {pb.REST_REFUSAL_REASON_YIELDED}
    assert max(answer.waited.ToMilliseconds() for answer in refused) < 1000


async def test_guilds_take_turns(redis_url: str, tmp_path: Path) -> None:
    enforcer = Enforcer({"messages": Rule("narrow", 10, 1.0)})
    async with executors(1, enforcer, redis_url, tmp_path) as (executor,):
        await executor.call("messages", "1")
        order: list[int] = []

        async def one(guild: int) -> None:
            await executor.call("messages", "1", guild=guild, priority=BULK, wait=10)
            order.append(guild)

        jobs = [asyncio.create_task(one(guild)) for guild in [1] * 16 + [2] * 4]
        await asyncio.gather(*jobs)
    assert enforcer.refused == Counter()
    # However many calls the first guild has waiting, the second one's come every other time.
    assert [index for index, guild in enumerate(order) if guild == 2][-1] <= 17
    assert order.index(2) <= 11


@pytest.mark.parametrize("status", [401, 403])
async def test_the_budget_of_invalid_requests_stops_everything_in_time(
    redis_url: str, tmp_path: Path, status: int
) -> None:
    budget = {"invalid": {"stop_at": 6, "finals_only_at": 3, "ban_at": 10, "window": 60}, "unauthorized_pause": 0.001}
    async with executors(1, Enforcer({}), redis_url, tmp_path, budget) as (executor,):
        reasons = []
        for turn in range(8):
            for priority in (BULK, FINAL):
                request = pb.AcquireRestRequest(
                    credential="100",
                    method="GET",
                    route="/channels/{channel_id}",
                    major=f"channels/{turn}{priority}",
                    priority=priority,
                    max_wait=Duration(nanos=100_000_000),
                )
                answer = await executor.discord.AcquireRest(request, timeout=5)
                reasons.append((priority, answer.refusal.reason))
                if answer.WhichOneof("outcome") == "permit":
                    await executor.discord.ReportRest(
                        pb.ReportRestRequest(permit_id=answer.permit.permit_id, status=status), timeout=5
                    )
        stopped = pb.REST_REFUSAL_REASON_INVALID_BUDGET
        given = [priority for priority, reason in reasons if reason == 0]
        assert len(given) == 6
        assert given[-3:] == [FINAL, FINAL, FINAL]
        assert reasons[-2:] == [(BULK, stopped), (FINAL, stopped)]


async def test_a_refused_credential_a_long_quota_and_a_webhook_that_is_gone(redis_url: str, tmp_path: Path) -> None:
    async with executors(1, Enforcer({}), redis_url, tmp_path, {"webhook_misses": 2}) as (executor,):
        discord = executor.discord

        async def ask(route: str, major: str, credential: str = "100") -> pb.AcquireRestResponse:
            return await discord.AcquireRest(
                pb.AcquireRestRequest(
                    credential=credential, method="POST", route=route, major=major, max_wait=Duration(seconds=2)
                ),
                timeout=5,
            )

        async def report(answer: pb.AcquireRestResponse, status: int, **more: Any) -> None:
            await discord.ReportRest(
                pb.ReportRestRequest(permit_id=answer.permit.permit_id, status=status, **more), timeout=5
            )

        roles = "/guilds/{guild_id}/roles"
        quota = {
            "x-ratelimit-limit": "250",
            "x-ratelimit-remaining": "0",
            "x-ratelimit-reset-after": "7200",
            "x-ratelimit-bucket": "q",
        }
        await report(await ask(roles, "guilds/1"), 429, headers=quota, retry_after_us=7_200_000_000)
        answer = await ask(roles, "guilds/1")
        assert answer.refusal.reason == pb.REST_REFUSAL_REASON_QUOTA
        assert 7100 < answer.refusal.retry_after.seconds <= 7200
        assert answer.waited.ToMilliseconds() < 1000

        webhook = "/webhooks/{webhook_id}/{webhook_token}"
        for _ in range(2):
            await report(await ask(webhook, "webhooks/5/token"), 404)
        assert (await ask(webhook, "webhooks/5/token")).refusal.reason == pb.REST_REFUSAL_REASON_STOPPED
        assert (await ask(webhook, "webhooks/6/token")).permit.permit_id

        await report(await ask(roles, "guilds/2"), 401)
        assert (await ask("/channels/{channel_id}", "channels/1")).refusal.reason == pb.REST_REFUSAL_REASON_STOPPED
        assert (await ask("/channels/{channel_id}", "channels/1", "200")).permit.permit_id
