"""Two gateways, each with a shard of its own: everybody is answered by the one that their server belongs to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from sandbox.control.client import SandboxClient
from tests.conversations.conftest import PATIENT
from tests.conversations.sharding import channel_of, guild_on_each
from tests.conversations.talking import OWNER, Talk
from tests.support.platform import RunningPlatform
from tests.support.service_process import ServiceProcess

pytestmark = pytest.mark.asyncio(loop_scope="session")


@asynccontextmanager
async def second_gateway(running: RunningPlatform) -> AsyncIterator[None]:
    """Another gateway beside the platform's own, for the second of two shards."""
    pid = (await running.pids())["gateway"]
    raw = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    environment = dict(line.decode().partition("=")[::2] for line in raw if line)
    environment |= {
        "GUILDHALL_GATEWAY__SHARDS__FIRST": "1",
        "GUILDHALL_GATEWAY__SHARDS__LAST": "1",
        "GUILDHALL_RPC__PORTS__GATEWAY": "0",
    }
    gateway = ServiceProcess("gateway", environment)
    await gateway.start()
    try:
        yield
    finally:
        await gateway.end()


async def test_each_gateway_answers_the_servers_of_its_shard(tmp_path: Path) -> None:
    environment = PATIENT | {
        "GUILDHALL_GATEWAY__SHARDS__COUNT": "2",
        "GUILDHALL_GATEWAY__SHARDS__FIRST": "0",
        "GUILDHALL_GATEWAY__SHARDS__LAST": "0",
    }
    async with (
        RunningPlatform(tmp_path / "run", environment) as running,
        SandboxClient(running.page, running.control_token) as sandbox,
    ):
        async with second_gateway(running):
            await sandbox.wait("session", count=2, timeout=40)
            sessions = await sandbox.call("GET", "/control/sessions")
            assert sorted(each["shard"] for each in sessions) == [[0, 2], [1, 2]]
            guilds = await guild_on_each(sandbox)
            for guild in guilds.values():
                talk = Talk(sandbox, guild["id"], channel_of(guild))
                answered = await talk.ask("Remember the word lighthouse.", OWNER)
                await sandbox.say(OWNER, answered.thread, "Which word did I ask you to remember?")
                assert "lighthouse" in (await talk.answers(answered.thread, 2))[-1]["content"].lower()
        # Without the second one its shard is silent, and the first one's goes on.
        silent = await sandbox.command(OWNER, channel_of(guilds[1]), "help", wait=1.0)
        assert silent["state"] != "acknowledged"
        heard = await sandbox.command(OWNER, channel_of(guilds[0]), "help")
        assert heard["state"] == "acknowledged"
