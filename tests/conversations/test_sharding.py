"""The number of shards changes while people talk: every question is answered, and none twice."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio
import redis.asyncio as redis

from local.paths import ROOT
from sandbox.control.client import Refused, SandboxClient
from tests.conversations.conftest import PATIENT, configuration
from tests.conversations.talking import MEMBER, OWNER, Talk
from tests.support import eventually
from tests.support.platform import RunningPlatform

pytestmark = pytest.mark.asyncio(loop_scope="session")
_EVERY = 0.25
_CHANNELS = 3
"""A channel takes only so many new threads in a while."""


class Asking:
    """People who ask all the time, by command and by mention in turn. Use as an async context manager."""

    def __init__(self, talk: Talk, bot: str, person: str = MEMBER) -> None:
        self._talk = talk
        self._person = person
        self._bot = bot
        self._channels: list[str] = []
        self._asking: asyncio.Task[None] | None = None
        self.opened_from: list[str] = []
        """The messages from which the threads of the answers are opened."""
        self.unheard = 0
        """Commands that came when no gateway ran, which Discord does not repeat."""

    async def __aenter__(self) -> Asking:
        for _ in range(_CHANNELS):
            path = f"/guilds/{self._talk.guild}/channels"
            made = await self._talk.sandbox.rest(OWNER, "POST", path, {"name": "sharding", "type": 0})
            self._channels.append(str(made["id"]))
        self._asking = asyncio.create_task(self._ask_on())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def stop(self) -> None:
        """Asks nothing more."""
        assert self._asking is not None
        self._asking.cancel()
        await asyncio.gather(self._asking, return_exceptions=True)

    async def _ask_on(self) -> None:
        number = 0
        while True:
            number += 1
            await self._one(number, self._channels[number % _CHANNELS])
            await asyncio.sleep(_EVERY)

    async def _one(self, number: int, channel: str) -> None:
        sandbox = self._talk.sandbox
        if number % 2:
            said = await sandbox.say(self._person, channel, f"<@{self._bot}> Question {number}?")
            self.opened_from.append(said["id"])
            return
        try:
            used = await sandbox.command(self._person, channel, "ask", {"prompt": f"Question {number}?"})
        except Refused:
            self.unheard += 1
            return
        if used["state"] != "acknowledged":
            self.unheard += 1
            return
        assert not used["ephemeral"], used
        self.opened_from.append(used["message_id"])

    async def answered(self) -> None:
        """Returns once each question has its one answer."""
        counts = await asyncio.gather(*map(self._answers, self.opened_from))
        assert counts == [1] * len(self.opened_from), counts

    async def _answers(self, message: str) -> int:
        thread = await self._talk.thread(message)
        await self._talk.answers(thread, timeout=60)
        said = await self._talk.sandbox.messages(OWNER, thread, limit=100)
        return sum(each["author"]["id"] == self._bot and each["type"] == 0 for each in said)


class _Count:
    def __init__(self, platform: RunningPlatform, text: str) -> None:
        self._file = configuration(platform)
        self._text = text

    def write(self, text: str) -> None:
        """As an editor does it."""
        beside = self._file.with_suffix(".new")
        beside.write_text(text)
        beside.replace(self._file)

    def set(self, count: int, *, overlap: float = 0.5) -> None:
        """Has so many shards."""
        shards = json.dumps({"count": count, "overlap": overlap})
        self.write(f"{self._text}\ngateway:\n  shards: {shards}\n")


@asynccontextmanager
async def shards_of(platform: RunningPlatform) -> AsyncIterator[_Count]:
    """Sets the number of shards in the configuration, which is as it was afterwards."""
    file = configuration(platform)
    before = file.read_text()
    count = _Count(platform, before)
    try:
        yield count
    finally:
        count.write(before)


async def sessions(sandbox: SandboxClient) -> list[tuple[int, int]]:
    """The shards of the sessions that can be resumed or are connected."""
    return sorted(tuple(each["shard"]) for each in await sandbox.call("GET", "/control/sessions"))


async def there_are(sandbox: SandboxClient, count: int) -> None:
    """Returns once the sessions are those of so many shards, and no others."""
    wanted = [(number, count) for number in range(count)]

    async def so() -> bool:
        assert await sessions(sandbox) == wanted
        return True

    await eventually(so, timeout=40, interval=0.1)


async def bot_of(sandbox: SandboxClient) -> str:
    """The bot's user id."""
    people = await sandbox.call("GET", "/control/people")
    return str(next(person["id"] for person in people if person["bot"]))


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
    async with Asking(talk, await bot_of(sandbox)) as asking:
        async with shards_of(platform) as shards:
            shards.set(3)
            await there_are(sandbox, 3)
        await there_are(sandbox, 1)
        assert asking.unheard == 0
    await asking.answered()
    assert (await sandbox.counters())["duplicates"] == []
    # A thread that was opened under another number of shards still is a conversation, also for who starts now.
    await platform.restart("gateway")
    await platform.all_ready()
    await sandbox.say(MEMBER, conversation.thread, "And now?")
    assert len(await talk.answers(conversation.thread, 2)) == 2


async def test_a_gateway_that_is_killed_amid_the_change_goes_on_with_it(
    talk: Talk, sandbox: SandboxClient, platform: RunningPlatform
) -> None:
    async with shards_of(platform) as shards, Asking(talk, await bot_of(sandbox)) as asking:
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
    await asking.answered()
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


class Gateways:
    """Gateways of one shard each beside the platform's own, which has the first. Use as an async context manager."""

    def __init__(self, platform: RunningPlatform) -> None:
        self._platform = platform
        self._processes: dict[int, asyncio.subprocess.Process] = {}

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
        self._processes[shard] = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "services.gateway",
            env={**self._environment, **own, "GUILDHALL_RPC__PORTS__GATEWAY": "0"},
            cwd=ROOT,
            stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip

    async def end(self, shard: int) -> None:
        """Stops it as a pod is stopped."""
        process = self._processes.pop(shard)
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0


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
        shards = _Count(platform, configuration(platform).read_text())
        shards.set(2)
        await stack.enter_async_context(platform)
        sandbox = await stack.enter_async_context(SandboxClient(platform.page, platform.control_token))
        await sandbox.settings(max_concurrency=16)
        gateways = await stack.enter_async_context(Gateways(platform))
        await gateways.begin(1)
        await there_are(sandbox, 2)
        asking = [
            await stack.enter_async_context(Asking(Talk(sandbox, guild["id"], ""), await bot_of(sandbox), OWNER))
            for guild in await sandbox.call("GET", "/control/as/owner/guilds")
        ]
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
        for one in asking:
            await one.stop()
            await one.answered()
        assert (await sandbox.counters())["duplicates"] == []
