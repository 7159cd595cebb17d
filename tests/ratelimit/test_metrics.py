"""What operators measure, as it leaves the process: a replica exports to an OTLP receiver, and is read there."""

import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from aiohttp import web
from google.protobuf.duration_pb2 import Duration
from guildhall.ratelimit.v1 import ratelimit_pb2 as pb
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)

from tests.ratelimit.replicas import replicas
from tests.support import eventually
from tests.support.redis_process import RedisProcess

WINDOW = {"algorithm": "sliding_window", "by": ["person"], "window": "1h"}
LIMITS: dict[str, Any] = {
    "policies": {
        "few": WINDOW | {"limit": 2, "on_outage": "share", "share": 0.5},
        "tried": WINDOW | {"limit": 1, "mode": "shadow"},
        "quick": {"algorithm": "token_bucket", "by": ["person"], "capacity": 1, "rate": 20, "per": 1},
        "tokens": {"algorithm": "calendar", "by": ["guild"], "limit": 1000, "period": "day"},
    },
    "groups": {"both": ["few", "tried"]},
}


class Received:
    """The newest export of one process."""

    def __init__(self) -> None:
        self.metrics: dict[str, Any] = {}
        self.exports = 0

    async def export(self, request: web.Request) -> web.Response:
        """The receiving end of OTLP over HTTP."""
        message = ExportMetricsServiceRequest.FromString(await request.read())
        for resource in message.resource_metrics:
            for scope in resource.scope_metrics:
                self.metrics.update({metric.name: metric for metric in scope.metrics})
        self.exports += 1
        return web.Response(
            body=ExportMetricsServiceResponse().SerializeToString(), content_type="application/x-protobuf"
        )

    def _points(self, name: str) -> list[tuple[dict[str, str], Any]]:
        metric = self.metrics.get(f"guildhall.ratelimit.{name}")
        if metric is None:
            return []
        points = getattr(metric, metric.WhichOneof("data")).data_points
        return [({one.key: one.value.string_value for one in point.attributes}, point) for point in points]

    def decisions(self) -> dict[tuple[str, str], int]:
        """By policy and outcome."""
        return {(one["policy"], one["outcome"]): point.as_int for one, point in self._points("decisions")}

    def degraded(self) -> float:
        """Seconds without the store."""
        return float(sum(point.as_double for _, point in self._points("degraded.duration")))

    def histogram(self, name: str, **attributes: str) -> tuple[int, float]:
        """Count and sum."""
        return next(((point.count, point.sum) for one, point in self._points(name) if one == attributes), (0, 0.0))


@contextlib.asynccontextmanager
async def receiver() -> AsyncIterator[tuple[Received, str]]:
    """An OTLP receiver and its address."""
    received = Received()
    application = web.Application()
    application.router.add_post("/v1/metrics", received.export)
    application.router.add_post("/v1/traces", _accept)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        host, port = runner.addresses[0][:2]
        yield received, f"http://{host}:{port}"
    finally:
        await runner.cleanup()


async def _accept(_: web.Request) -> web.Response:
    return web.Response(content_type="application/x-protobuf")


@pytest.fixture
def own_redis() -> Iterator[RedisProcess]:
    server = RedisProcess("--save", "", "--appendonly", "no")
    server.start()
    yield server
    server.close()


def acquire(name: str, **more: Any) -> pb.AcquireRequest:
    return pb.AcquireRequest(subject=pb.Subject(user_id=7, guild_id=1), charges=[pb.Charge(limit=name)], **more)


@pytest.mark.timeout(120)
async def test_decisions_waits_script_time_and_degraded_time_are_exported(
    own_redis: RedisProcess, tmp_path: Path
) -> None:
    configuration = {
        "limits": LIMITS,
        "ratelimit": {"store": {"probe_interval": 0.05}},
        "telemetry": {"metrics_interval": 0.2},
    }
    async with receiver() as (received, address):
        variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": address}
        async with replicas(1, own_redis.url, tmp_path, configuration, variables) as (replica,):
            limits = replica.limits
            answers = [await limits.Acquire(acquire("both"), timeout=10) for _ in range(3)]
            assert [answer.allowed for answer in answers] == [True, True, False]
            reserve = pb.ReserveRequest(
                request_id="turn/1", subject=pb.Subject(guild_id=1), charges=[pb.Charge(limit="tokens", cost=10)]
            )
            held = await limits.Reserve(reserve, timeout=10)
            await limits.Settle(pb.SettleRequest(reservation=held.reservation), timeout=10)
            expected = {
                ("few", "allowed"): 2,
                ("few", "denied"): 1,
                ("tried", "allowed"): 1,
                ("tried", "shadow_denied"): 2,
                ("tokens", "allowed"): 1,
                ("tokens", "settled"): 1,
            }
            await eventually(lambda: received.decisions() == expected, timeout=20)
            count, seconds = received.histogram("script.duration", script="decide")
            assert count == 4
            assert 0 < seconds < 10
            assert received.histogram("script.duration", script="settle")[0] == 1
            assert received.histogram("wait.duration", outcome="allowed") == (0, 0.0)
            assert received.degraded() == 0

            # The second of these is denied at first and waits.
            waited = 0.0
            for _ in range(8):
                answer = await limits.Acquire(acquire("quick", max_wait=Duration(seconds=5)), timeout=10)
                assert answer.allowed
                waited += answer.waited.ToMicroseconds() / 1e6
            assert waited > 0
            await eventually(lambda: received.decisions().get(("quick", "allowed")) == 8, timeout=20)
            count, seconds = received.histogram("wait.duration", outcome="allowed")
            assert 1 <= count <= 8
            assert seconds == pytest.approx(waited, abs=0.001)

            own_redis.kill()
            assert (await limits.Acquire(acquire("few"), timeout=10)).limits[0].degraded
            with pytest.raises(grpc.aio.AioRpcError):
                await limits.Acquire(acquire("quick"), timeout=10)
            await eventually(lambda: received.decisions().get(("few", "degraded_allowed")) == 1, timeout=20)
            first = received.degraded()
            assert first > 0
            await eventually(lambda: received.degraded() > first, timeout=20)

            own_redis.start()

            async def back() -> bool:
                return not (await limits.Acquire(acquire("tried"), timeout=10)).limits[0].degraded

            await eventually(back, timeout=20)
            # It stands still from now on: what two later exports say is the same.
            seen: list[float] = []
            for _ in range(3):
                before = received.exports
                await eventually(lambda before=before: received.exports > before, timeout=20)  # type: ignore[misc]
                seen.append(received.degraded())
            assert seen[1] == seen[2] > first
