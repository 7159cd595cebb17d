"""The platform with every part behind something that a test can break."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from chassis.settings.shared import SERVICES
from sandbox.control.client import SandboxClient
from tests.e2e.asking import Guild
from tests.support import free_port
from tests.support.cuttable_proxy import CuttableProxy
from tests.support.platform import RunningPlatform
from tests.support.postgres import PostgresProcess, postgres_bin
from tests.support.redis_process import RedisProcess

UNWELL_AFTER = 10.0
"""Seconds that a part is away until log channels are told."""


@dataclass
class Stage:
    """Everything that can be broken."""

    platform: RunningPlatform
    sandbox: SandboxClient
    proxies: dict[str, CuttableProxy]
    stores: dict[str, RedisProcess]
    postgres: PostgresProcess | None
    log_channel: str
    guild: Guild


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    """The running platform."""
    if not os.environ.get("GUILDHALL_TEST_FAULTS"):
        pytest.skip("faults under load are tried by `make test-faults` only")
    async with AsyncExitStack() as stack:
        stores = {
            "durable": RedisProcess("--appendonly", "yes", "--appendfsync", "always", "--save", ""),
            "limits": RedisProcess("--appendonly", "yes", "--appendfsync", "everysec", "--save", ""),
        }
        for store in stores.values():
            stack.callback(store.close)
            store.start()
        ports = {name: free_port() for name in SERVICES}
        proxies = {name: CuttableProxy(port) for name, port in ports.items()}
        proxies |= {name: CuttableProxy(store.port) for name, store in stores.items()}
        for proxy in proxies.values():
            stack.push_async_callback(proxy.stop)
            await proxy.start()
        postgres = _postgres(stack)
        environment = {
            **{f"{name.upper()}_PORT": str(port) for name, port in ports.items()},
            **{f"GUILDHALL_RPC__ADDRESSES__{name.upper()}": f"127.0.0.1:{proxies[name].port}" for name in SERVICES},
            "REDIS_DURABLE_URL": f"redis://127.0.0.1:{proxies['durable'].port}/0",
            "REDIS_LIMITS_URL": f"redis://127.0.0.1:{proxies['limits'].port}/0",
            "REDIS_CACHE_URL": f"redis://127.0.0.1:{proxies['limits'].port}/1",
            # Quicker than in earnest, so that a test need not wait for minutes.
            "GUILDHALL_RPC__KEEPALIVE": "5",
            "GUILDHALL_EXECUTOR__HEALTH__INTERVAL_SECONDS": "1",
            "GUILDHALL_EXECUTOR__HEALTH__UNWELL_AFTER_SECONDS": str(UNWELL_AFTER),
            "GUILDHALL_EXECUTOR__HEALTH__WELL_AFTER_SECONDS": "2",
            "GUILDHALL_EXECUTOR__HEALTH__POST_PAUSE_SECONDS": "1",
            "GUILDHALL_EXECUTOR__HEALTH__LOOK_TIMEOUT_SECONDS": "1",
        }
        if postgres is not None:
            environment["DATABASE_URL"] = await asyncio.to_thread(postgres.new_database)
        folder = tmp_path_factory.mktemp("faults")
        platform = await stack.enter_async_context(RunningPlatform(folder, environment))
        sandbox = await stack.enter_async_context(SandboxClient(platform.page, platform.control_token))
        await sandbox.model_rule(tokens=20, tokens_per_second=20)
        guild = await Guild.joined(sandbox)
        yield Stage(platform, sandbox, proxies, stores, postgres, await _log_channel(sandbox), guild)


def _postgres(stack: AsyncExitStack) -> PostgresProcess | None:
    binaries = postgres_bin()
    if binaries is None:
        return None
    # Not in pytest's own folder, which it closes to other users each time that it starts.
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="guildhall-postgres-", ignore_cleanup_errors=True))
    Path(folder).chmod(0o755)
    server = PostgresProcess(Path(folder), binaries, durable=True)
    server.start()
    stack.callback(server.stop)
    return server


async def _log_channel(sandbox: SandboxClient) -> str:
    """A channel of the seeded guild's that its owner made the log channel."""
    (guild, *_) = await sandbox.call("GET", "/control/as/owner/guilds")
    channel = await sandbox.rest("owner", "POST", f"/guilds/{guild['id']}/channels", {"name": "log", "type": 0})
    used = await sandbox.command("owner", "general", "setup", {"log_channel": channel["id"]})
    assert used["state"] == "acknowledged", used
    return str(channel["id"])
