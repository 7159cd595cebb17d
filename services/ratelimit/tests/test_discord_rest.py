"""REST permits over gRPC: buckets learned from what is reported, priorities, leases, long quotas, sub-limits."""

import asyncio
import itertools
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


async def test_bulk_work_leaves_what_answers_need_and_not_more(start: Start) -> None:
    bulk, first = pb.REST_PRIORITY_BULK, pb.REST_PRIORITY_FIRST

    # The window is long, so that the test's own pace plays no part.
    settings = {"discord": {"global_window": 60.0}}
    async with start(ratelimit=settings) as (_, discord):

        async def granted(credential: str, priority: pb.RestPriority.ValueType, asked: int) -> int:
            count = 0
            for _ in range(asked):
                place = f"channels/{next(places)}"
                answer = await discord.AcquireRest(call(place, credential=credential, priority=priority), timeout=5)
                count += bool(answer.permit.permit_id)
            return count

        places = itertools.count(1)
        assert await granted("1", bulk, 60) == 48
        assert await granted("1", first, 5) == 2
        assert await granted("2", first, 3) == 3
        assert await granted("2", bulk, 60) == 50 - 3 - 8
        assert await granted("2", first, 20) == 8
        assert await granted("3", first, 20) == 20
        assert await granted("3", bulk, 60) == 50 - 20 - 10


async def test_calls_travel_side_by_side_where_much_room_is_left(start: Start) -> None:
    async with start() as (_, discord):
        first = await discord.AcquireRest(call(), timeout=5)
        await discord.ReportRest(report(first, headers=headers(250, 249, 172_800.0)), timeout=5)
        answers = [await discord.AcquireRest(call(), timeout=5) for _ in range(40)]
        assert sum(bool(answer.permit.permit_id) for answer in answers) in range(25, 32)


async def test_a_limit_that_its_error_code_names_holds_up_its_own_calls_alone(start: Start) -> None:
    edit = "/channels/{channel_id}/messages/{message_id}"
    old, new = ((int((time.time() - age) * 1000) - 1_420_070_400_000) << 22 for age in (7200, 60))
    async with start() as (_, discord):
        # Sending and editing have a bucket in common, and nothing of it remains when the limit of old edits is met.
        for request in (call(), call(method="PATCH", route=edit, target_message_id=new)):
            first = await discord.AcquireRest(request, timeout=5)
            await discord.ReportRest(report(first, headers=headers(5, 4, 0.2)), timeout=5)
        stopped = await discord.AcquireRest(call(method="PATCH", route=edit, target_message_id=old, wait=1), timeout=5)
        told = {"error_code": 30046, "retry_after_us": 3_000_000_000}
        await discord.ReportRest(report(stopped, 429, headers=headers(5, 0, 0.2), **told), timeout=5)
        again = await discord.AcquireRest(call(method="PATCH", route=edit, target_message_id=old), timeout=5)
        assert again.refusal.reason == pb.REST_REFUSAL_REASON_QUOTA
        sent = await discord.AcquireRest(call(wait=2), timeout=5)
        assert sent.permit.permit_id
        await discord.ReportRest(report(sent, headers=headers(5, 4, 0.2)), timeout=5)
        young = call(method="PATCH", route=edit, target_message_id=new, wait=2)
        assert (await discord.AcquireRest(young, timeout=5)).permit.permit_id


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
