"""People who ask all the time, and what became of each question.

Each question is a new member's. It is taken on (acknowledged in public, and then it must be answered exactly once), or
refused with a private sentence, or Discord says that the application did not respond.

A channel takes only so many new threads in five minutes, so each load has channels of its own and asks in them in turn:
otherwise a load would wait for what an earlier one used up.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sandbox.control.client import Refused, SandboxClient
from tests.e2e.asking import Guild

ANSWERED_WITHIN = 90.0
_CHANNELS = 3


@dataclass
class Load:
    """Questions at a steady pace until it is stopped."""

    sandbox: SandboxClient
    every: float = 0.5
    taken: list[str] = field(default_factory=list)
    """The messages of the questions that were taken on."""
    told: list[str] = field(default_factory=list)
    """The private sentences of those that were refused."""
    unheard: int = 0
    """Questions that nobody acknowledged in time."""

    async def __aenter__(self) -> Load:
        self._stopping = asyncio.Event()
        self._channels: Iterator[str] = itertools.cycle([await self._new_channel() for _ in range(_CHANNELS)])
        self._asking = asyncio.create_task(self._ask_on())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stopping.set()
        await self._asking

    async def answered(self) -> None:
        """Return once each question that was taken on has its one answer; AssertionError where one has none or two."""
        guild = await Guild.joined(self.sandbox)
        counts = await asyncio.gather(*(self._answers(guild, message) for message in self.taken))
        assert counts == [1] * len(self.taken), counts
        assert (await self.sandbox.counters())["duplicates"] == []

    async def _answers(self, guild: Guild, message: str) -> int:
        try:
            thread = await self.sandbox.wait("thread", message=message, timeout=ANSWERED_WITHIN)
            await guild.answers_in(thread["thread"]["id"], timeout=ANSWERED_WITHIN)
        except Refused as refused:
            if refused.status != 408:
                raise
            return 0
        return len([m for m in await guild.said_in(message) if m["author"]["id"] == await guild.bot_id()])

    async def _new_channel(self) -> str:
        (guild, *_) = await self.sandbox.call("GET", "/control/as/owner/guilds")
        made = await self.sandbox.rest("owner", "POST", f"/guilds/{guild['id']}/channels", {"name": "load", "type": 0})
        return str(made["id"])

    async def _ask_on(self) -> None:
        async with asyncio.TaskGroup() as group:
            while not self._stopping.is_set():
                group.create_task(self._ask())
                try:
                    async with asyncio.timeout(self.every):
                        await self._stopping.wait()
                except TimeoutError:
                    continue

    async def _ask(self) -> None:
        guild, channel = await Guild.joined(self.sandbox), next(self._channels)
        try:
            used: dict[str, Any] = await self.sandbox.command(guild.me, channel, "ask", {"prompt": "Are you there?"})
        except Refused:
            self.unheard += 1  # No session of the bot's is there to hear it.
            return
        if used["state"] != "acknowledged":
            self.unheard += 1
        elif used["ephemeral"]:
            found = await self.sandbox.wait(
                "message", as_=guild.me, channel=channel, id=used["message_id"], settled=True, timeout=30
            )
            self.told.append(str(found["messages"][0]["content"]))
        else:
            self.taken.append(str(used["message_id"]))
