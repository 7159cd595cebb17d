"""REST permits over gRPC: buckets learned from what is reported, priorities, leases, long quotas, sub-limits."""

import asyncio
import time

from google.protobuf.duration_pb2 import Duration
from guildhall.ratelimit.v1 import discord_pb2 as pb

from services.ratelimit.tests.conftest import Start

MESSAGES = "/channels/{channel_id}/messages"


def call(
    major: str = "channels/1", method: str = "POST", route: str = MESSAGES, wait: float = 0.0, **more: object
) -> pb.AcquireRestRequest:
    values: dict[str, object] = {"credential": "100", "priority": pb.REST_PRIORITY_FINAL} | more
    request = pb.AcquireRestRequest(method=method, route=route, major=major, **values)  # type: ignore[arg-type]
    if wait:
        request.max_wait.CopyFrom(Duration(seconds=int(wait), nanos=round(wait % 1 * 1e9)))
    return request


def headers(limit: int, remaining: int, reset_after: float, bucket: str = "abc", **more: str) -> dict[str, str]:
    return {
        "x-ratelimit-limit": str(limit),
        "x-ratelimit-remaining": str(remaining),
        "x-ratelimit-reset-after": f"{reset_after:.3f}",
        "x-ratelimit-bucket": bucket,
    } | {name.replace("_", "-"): value for name, value in more.items()}


def report(permit: pb.AcquireRestResponse, status: int = 200, **more: object) -> pb.ReportRestRequest:
    return pb.ReportRestRequest(permit_id=permit.permit.permit_id, status=status, **more)  # type: ignore[arg-type]


async def test_an_unknown_bucket_is_probed_one_call_at_a_time_and_then_learned(start: Start) -> None:
    async with start() as (_, discord):
        first = await discord.AcquireRest(call(), timeout=5)
        assert first.permit.permit_id
        second = await discord.AcquireRest(call(), timeout=5)
        assert second.refusal.reason == pb.REST_REFUSAL_REASON_LIMITED
        await discord.ReportRest(report(first, headers=headers(3, 2, 5.0)), timeout=5)
        for remaining in (1, 0):
            permit = await discord.AcquireRest(call(wait=1), timeout=5)
            assert permit.permit.permit_id
            await discord.ReportRest(report(permit, headers=headers(3, remaining, 4.9)), timeout=5)
        spent = await discord.AcquireRest(call(), timeout=5)
        assert spent.refusal.reason == pb.REST_REFUSAL_REASON_LIMITED
        assert 4.0 < spent.refusal.retry_after.ToMilliseconds() / 1000 <= 5.0
        assert (await discord.AcquireRest(call("channels/2"), timeout=5)).permit.permit_id


async def test_a_waiting_call_goes_as_soon_as_the_one_before_it_is_reported(start: Start) -> None:
    async with start() as (_, discord):
        first = await discord.AcquireRest(call(), timeout=5)
        waiting = asyncio.ensure_future(discord.AcquireRest(call(wait=4), timeout=5))
        await discord.ReportRest(report(first, headers=headers(5, 4, 1.0)), timeout=5)
        answer = await waiting
        assert answer.permit.permit_id
        assert answer.waited.ToMilliseconds() < 1000


async def test_a_stale_epoch_gets_no_permit(start: Start) -> None:
    async with start() as (_, discord):
        new = pb.Lease(key="executor/partition/7", epoch=3)
        old = pb.Lease(key="executor/partition/7", epoch=2)
        assert (await discord.AcquireRest(call("channels/1", lease=new), timeout=5)).permit.permit_id
        refused = await discord.AcquireRest(call("channels/2", lease=old), timeout=5)
        assert refused.refusal.reason == pb.REST_REFUSAL_REASON_STALE_LEASE


async def test_the_global_limit_holds_fifty_a_second_and_interactions_are_exempt(start: Start) -> None:
    async with start() as (_, discord):
        begun = time.monotonic()
        calls = [discord.AcquireRest(call(f"channels/{number}"), timeout=5) for number in range(80)]
        permits = [answer for answer in await asyncio.gather(*calls) if answer.permit.permit_id]
        elapsed = time.monotonic() - begun
        assert len(permits) == 50 or (elapsed > 1 and len(permits) <= 50 * (1 + elapsed))
        callback = "/interactions/{interaction_id}/{interaction_token}/callback"
        assert (await discord.AcquireRest(call("interactions/1/token", route=callback), timeout=5)).permit.permit_id


async def test_identify_holds_its_key_until_reported(start: Start) -> None:
    ask = pb.AcquireIdentifyRequest(
        credential="100", max_concurrency=1, remaining=1000, reset_after=Duration(seconds=3600)
    )
    async with start(ratelimit={"discord": {"identify": {"spacing": 0.2}}}) as (_, discord):
        first = await discord.AcquireIdentify(ask, timeout=5)
        assert first.allowed
        assert not (await discord.AcquireIdentify(ask, timeout=5)).allowed
        await discord.ReportIdentify(
            pb.ReportIdentifyRequest(permit_id=first.permit_id, outcome=pb.IDENTIFY_OUTCOME_READY), timeout=5
        )
        ask.max_wait.CopyFrom(Duration(seconds=2))
        ask.shard_id = 1
        assert (await discord.AcquireIdentify(ask, timeout=5)).allowed
