"""Each shard in a process of its own, as in a cluster: their number grows and shrinks, and nothing is lost."""

from __future__ import annotations

import os
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from local.paths import ROOT
from sandbox.control.client import SandboxClient
from tests.conversations.conftest import PATIENT, configuration
from tests.conversations.sharding import ShardCount, all_answered, asking_on_each, there_are
from tests.support.platform import RunningPlatform
from tests.support.service_process import ServiceProcess

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.timeout(240),
    pytest.mark.skipif(
        not os.environ.get("GUILDHALL_TEST_FAULTS"), reason="shards by process are tried by `make test-faults` only"
    ),
]


class Gateways:
    """Gateways of one shard each beside the platform's own, which has the first. Use as an async context manager."""

    def __init__(self, platform: RunningPlatform) -> None:
        self._platform = platform
        self._processes: dict[int, ServiceProcess] = {}

    async def __aenter__(self) -> Gateways:
        pid = (await self._platform.pids())["gateway"]
        raw = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        self._environment = dict(line.decode().partition("=")[::2] for line in raw if line)
        return self

    async def __aexit__(self, *_: object) -> None:
        for shard in tuple(self._processes):
            await self.end(shard)

    async def begin(self, shard: int) -> None:
        """Starts the gateway of a shard."""
        own = {f"GUILDHALL_GATEWAY__SHARDS__{end}": str(shard) for end in ("FIRST", "LAST")}
        environment = {**self._environment, **own, "GUILDHALL_RPC__PORTS__GATEWAY": "0"}
        self._processes[shard] = ServiceProcess("gateway", environment)
        await self._processes[shard].start()

    async def end(self, shard: int) -> None:
        """Stops it as a pod is stopped."""
        await self._processes.pop(shard).end()


async def test_processes_of_one_shard_each_become_more_and_fewer(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "guildhall.yaml").write_text((ROOT / "guildhall.yaml").read_text())
    environment = PATIENT | {
        "GUILDHALL_CONFIG": str(folder / "guildhall.yaml"),
        "GUILDHALL_GATEWAY__SHARDS__FIRST": "0",
        "GUILDHALL_GATEWAY__SHARDS__LAST": "0",
    }
    async with AsyncExitStack() as stack:
        platform = RunningPlatform(folder, environment)
        shards = ShardCount(platform, configuration(platform).read_text())
        shards.set(2)
        await stack.enter_async_context(platform)
        sandbox = await stack.enter_async_context(SandboxClient(platform.page, platform.control_token))
        await sandbox.settings(max_concurrency=16)
        gateways = await stack.enter_async_context(Gateways(platform))
        await gateways.begin(1)
        await there_are(sandbox, 2)
        asking = await stack.enter_async_context(asking_on_each(sandbox))
        # As a StatefulSet that grows: the new pod first, then the others.
        shards.set(3)
        await gateways.begin(2)
        await there_are(sandbox, 3)
        assert not any(one.unheard for one in asking)
        # As one that shrinks: the last pod goes before the others are told, and those start anew.
        await gateways.end(2)
        shards.set(2)
        await gateways.end(1)
        await gateways.begin(1)
        await platform.restart("gateway")
        await platform.all_ready()
        await there_are(sandbox, 2)
        await all_answered(asking)
        assert (await sandbox.counters())["duplicates"] == []
