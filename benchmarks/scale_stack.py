"""The platform with several replicas of some services, as local processes, for the benchmark of scaling."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

import grpc
import psutil
from guildhall.admin.v1 import admin_pb2, admin_pb2_grpc

from chassis.caller_keys import FolderKeyRing, ensure_keys
from chassis.caller_signing import Signer
from chassis.clock import SystemClock
from chassis.rpc.channel import open_channel
from local.paths import RunFolder
from local.platform import Platform
from local.process import Process, Program
from local.readiness import grpc_serving, until
from sandbox.control.client import SandboxClient
from tests.support import free_port
from tests.support.platform import RunningPlatform

SCALED = ("llm", "executor", "ratelimit")
_STOP_PATIENCE = 15.0
_READY_PATIENCE = 60.0


class Replica:
    """One process of a scaled service beside the platform's own."""

    def __init__(self, program: Program, address: str, logs: Path) -> None:
        self.program = program
        self.address = address
        self._logs = logs
        self.process: Process | None = None
        self.seconds_to_ready = 0.0

    async def start(self) -> None:
        """Starts it and waits until it serves."""
        began = time.monotonic()
        self.process = await Process.start(self.program, self._logs)
        async with asyncio.timeout(_READY_PATIENCE):
            await until(grpc_serving(self.address))
        self.seconds_to_ready = time.monotonic() - began

    async def stop(self) -> None:
        """Ends it as a roll-out does: politely."""
        if self.process is not None:
            await self.process.stop(_STOP_PATIENCE)
            await self.process.wait()


class ScaledPlatform:
    """The platform with `replicas` of each scaled service. Use as an async context manager."""

    def __init__(self, folder: Path, replicas: int, environment: Mapping[str, str]) -> None:
        self.ports = {name: [free_port() for _ in range(replicas)] for name in SCALED}
        others = {name: free_port() for name in ("gateway", "board", "sandbox")}
        self._environment = {
            **{f"{name.upper()}_PORT": str(ports[0]) for name, ports in self.ports.items()},
            **{f"{name.upper()}_PORT": str(port) for name, port in others.items()},
            **{f"GUILDHALL_RPC__ADDRESSES__{name.upper()}": self._target(name) for name in SCALED},
            **environment,
        }
        self._folder = RunFolder(folder)
        self._stack = AsyncExitStack()
        self.platform = RunningPlatform(folder, self._environment)
        self.replicas: dict[str, list[Replica]] = {name: [] for name in SCALED}

    async def __aenter__(self) -> ScaledPlatform:
        await self._stack.__aenter__()
        await self._stack.enter_async_context(self.platform)
        inherited = self.platform.environment
        platform = Platform.prepare(dict(inherited), self._folder)
        for name in SCALED:
            for number, port in enumerate(self.ports[name][1:], start=2):
                own = {**platform.environment_of(name), f"GUILDHALL_RPC__PORTS__{name.upper()}": str(port)}
                program = Program(f"{name}-{number}", [sys.executable, "-m", f"services.{name}"], own)
                replica = Replica(program, f"127.0.0.1:{port}", self._folder.logs)
                self._stack.push_async_callback(replica.stop)
                self.replicas[name].append(replica)
        await asyncio.gather(*(replica.start() for each in self.replicas.values() for replica in each))
        # The leases of partitions are shared out again within a few heartbeats.
        await self._spread()
        self.sandbox = await self._stack.enter_async_context(
            SandboxClient(self.platform.page, self.platform.control_token)
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.__aexit__(kind, error, trace)

    async def cpu_seconds(self) -> dict[str, list[float]]:
        """Processor seconds of each process by service, replicas apart; the sandbox and the supervisor included."""
        pids = {name: [pid] for name, pid in (await self.platform.pids()).items()}
        for name, replicas in self.replicas.items():
            pids[name] += [replica.process.pid for replica in replicas if replica.process is not None]
        return {name: [_cpu(pid) for pid in own] for name, own in pids.items()}

    async def work(self) -> dict[str, list[int]]:
        """What each replica has done: calls served by llm and ratelimit, jobs done by executor."""
        done = {name: [await self._calls(name, port) for port in self.ports[name]] for name in ("llm", "ratelimit")}
        names = ["executor", *(replica.program.name for replica in self.replicas["executor"])]
        done["executor"] = [_jobs_done(self._folder.logs / f"{name}.log") for name in names]
        return done

    async def _calls(self, service: str, port: int) -> int:
        return int((await self._status(service, port)).calls.count)

    async def _status(self, service: str, port: int) -> admin_pb2.GetStatusResponse:
        keys = self._folder.keys / "callers"
        ensure_keys(keys, ["gateway"])
        channel = open_channel(f"127.0.0.1:{port}", service, Signer("gateway", FolderKeyRing(keys), SystemClock()))
        try:
            answer: admin_pb2.GetStatusResponse = await admin_pb2_grpc.AdminServiceStub(channel).GetStatus(
                admin_pb2.GetStatusRequest(), timeout=5
            )
        finally:
            await channel.close()
        return answer

    async def _spread(self) -> None:
        """Waits until every executor holds its share of the partitions."""

        async def shared_out() -> bool:
            held = []
            for port in self.ports["executor"]:
                try:
                    status = await self._status("executor", port)
                except grpc.aio.AioRpcError:
                    return False
                facts: Any = status.facts["jobs"]
                held.append(int(facts["partitions"]))
            return sum(held) == 32 and max(held) - min(held) <= 1

        async with asyncio.timeout(_READY_PATIENCE):
            while not await shared_out():
                await asyncio.sleep(0.5)

    def _target(self, name: str) -> str:
        return "ipv4:" + ",".join(f"127.0.0.1:{port}" for port in self.ports[name])


def _cpu(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return times.user + times.system


def _jobs_done(log: Path) -> int:
    """How many jobs an executor did, by its log."""
    done = 0
    for line in log.read_text(encoding="utf-8").splitlines():
        if '"job.done"' in line and json.loads(line).get("kind") == "reply":
            done += 1
    return done
