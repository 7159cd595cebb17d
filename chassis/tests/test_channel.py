import asyncio
import itertools
import json
import time
from contextlib import AsyncExitStack
from typing import Any, cast

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from chassis.caller_signing import Verifier
from chassis.clock import SystemClock
from chassis.deadline import bounded, deadline_in, remaining
from chassis.errors import Unavailable
from chassis.rpc.channel import service_config
from chassis.rpc.health import Health
from chassis.rpc.server import Server
from chassis.settings.shared import Rpc
from chassis.testing import TestKeys, channel_to, serve_in_process
from chassis.tests.echo import Echo, EchoStub, add_to_server, text
from tests.support import eventually


async def test_a_call_without_a_timeout_is_a_mistake() -> None:
    async with channel_to("127.0.0.1:1") as channel:
        with pytest.raises(ValueError, match="needs a timeout"):
            EchoStub(channel).Unary(text())


async def test_the_deadline_cascades() -> None:
    seen: dict[str, float | None] = {}

    async def inner(request: Any, context: Any) -> Any:
        seen["inner"] = remaining()
        return request

    async with AsyncExitStack() as stack:
        far = await stack.enter_async_context(serve_in_process((add_to_server, Echo(Unary=inner))))
        far_channel = await stack.enter_async_context(channel_to(far))

        async def outer(request: Any, context: Any) -> Any:
            seen["outer"] = remaining()
            return await EchoStub(far_channel).Unary(request, timeout=60)

        near = await stack.enter_async_context(serve_in_process((add_to_server, Echo(Unary=outer))))
        near_channel = await stack.enter_async_context(channel_to(near))
        await EchoStub(near_channel).Unary(text(), timeout=3)
    outer_left, inner_left = seen["outer"], seen["inner"]
    assert outer_left is not None
    assert inner_left is not None
    # gRPC sends a deadline as what is left of it, rounded up.
    assert 0 < inner_left <= outer_left + 0.05 <= 3.1
    assert remaining() is None


def test_ones_own_timeout_counts_where_it_is_smaller() -> None:
    with deadline_in(10):
        assert bounded(2) == 2
        assert 9 < (bounded(60) or 0) <= 10
        assert 9 < (bounded(None) or 0) <= 10
        with deadline_in(None):
            assert bounded(60) == 60
    with deadline_in(-1):
        assert remaining() == 0


async def failing_twice(method: str) -> tuple[int, str]:
    """How often a method that is unavailable twice was tried, and how it ended."""
    tries = 0

    async def behaviour(request: Any, context: Any) -> Any:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise Unavailable("not yet", reason="NOT_YET")
        return request

    servicer = Echo(**{method: behaviour})
    async with (
        serve_in_process((add_to_server, servicer), name="echo") as address,
        channel_to(address, audience="echo") as channel,
    ):
        try:
            await getattr(EchoStub(channel), method)(text(), timeout=5)
        except grpc.aio.AioRpcError as error:
            return tries, error.code().name
    return tries, "OK"


async def test_only_what_the_contract_calls_idempotent_is_tried_again() -> None:
    assert await failing_twice("Again") == (3, "OK")
    assert await failing_twice("Unary") == (1, "UNAVAILABLE")


def test_the_contracts_that_all_services_serve_say_what_may_be_tried_again() -> None:
    config = json.loads(service_config("llm"))
    retried = {(name["service"], name["method"]) for name in config["methodConfig"][0]["name"]}
    assert ("guildhall.admin.v1.AdminService", "GetStatus") in retried
    assert ("guildhall.settings.v1.SettingsService", "GetSettings") in retried
    assert ("guildhall.settings.v1.SettingsService", "UpdateSettings") not in retried


class Replica:
    """One server of a service, which can be drained."""

    def __init__(self, name: str) -> None:
        self.calls = 0

        async def behaviour(request: Any, context: Any) -> Any:
            self.calls += 1
            return text(name)

        self.health = Health()
        self.server = Server(Rpc(), Verifier("test", TestKeys(), SystemClock(), 5.0), self.health)
        self.server.registrar.add(add_to_server, Echo(Unary=behaviour), None)

    async def start(self) -> str:
        await self.server.start(0)
        self.health.started(())
        await self.health.publish()
        return f"127.0.0.1:{self.server.port}"


