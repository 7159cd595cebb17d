"""Every panel's and every alert's query, asked of Debian's Prometheus while the platform runs: none may be empty.

What an alert compares is asked for as well as the comparison, since an alert that is silent because all is well looks
like one that asks for something that does not exist.
"""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass

import grpc
import pytest
import pytest_asyncio
from google.protobuf.duration_pb2 import Duration
from guildhall.board.v1 import request_pb2, request_pb2_grpc
from guildhall.ratelimit.v1 import ratelimit_pb2, ratelimit_pb2_grpc

from chassis.caller import Person, acting_for
from chassis.caller_keys import FolderKeyRing
from chassis.caller_signing import Signer
from chassis.clock import SystemClock
from chassis.rpc.channel import Channel, open_channel
from sandbox.control.client import SandboxClient
from tests.e2e.asking import Guild
from tests.observability.exposition import Exposition
from tests.observability.prometheus import Prometheus
from tests.observability.test_rules import RULES, queries, rules
from tests.support import eventually, free_port
from tests.support.platform import RunningPlatform

pytestmark = [
    pytest.mark.skipif(shutil.which("prometheus") is None, reason="Prometheus (Debian's package) is not installed"),
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(240),
]
COMPARISON = re.compile(r"(?<![=!<>])([<>])(?!=|\s*bool)")


@dataclass
class Run:
    """A platform that was used in every way that a query asks about."""

    prometheus: Prometheus
    sandbox: SandboxClient


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def run(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Run]:
    """It, with everything exported and scraped each second."""
    ports = {name: free_port() for name in ("sandbox", "board", "ratelimit")}
    async with AsyncExitStack() as stack:
        exposition = Exposition(f"http://127.0.0.1:{ports['sandbox']}")
        await exposition.start()
        stack.push_async_callback(exposition.stop)
        folder = tmp_path_factory.mktemp("platform")
        environment = {
            **{f"{name.upper()}_PORT": str(port) for name, port in ports.items()},
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{exposition.port}",
            "GUILDHALL_TELEMETRY__METRICS_INTERVAL": "1",
            "GUILDHALL_REDIS__MEMORY_INTERVAL": "2",
            "GUILDHALL_EXECUTOR__JOBS__MEASURE_SECONDS": "1",
            # Two a second, so that somebody waits in a fair queue.
            "GUILDHALL_LIMITS__POLICIES__SLOW": (
                '{"algorithm": "token_bucket", "by": ["person"], "capacity": 1, "rate": 2, "per": 1}'
            ),
        }
        platform = await stack.enter_async_context(RunningPlatform(folder, environment))
        sandbox = await stack.enter_async_context(SandboxClient(platform.page, platform.control_token))
        place = tmp_path_factory.mktemp("prometheus")
        prometheus = await stack.enter_async_context(Prometheus(place, exposition.port, RULES))
        for _ in range(2):  # a rate takes two looks at a counter that has moved
            await use(platform, sandbox, ports)
        yield Run(prometheus, sandbox)


async def use(platform: RunningPlatform, sandbox: SandboxClient, ports: dict[str, int]) -> None:
    """Questions, a repeated one, errors of each kind, a wait in a queue, and a store that is away for a moment."""
    guild = await Guild.joined(sandbox)
    await sandbox.call("DELETE", "/control/faults")
    await sandbox.fault("status", status=502, times=2, method="PATCH")
    for prompt in ("What is a guild?", "What is a guild?", "And a hall?"):
        asked = await guild.ask(prompt)
        await guild.answers_in((await guild.thread_of(asked))["id"], timeout=60)
    used = await sandbox.command(guild.me, "general", "character remove", {"character": "Nobody of that name"})
    assert used["ephemeral"], used
    keys = platform.folder.keys / "callers"
    signer = Signer("gateway", FolderKeyRing(keys), SystemClock())
    with acting_for(Person(user_id=1, guild_id=2)):
        limits = open_channel(f"127.0.0.1:{ports['ratelimit']}", "ratelimit", signer)
        board = open_channel(f"127.0.0.1:{ports['board']}", "board", signer)
        for _ in range(4):
            request = ratelimit_pb2.AcquireRequest(
                subject=ratelimit_pb2.Subject(user_id=1),
                charges=[ratelimit_pb2.Charge(limit="slow")],
                max_wait=Duration(seconds=5),
            )
            await ratelimit_pb2_grpc.RateLimitServiceStub(limits).Acquire(request, timeout=10)
        await _times_out(board)
        await limits.close()
        await board.close()
    await platform.kill("redis-limits")
    await platform.all_ready()


async def _times_out(board: Channel) -> None:
    """A call that fails by the server's fault: its time is over before it can be done."""
    stub = request_pb2_grpc.RequestServiceStub(board)
    request = request_pb2.ListRequestsRequest(guild_id=2)
    for _ in range(20):
        try:
            await stub.ListRequests(request, timeout=0.0005)
        except grpc.aio.AioRpcError as error:
            assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED


def operands(expression: str) -> list[str]:
    """What a query is made of that must exist: without comparisons that hide it, and both sides of an `unless`."""
    shown = COMPARISON.sub(r"\1 bool", re.sub(r"offset \w+", "offset 2s", expression))
    return [side.strip() for side in shown.replace("$__rate_interval", "1m").split(" unless ")]


@pytest.mark.parametrize("expression", sorted(set(queries())))
async def test_a_query_gives_something(run: Run, expression: str) -> None:
    for operand in operands(expression):

        async def found(operand: str = operand) -> bool:
            return any(row["value"][1] != "NaN" for row in await run.prometheus.query(operand))

        await eventually(found, timeout=30, interval=0.5)


async def test_prometheus_evaluates_every_rule(run: Run) -> None:
    names = {rule.get("alert") or rule.get("record") for rule in rules()}

    async def all_well() -> bool:
        seen = {rule["name"]: rule["health"] for rule in await run.prometheus.rules()}
        return set(seen) == names and set(seen.values()) == {"ok"}

    await eventually(all_well, timeout=30, interval=0.5)


async def test_an_exemplar_leads_to_its_trace(run: Run) -> None:
    now = time.time()
    found = await run.prometheus.exemplars("rpc_server_call_duration_seconds_bucket", now - 300, now + 5)
    ids = {exemplar["labels"]["trace_id"] for series in found for exemplar in series["exemplars"]}
    kept = {trace["trace_id"] for trace in await run.sandbox.traces(limit=200)}
    assert ids & kept
