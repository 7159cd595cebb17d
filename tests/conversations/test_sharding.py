"""The number of shards changes while people talk: every question is answered, and none twice."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
import redis.asyncio as redis

from sandbox.control.client import SandboxClient
from tests.conversations.sharding import all_answered, asking_on_each, bot_of, sessions, shards_of, there_are
from tests.conversations.talking import MEMBER, Talk
from tests.support import eventually
from tests.support.platform import RunningPlatform

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(loop_scope="session", autouse=True)
async def side_by_side(sandbox: SandboxClient) -> AsyncIterator[None]:
    """Lets shards begin side by side, as Discord does for large bots: five seconds for each would be long."""
    before = (await sandbox.call("GET", "/control/settings"))["max_concurrency"]
    await sandbox.settings(max_concurrency=16)
    yield
    await sandbox.settings(max_concurrency=before)


async def test_the_number_of_shards_changes_while_people_talk(
    talk: Talk, sandbox: SandboxClient, platform: RunningPlatform
) -> None:
    conversation = await talk.ask("Hello")
    await sandbox.reset_counters()
    async with asking_on_each(sandbox, 3) as asking:
        async with shards_of(platform) as shards:
            shards.set(3)
            await there_are(sandbox, 3)
        await there_are(sandbox, 1)
        assert not any(one.unheard for one in asking)
        await all_answered(asking)
    assert (await sandbox.counters())["duplicates"] == []
    # A thread that was opened under another number of shards still is a conversation, also for who starts now.
    await platform.restart("gateway")
    await platform.all_ready()
    await sandbox.say(MEMBER, conversation.thread, "And now?")
    assert len(await talk.answers(conversation.thread, 2)) == 2


async def test_a_gateway_that_is_killed_amid_the_change_goes_on_with_it(
    sandbox: SandboxClient, platform: RunningPlatform
) -> None:
    async with shards_of(platform) as shards, asking_on_each(sandbox) as asking:
        shards.set(2, overlap=5.0)

        bot = await bot_of(sandbox)
        async with redis.Redis(unix_socket_path=str(platform.folder.sockets / "durable.sock")) as store:

            async def side_by_side() -> bool:
                written = [await store.exists(f"gateway:{{{bot}:shard:{shard}/2}}:session") for shard in range(2)]
                return all(written) and await sessions(sandbox) == [(0, 1), (0, 2), (1, 2)]

            await eventually(side_by_side, timeout=40)
        await platform.kill("gateway")
        shards.set(2)
        await there_are(sandbox, 2)
        await all_answered(asking)
    await there_are(sandbox, 1)


async def test_a_number_of_shards_that_discord_refuses_changes_nothing(
    talk: Talk, sandbox: SandboxClient, platform: RunningPlatform
) -> None:
    async with shards_of(platform) as shards:
        shards.set(2, overlap=3.0)
        found: list[str] = []

        async def begun() -> bool:
            known = await sandbox.call("GET", "/control/sessions")
            found[:] = [each["id"] for each in known if each["shard"][1] == 2]
            return bool(found)

        await eventually(begun, timeout=40)
        await sandbox.gateway("close", session=found[0], code=4011)
        log = platform.folder.logs / "gateway.log"
        await eventually(lambda: "the number of shards stays" in log.read_text(), timeout=20)
        assert "raise gateway.shards.count. The shards stay as they were." in log.read_text()
        await there_are(sandbox, 1)
        assert (await talk.ask("Still there?")).message["content"]


async def test_who_takes_a_number_back_at_once_has_the_old_one(
    talk: Talk, sandbox: SandboxClient, platform: RunningPlatform
) -> None:
    async with shards_of(platform) as shards:
        shards.set(3, overlap=5.0)

        async def begun() -> bool:
            return any(count == 3 for _, count in await sessions(sandbox))

        await eventually(begun, timeout=40)
    await there_are(sandbox, 1)
    assert (await talk.ask("Still there?")).message["content"]
