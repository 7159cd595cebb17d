"""Old and new versions side by side: ratelimit answers services that say more, less or other things than it knows.

What a newer service adds is played by a field and by enum values that nobody knows.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TypeVar

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from guildhall.ratelimit.v1 import discord_pb2
from guildhall.ratelimit.v1 import ratelimit_pb2 as pb

from services.ratelimit.tests.conftest import Start
from services.ratelimit.tests.test_discord_rest import call, headers, report

OF_TOMORROW = 99
M = TypeVar("M", bound=Message)


def grown(message: M) -> M:
    """The message with field 99 in it, a text, which no contract of today has."""
    return type(message).FromString(message.SerializeToString() + b"\x9a\x06\x01?")


async def test_what_a_newer_service_adds_is_passed_over(start: Start) -> None:
    subject, charge = grown(pb.Subject(user_id=7, guild_id=3)), grown(pb.Charge(limit="ask"))
    async with start() as (limits, _):
        before = await limits.Peek(pb.PeekRequest(subject=subject, charges=[charge]), timeout=5)
        ask = grown(pb.AcquireRequest(request_id="a", subject=subject, charges=[charge]))
        assert (await limits.Acquire(ask, timeout=5)).allowed

        async def asks() -> AsyncIterator[pb.AcquireStreamRequest]:
            again = pb.AcquireRequest(request_id="b", subject=subject, charges=[charge])
            yield grown(pb.AcquireStreamRequest(request=again))

        assert [answer.response.allowed async for answer in limits.AcquireStream(asks(), timeout=5)] == [True]
        after = await limits.Peek(grown(pb.PeekRequest(subject=subject, charges=[charge])), timeout=5)
        assert after.limits[0].remaining == before.limits[0].remaining - 2


async def test_a_call_of_a_priority_that_only_a_newer_executor_knows_gets_its_turn(start: Start) -> None:
    async with start() as (_, discord):
        permit = await discord.AcquireRest(grown(call(priority=OF_TOMORROW)), timeout=5)
        assert permit.permit.permit_id
        await discord.ReportRest(grown(report(permit, headers=headers(5, 4, 1.0, x_of_tomorrow="?"))), timeout=5)
        # And one of an executor that does not say it yet, nor what it is about.
        plain = discord_pb2.AcquireRestRequest(
            credential="100", method="POST", route="/channels/{channel_id}/messages", major="channels/1"
        )
        assert (await discord.AcquireRest(plain, timeout=5)).permit.permit_id


async def test_an_outcome_that_only_a_newer_gateway_knows_frees_its_place(start: Start) -> None:
    ask = discord_pb2.AcquireIdentifyRequest(
        credential="100", max_concurrency=1, remaining=900, reset_after=Duration(seconds=60)
    )
    async with start() as (_, discord):
        granted = await discord.AcquireIdentify(grown(ask), timeout=5)
        assert granted.allowed
        done = discord_pb2.ReportIdentifyRequest(permit_id=granted.permit_id)
        done.outcome = OF_TOMORROW  # type: ignore[assignment]
        await discord.ReportIdentify(grown(done), timeout=5)
        refused = await discord.AcquireIdentify(ask, timeout=5)
        assert not refused.allowed
        # The pace of one session in five seconds, not the minute of a place that is never given back.
        assert 0 < refused.retry_after.seconds <= 6