async def test_calls_go_round_and_leave_a_replica_that_drains() -> None:
    replicas = [Replica("a"), Replica("b"), Replica("c")]
    addresses = [await replica.start() for replica in replicas]
    async with channel_to("ipv4:" + ",".join(addresses)) as channel:
        stub = EchoStub(channel)

        async def all_are_reached() -> bool:
            await stub.Unary(text(), timeout=5)
            return all(replica.calls for replica in replicas)

        await eventually(all_are_reached)
        for replica in replicas:
            replica.calls = 0
        for _ in range(30):
            await stub.Unary(text(), timeout=5)
        assert [replica.calls for replica in replicas] == [10, 10, 10]

        await replicas[0].health.drain()

        async def the_first_is_left() -> bool:
            before = replicas[0].calls
            for _ in range(6):
                await stub.Unary(text(), timeout=5)
            return replicas[0].calls == before

        await eventually(the_first_is_left)
    for replica in replicas:
        await replica.server.stop(0)


async def test_a_service_that_comes_back_is_looked_for_within_a_second() -> None:
    attempts: list[float] = []

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        attempts.append(time.monotonic())
        writer.close()

    async def many_attempts() -> bool:
        return len(attempts) >= 12

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as listening:
        port = listening.sockets[0].getsockname()[1]
        async with channel_to(f"127.0.0.1:{port}") as channel:
            channel.get_state(try_to_connect=True)
            await eventually(many_attempts, timeout=30)
    gaps = [later - earlier for earlier, later in itertools.pairwise(attempts)]
    assert max(gaps) < 1, gaps


async def test_calls_under_way_finish_while_a_server_stops() -> None:
    began, go_on = asyncio.Event(), asyncio.Event()

    async def slow(request: Any, context: Any) -> Any:
        began.set()
        await go_on.wait()
        return request

    health = Health()
    server = Server(Rpc(), Verifier("test", TestKeys(), SystemClock(), 5.0), health)
    server.registrar.add(add_to_server, Echo(Unary=slow), None)
    await server.start(0)
    health.started(())
    await health.publish()
    async with channel_to(f"127.0.0.1:{server.port}") as channel:
        call = asyncio.ensure_future(EchoStub(channel).Unary(text("kept"), timeout=20))
        await began.wait()
        stopping = asyncio.create_task(server.stop(20))
        await asyncio.sleep(0)
        go_on.set()
        assert (await call).value == "kept"
        await stopping


async def test_health_and_reflection_answer_anybody() -> None:
    async with serve_in_process((add_to_server, Echo())) as address, grpc.aio.insecure_channel(address) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        check = stub.Check
        for name in ("", "live", "guildhall.echo.v1.EchoService"):
            answer = await check(health_pb2.HealthCheckRequest(service=name), timeout=5)
            assert answer.status == health_pb2.HealthCheckResponse.SERVING
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await check(health_pb2.HealthCheckRequest(service="nothing"), timeout=5)
        assert caught.value.code() is grpc.StatusCode.NOT_FOUND

        async def requests() -> Any:
            yield reflection_pb2.ServerReflectionRequest(list_services="")

        reflection: Any = reflection_pb2_grpc.ServerReflectionStub(cast("Any", channel))
        info = reflection.ServerReflectionInfo(requests(), timeout=5)
        names = {service.name async for answer in info for service in answer.list_services_response.service}
        assert {"grpc.health.v1.Health", "guildhall.echo.v1.EchoService"} <= names


async def test_health_is_that_of_the_critical_parts() -> None:
    health = Health()
    critical, other = health.part("store"), health.part("extra", critical=False)
    health.started(("x.Y",))

    async def status(name: str) -> str:
        await health.publish()
        servicer: Any = health.servicer
        answer = await servicer.Check(health_pb2.HealthCheckRequest(service=name), None)
        return health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)

    assert [await status(name) for name in ("", "x.Y", "store", "live")] == [
        "NOT_SERVING", "NOT_SERVING", "NOT_SERVING", "SERVING",
    ]  # fmt: skip
    critical.serving()
    assert [await status(name) for name in ("", "x.Y", "store", "extra")] == [
        "SERVING", "SERVING", "SERVING", "NOT_SERVING",
    ]  # fmt: skip
    other.serving()
    critical.not_serving("it broke")
    assert [await status(name) for name in ("", "extra")] == ["NOT_SERVING", "SERVING"]
    assert health.states()["store"].why == "it broke"


async def test_a_server_that_is_away_is_told_at_once() -> None:
    began = time.monotonic()
    async with channel_to("127.0.0.1:1") as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await EchoStub(channel).Unary(text(), timeout=10)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert time.monotonic() - began < 5
