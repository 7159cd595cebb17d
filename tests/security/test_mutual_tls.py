"""A service as a process of its own with mutual TLS: who shows no certificate of the authority's gets nowhere."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from guildhall.admin.v1 import admin_pb2, admin_pb2_grpc

from chassis.caller_keys import FolderKeyRing, ensure_keys
from chassis.caller_signing import Signer
from chassis.clock import SystemClock
from chassis.rpc.channel import open_channel
from chassis.settings.shared import Tls
from chassis.tests.certificates import Authority
from local.paths import ROOT
from tests.support import eventually, free_port

pytestmark = pytest.mark.timeout(90)


@asynccontextmanager
async def ratelimit(folder: Path, redis_url: str, tls: Tls) -> AsyncIterator[tuple[int, int]]:
    """The service; gives its port and that of its health."""
    ensure_keys(folder / "keys", ["gateway", "ratelimit"])
    port, health = free_port(), free_port()
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT / "gen"),
        "REDIS_URL": redis_url,
        "GUILDHALL_CALLERS__KEYS_DIR": str(folder / "keys"),
        "GUILDHALL_RPC__PORTS__RATELIMIT": str(port),
        "GUILDHALL_RPC__HEALTH_PORT": str(health),
        "GUILDHALL_RPC__TLS__CERTIFICATE": str(tls.certificate),
        "GUILDHALL_RPC__TLS__KEY": str(tls.key),
        "GUILDHALL_RPC__TLS__AUTHORITY": str(tls.authority),
        "GUILDHALL_RPC__DRAIN": "0",
    }
    with (folder / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "services.ratelimit", cwd=ROOT, env=environment, stdout=log, stderr=log
        )
    try:
        yield port, health
    finally:
        process.terminate()
        async with asyncio.timeout(20):
            await process.wait()


def issued(authority: Authority, name: str) -> Tls:
    """What a service is given."""
    certificate, key = authority.issue(name)
    return Tls(certificate=certificate, key=key, authority=authority.certificate)


async def test_only_certificates_of_the_authority_get_in(tmp_path: Path, redis_url: str) -> None:
    (tmp_path / "other").mkdir()
    authority, stranger = Authority(tmp_path), Authority(tmp_path / "other", "stranger")
    async with ratelimit(tmp_path, redis_url, issued(authority, "ratelimit")) as (port, health):

        async def ready() -> bool:
            # Probes carry no certificate, so health has a port of its own, and nothing else is served there.
            async with grpc.aio.insecure_channel(f"127.0.0.1:{health}") as channel:
                try:
                    answer = await health_pb2_grpc.HealthStub(channel).Check(  # type: ignore[attr-defined]
                        health_pb2.HealthCheckRequest(), timeout=2
                    )
                except grpc.aio.AioRpcError:
                    return False
                return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)

        await eventually(ready, timeout=40, interval=0.2)
        signer = Signer("gateway", FolderKeyRing(tmp_path / "keys"), SystemClock())

        async def status(tls: Tls, at: int = port) -> grpc.StatusCode:
            channel = open_channel(f"localhost:{at}", "ratelimit", signer, tls=tls)
            try:
                await admin_pb2_grpc.AdminServiceStub(channel).GetStatus(admin_pb2.GetStatusRequest(), timeout=5)
            except grpc.aio.AioRpcError as error:
                return error.code()
            finally:
                await channel.close()
            return grpc.StatusCode.OK

        assert await status(issued(authority, "gateway")) is grpc.StatusCode.OK
        impostor = issued(stranger, "gateway").model_copy(update={"authority": authority.certificate})
        for outsider in (Tls(), impostor, issued(stranger, "gateway2")):
            assert await status(outsider) is grpc.StatusCode.UNAVAILABLE
        assert await status(Tls(), at=health) is grpc.StatusCode.UNIMPLEMENTED
