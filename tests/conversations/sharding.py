"""Shards: servers on each of them, how many there are, and people who ask in each server while that changes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from sandbox.control.client import Refused, SandboxClient
from tests.conversations.conftest import configuration
from tests.conversations.talking import OWNER, Talk
from tests.support import eventually
from tests.support.platform import RunningPlatform

_EVERY = 0.25
_CHANNELS = 3
"""A channel takes only so many new threads in a while."""


def shard_of(guild: dict[str, Any], count: int = 2) -> int:
    """Which of so many shards a server belongs to: https://discord.com/developers/docs/events/gateway#sharding"""
    return (int(guild["id"]) >> 22) % count


async def guild_on_each(sandbox: SandboxClient, count: int = 2) -> dict[int, dict[str, Any]]:
    """A server of the owner's on each of so many shards, with the bot in it, by shard."""
    guilds = {shard_of(each, count): each for each in await sandbox.call("GET", "/control/as/owner/guilds")}
    while guilds.keys() != set(range(count)):
        # Which shard a server falls to hangs on the millisecond in which it is made.
        made = await sandbox.call("POST", "/control/as/owner/guilds", {"name": "Elsewhere", "bots": True})
        guilds.setdefault(shard_of(made, count), made)
    return guilds


def channel_of(guild: dict[str, Any]) -> str:
    """A text channel of a server."""
    return next(str(each["id"]) for each in guild["channels"] if each["type"] == 0)


class Asking:
    """People who ask all the time, by command and by mention in turn. Use as an async context manager."""

    def __init__(self, talk: Talk, bot: str, person: str) -> None:
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


class ShardCount:
    """How many shards the configuration of a platform asks for."""

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
async def shards_of(platform: RunningPlatform) -> AsyncIterator[ShardCount]:
    """Sets the number of shards in the configuration, which is as it was afterwards."""
    file = configuration(platform)
    before = file.read_text()
    count = ShardCount(platform, before)
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


@asynccontextmanager
async def asking_on_each(sandbox: SandboxClient, count: int = 2) -> AsyncIterator[list[Asking]]:
    """Somebody asks all the time on each of so many shards."""
    bot = await bot_of(sandbox)
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(Asking(Talk(sandbox, str(guild["id"]), ""), bot, OWNER))
            for guild in (await guild_on_each(sandbox, count)).values()
        ]


async def all_answered(asking: list[Asking]) -> None:
    """Returns once nobody asks any more and each question has its one answer."""
    for one in asking:
        await one.stop()
    for one in asking:
        assert one.opened_from
        await one.answered()
