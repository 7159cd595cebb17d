"""A service as an operator sees it: a process, its exit code, and what it prints."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from guildhall.admin.v1 import admin_pb2, admin_pb2_grpc

from chassis.caller_keys import FolderKeyRing, ensure_keys
from chassis.caller_signing import Signer
from chassis.clock import SystemClock
from chassis.rpc.channel import Channel, open_channel
from chassis.tests.echo import EchoStub, text
from tests.support import eventually, free_port

ROOT = Path(__file__).parents[2]


class Started:
    """A service that was started as a process."""

    def __init__(self, tmp_path: Path, **variables: str) -> None:
        self.port = free_port()
        self.keys = tmp_path / "keys"
        self.config = tmp_path / "guildhall.yaml"
        ensure_keys(self.keys, ["board", "gateway", "local"])
        self.variables = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "gen")]),
            "PYTHONUNBUFFERED": "1",
            "GUILDHALL_CONFIG": str(self.config),
            "GUILDHALL_RPC__PORTS__BOARD": str(self.port),
            "GUILDHALL_RPC__DRAIN": "0.2",
            "GUILDHALL_CALLERS__KEYS_DIR": str(self.keys),
            **variables,
        }
        self.output = tmp_path / "output"
        self.errors = tmp_path / "errors"
        self.process: asyncio.subprocess.Process

    async def start(self) -> None:
        with self.output.open("wb") as output, self.errors.open("wb") as errors:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "chassis.tests.service_under_test",
                cwd=ROOT, env=self.variables, stdout=output, stderr=errors,
            )  # fmt: skip

    async def exit_code(self, timeout: float = 30) -> int:
        async with asyncio.timeout(timeout):
            return await self.process.wait()

    def channel(self, service: str = "gateway") -> Channel:
        signer = Signer(service, FolderKeyRing(self.keys), SystemClock())
        return open_channel(f"127.0.0.1:{self.port}", "board", signer)

    async def ready(self) -> None:
        async def serving() -> bool:
            async with grpc.aio.insecure_channel(f"127.0.0.1:{self.port}") as channel:
                try:
                    stub: Any = health_pb2_grpc.HealthStub(channel)
                    answer = await stub.Check(health_pb2.HealthCheckRequest(), timeout=2)
                except grpc.aio.AioRpcError:
                    return False
            return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)

        await eventually(serving, timeout=30, interval=0.05)


@asynccontextmanager
async def started(tmp_path: Path, config: str = "", **variables: str) -> AsyncIterator[Started]:
    service = Started(tmp_path, **variables)
    service.config.write_text(config)
    await service.start()
    try:
        yield service
    finally:
        if service.process.returncode is None:
            service.process.kill()
            await service.process.wait()


async def test_it_serves_reloads_and_stops_in_order(tmp_path: Path) -> None:
    async with started(tmp_path, "board: {greeting: one}") as service:
        await service.ready()
        async with service.channel() as channel:
            stub, admin = EchoStub(channel), admin_pb2_grpc.AdminServiceStub(channel)
            assert (await stub.Unary(text(), timeout=5)).value == "one"

            service.config.write_text("board: {greeting: two}")
            service.process.send_signal(signal.SIGHUP)

            async def says_two() -> bool:
                return bool((await stub.Unary(text(), timeout=5)).value == "two")

            await eventually(says_two)

            service.config.write_text("board: {greeting: three, slow: never}\nreddis: {}")
            outcome = (await admin.Reload(admin_pb2.ReloadRequest(), timeout=5)).outcome
            assert not outcome.accepted
            assert [problem.partition(":")[0] for problem in outcome.problems] == ["board.slow", "reddis"]
            assert await says_two()
            status = await admin.GetStatus(admin_pb2.GetStatusRequest(), timeout=5)
            assert not status.last_reload.accepted

            service.config.write_text("board: {greeting: three, slow: 0.6}")
            assert (await admin.Reload(admin_pb2.ReloadRequest(), timeout=5)).outcome.accepted
            under_way = asyncio.ensure_future(stub.Unary(text(), timeout=20))
            await asyncio.sleep(0)

            async def taken() -> bool:
                status = await admin.GetStatus(admin_pb2.GetStatusRequest(), timeout=5)
                return status.config_revision != ""

            await eventually(taken)
            service.process.send_signal(signal.SIGTERM)
            assert (await under_way).value == "three"
        assert await service.exit_code() == 0
        lines = service.output.read_text()
        assert lines.index('"ready"') < lines.index('"stopping"') < lines.index("last words")
        assert service.errors.read_text() == ""


async def test_status_says_how_it_is(tmp_path: Path) -> None:
    async with started(tmp_path, "board: {greeting: one}", GUILDHALL_LOGGING__LEVELS="{a.b: debug}") as service:
        await service.ready()
        async with service.channel("local") as channel:
            admin = admin_pb2_grpc.AdminServiceStub(channel)
            status = await admin.GetStatus(admin_pb2.GetStatusRequest(), timeout=5)
            assert (status.service, status.serving, status.version) == ("board", True, "0.1.0")
            assert status.uptime.ToNanoseconds() > 0
            assert status.resources.resident_bytes > 10_000_000
            assert status.resources.cpu_time.ToNanoseconds() > 0
            assert status.resources.disk_total_bytes >= status.resources.disk_free_bytes > 0
            assert status.log_levels["a.b"] == "debug"
            assert dict(status.facts["greeting"])["text"] == "one"
            assert not status.HasField("last_reload")
            changed = await admin.SetLogLevel(admin_pb2.SetLogLevelRequest(module="c", level="error"), timeout=5)
            assert changed.log_levels["c"] == "error"
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await admin.SetLogLevel(admin_pb2.SetLogLevelRequest(module="c", level="loud"), timeout=5)
            assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        async with service.channel("board") as channel:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await admin_pb2_grpc.AdminServiceStub(channel).Reload(admin_pb2.ReloadRequest(), timeout=5)
            assert caught.value.code() is grpc.StatusCode.PERMISSION_DENIED


def assert_one_line(service: Started, *said: str) -> None:
    """That the operator got one clear line, and no traceback anywhere."""
    errors = service.errors.read_text()
    assert len(errors.splitlines()) == 1, errors
    for word in said:
        assert word in errors
    assert "Traceback" not in errors + service.output.read_text()


async def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        async with started(tmp_path, GUILDHALL_RPC__PORTS__BOARD=str(port)) as service:
            assert await service.exit_code() == 1
        assert_one_line(service, "board: can't listen on", str(port), "another program")


async def test_a_redis_that_does_not_answer(tmp_path: Path) -> None:
    url = f"redis://someone:hunter2hunter2@127.0.0.1:{free_port()}/0"
    async with started(tmp_path, "board: {redis: true}", REDIS_URL=url) as service:
        assert await service.exit_code() == 1
    assert_one_line(service, "does not answer", "start it, or set REDIS_URL")
    assert "hunter2" not in service.errors.read_text()


async def test_a_configuration_with_mistakes(tmp_path: Path) -> None:
    async with started(tmp_path, "board: {greting: a, slow: b}", GUILDHALL_LOGGING__LEVEL="loud") as service:
        assert await service.exit_code() == 2
    errors = service.errors.read_text()
    for said in ("3 mistakes", "board.greting", "did you mean greeting?", "board.slow", "logging.level"):
        assert said in errors
    assert "Traceback" not in errors


async def test_no_keys(tmp_path: Path) -> None:
    async with started(tmp_path, GUILDHALL_CALLERS__KEYS_DIR=str(tmp_path / "nowhere")) as service:
        assert await service.exit_code() == 1
    assert_one_line(service, "no folder", "GUILDHALL_CALLERS__KEYS_DIR")


async def test_background_work_that_dies_ends_the_process(tmp_path: Path) -> None:
    async with started(tmp_path, "board: {dies: true}") as service:
        assert await service.exit_code() == 1
    assert "the work broke" in service.output.read_text()


async def test_a_collector_that_is_away_neither_disturbs_nor_delays(tmp_path: Path) -> None:
    endpoint = f"http://127.0.0.1:{free_port()}"
    async with started(tmp_path, OTEL_EXPORTER_OTLP_ENDPOINT=endpoint) as service:
        await service.ready()
        async with service.channel() as channel:
            for _ in range(5):
                await EchoStub(channel).Unary(text(), timeout=5)
        service.process.send_signal(signal.SIGTERM)
        assert await service.exit_code(15) == 0


async def test_a_step_that_does_not_end_keeps_neither_the_others_nor_the_process(tmp_path: Path) -> None:
    async with started(tmp_path, "board: {stubborn: true}\nrpc: {finish: 0.3}") as service:
        await service.ready()
        service.process.send_signal(signal.SIGTERM)
        assert await service.exit_code() == 1
        assert "a step of the stop took too long" in service.output.read_text()
        assert "last words" in service.output.read_text()
