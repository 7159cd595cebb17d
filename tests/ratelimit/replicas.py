"""Replicas of ratelimit as processes of their own, and Redis servers for them."""

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import redis
import yaml
from guildhall.ratelimit.v1 import discord_pb2_grpc, ratelimit_pb2_grpc

from chassis.caller_keys import FolderKeyRing
from chassis.caller_signing import Signer
from chassis.clock import SystemClock
from chassis.rpc.channel import Channel, open_channel
from tests.support import eventually, free_port
from tests.support.redis_process import RedisProcess


@dataclass
class Replica:
    """One process of the service, and a channel to it."""

    process: "subprocess.Popen[bytes]"
    channel: Channel

    @property
    def limits(self) -> ratelimit_pb2_grpc.RateLimitServiceStub:
        """The contract for people's limits."""
        return ratelimit_pb2_grpc.RateLimitServiceStub(self.channel)

    @property
    def discord(self) -> discord_pb2_grpc.DiscordLimitServiceStub:
        """The contract for Discord's limits."""
        return discord_pb2_grpc.DiscordLimitServiceStub(self.channel)

    def kill(self) -> None:
        """Ends it as `kill -9` does."""
        self.process.kill()
        self.process.wait()


def _start(environment: dict[str, str]) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-m", "services.ratelimit"], env=environment)


@contextlib.asynccontextmanager
async def replicas(
    number: int, url: str, folder: Path, configuration: dict[str, Any], variables: dict[str, str] | None = None
) -> AsyncIterator[list[Replica]]:
    """So many replicas that share one store, all answering."""
    for service in ("gateway", "executor", "ratelimit"):
        (folder / f"{service}.key").write_text(os.urandom(32).hex())
    (folder / "guildhall.yaml").write_text(yaml.safe_dump({"logging": {"level": "error"}} | configuration))
    signer = Signer("gateway", FolderKeyRing(folder), SystemClock())
    started: list[Replica] = []
    try:
        for _ in range(number):
            port = free_port()
            environment = os.environ | {
                "GUILDHALL_CONFIG": str(folder / "guildhall.yaml"),
                "GUILDHALL_CALLERS__KEYS_DIR": str(folder),
                "GUILDHALL_RPC__PORTS__RATELIMIT": str(port),
                "GUILDHALL_RPC__DRAIN": "0",
                "REDIS_URL": url,
                **(variables or {}),
            }
            process = _start(environment)
            started.append(Replica(process, open_channel(f"127.0.0.1:{port}", "ratelimit", signer)))
        for replica in started:
            async with asyncio.timeout(60):
                await replica.channel.channel_ready()
        yield started
    finally:
        for replica in started:
            with contextlib.suppress(grpc.aio.UsageError):
                await replica.channel.close()
            replica.process.terminate()
        for replica in started:
            replica.process.wait(30)


@contextlib.asynccontextmanager
async def redis_cluster(nodes: int = 3) -> AsyncIterator[list[RedisProcess]]:
    """A Redis Cluster of masters that share all slots."""
    options = ("--save", "", "--appendonly", "no", "--cluster-enabled", "yes", "--cluster-node-timeout", "2000")
    servers: list[RedisProcess] = []
    clients: list[Any] = []
    try:
        while len(servers) < nodes:
            server = RedisProcess(*options)
            # The nodes' own port is 10,000 higher, and has to be one too.
            if server.port <= 55_535:
                servers.append(server)
            else:
                server.close()
        for index, server in enumerate(servers):
            server.start()
            client: Any = redis.Redis.from_url(server.url, decode_responses=True)
            clients.append(client)
            client.execute_command("CLUSTER", "ADDSLOTSRANGE", 16384 * index // nodes, 16384 * (index + 1) // nodes - 1)
            client.execute_command("CLUSTER", "SET-CONFIG-EPOCH", index + 1)
        for server in servers[1:]:
            clients[0].execute_command("CLUSTER", "MEET", "127.0.0.1", server.port)

        def joined() -> bool:
            infos = [client.execute_command("CLUSTER", "INFO") for client in clients]
            return all("cluster_state:ok" in info and f"cluster_known_nodes:{nodes}" in info for info in infos)

        await eventually(joined, timeout=30)
        yield servers
    finally:
        for client in clients:
            client.close()
        for server in servers:
            server.close()
