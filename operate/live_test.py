"""`make live-test GUILD=<id>`: the main flows in a real guild, through the platform that runs here, cleaned up after.

A bot can't press another bot's buttons, so the test stands where gateway stands: it hands executor what gateway would
hand it, signed with gateway's own key, and reads with the bot's own token what came of it in Discord. The guild has to
be marked for it by a text channel named `guildhall-live-test`; everything that is made begins with a name of its own
and is deleted at the end, whatever happened.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
from guildhall.admin.v1 import admin_pb2, admin_pb2_grpc
from guildhall.executor.v1 import plan_pb2, plan_pb2_grpc, reply_pb2, reply_pb2_grpc

from chassis.caller import Person, acting_for
from chassis.caller_keys import FolderKeyRing
from chassis.caller_signing import Signer
from chassis.clock import SystemClock
from chassis.ids import new_id
from chassis.rpc.channel import Channel, open_channel
from local.output import say
from local.paths import run_folder
from local.platform import Platform, operators_environment
from local.problems import Problem
from views.custom_id import encode
from views.reply_controls import REGENERATE

MARK = "guildhall-live-test"
DISCORD = "https://discord.com/api/v10"
_ALL_PERMISSIONS = (1 << 53) - 1
_DONE = encode(REGENERATE)
_PATIENCE, _PAUSE = 120.0, 1.0
_TEXT_CHANNEL = 0


class Failed(Exception):
    """A flow did not do what it should; the message says which and what was seen."""


class Discord:
    """Discord's REST API with the bot's own token; waits where it is told to."""

    def __init__(self, session: aiohttp.ClientSession, base: str, token: str) -> None:
        self._session = session
        self._base = base.rstrip("/")
        self._headers = {"Authorization": f"Bot {token}", "X-Audit-Log-Reason": "make live-test"}

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        """One call; None for an answer without a body. Failed for a refusal."""
        while True:
            async with self._session.request(method, f"{self._base}{path}", json=body, headers=self._headers) as answer:
                content = await answer.json() if answer.content_type == "application/json" else None
                if answer.status == 429:
                    await asyncio.sleep(float((content or {}).get("retry_after", 1.0)))
                    continue
                if answer.status >= 400:
                    raise Failed(f"{method} {path}: Discord answers {answer.status} {content}")
                return content


class LiveTest:
    """One run in one guild."""

    def __init__(self, discord: Discord, guild_id: int, platform: Platform) -> None:
        self._discord = discord
        self._guild_id = guild_id
        self._platform = platform
        self._signer = Signer("gateway", FolderKeyRing(platform.folder.keys / "callers"), SystemClock())
        self._name = f"live-{new_id()[-8:].lower()}"
        self._channel = 0
        self._person = Person(user_id=0)

    async def run(self) -> None:
        """Checks the mark, goes through every flow and cleans up. Raises Failed."""
        guild = await self._discord.call("GET", f"/guilds/{self._guild_id}")
        channels = await self._discord.call("GET", f"/guilds/{self._guild_id}/channels")
        if not any(one["name"] == MARK and one["type"] == _TEXT_CHANNEL for one in channels):
            raise Failed(f"{guild['name']} is not marked for this: it has no text channel named {MARK}")
        self._person = Person(
            user_id=int(guild["owner_id"]), guild_id=self._guild_id, permissions=_ALL_PERMISSIONS, display_name="owner"
        )
        try:
            made = await self._discord.call(
                "POST", f"/guilds/{self._guild_id}/channels", {"name": self._name, "type": 0}
            )
            self._channel = int(made["id"])
            for name, flow in (
                ("gateway is connected and its commands are known", self._gateway),
                ("a question is answered in a thread, and the next one too", self._question),
                ("a plan is made, run and undone", self._plan),
            ):
                began = time.monotonic()
                with acting_for(self._person):
                    await flow()
                say(f"  {name} ({time.monotonic() - began:.1f} s)")
        finally:
            await self._clean_up()

    async def _gateway(self) -> None:
        async with self._service("gateway") as channel:
            stub = admin_pb2_grpc.AdminServiceStub(channel)
            status = await stub.GetStatus(admin_pb2.GetStatusRequest(), timeout=5)
        discord: Any = status.facts["discord"]
        shards = list(discord["shards"])
        if not shards or not all(shard["connected"] for shard in shards):
            raise Failed("not every shard is connected")
        application = await self._discord.call("GET", "/applications/@me")
        commands = await self._discord.call("GET", f"/applications/{application['id']}/commands")
        if "ask" not in {command["name"] for command in commands}:
            raise Failed("Discord does not know the bot's commands")

    async def _question(self) -> None:
        async with self._service("executor") as channel:
            replies = reply_pb2_grpc.ReplyServiceStub(channel)
            question = await self._say(self._channel, "What is a guild?")
            await replies.SubmitReply(self._asked(question, self._channel, "What is a guild?"), timeout=5)
            # A thread that was opened from a message has its id.
            await self._until(lambda: self._answers(question), 1, "an answer in a thread of the question's")
            following = await self._say(question, "And in one sentence?")
            request = self._asked(following, question, "And in one sentence?")
            request.in_conversation = True
            await replies.SubmitReply(request, timeout=5)
            await self._until(lambda: self._answers(question), 2, "an answer to the question after it")

    async def _plan(self) -> None:
        made = f"{self._name}-made"
        async with self._service("executor") as channel:
            plans = plan_pb2_grpc.PlanServiceStub(channel)
            words = f"Create a text channel called {made}"
            asked = await self._say(self._channel, words)
            created = await plans.CreatePlan(
                plan_pb2.CreatePlanRequest(
                    event_id=asked, guild_id=self._guild_id, channel_id=self._channel, request=words
                ),
                timeout=5,
            )
            await self._confirmed(plans, created.plan_id)
            if made not in await self._channel_names():
                raise Failed(f"the plan is done, but there is no channel {made}")
            undone = await plans.UndoPlan(
                plan_pb2.UndoPlanRequest(
                    event_id=await self._say(self._channel, "Undo it."),
                    plan_id=created.plan_id,
                    channel_id=self._channel,
                ),
                timeout=5,
            )
            await self._confirmed(plans, undone.plan_id)
            if made in await self._channel_names():
                raise Failed(f"the plan is undone, but the channel {made} is still there")

    async def _confirmed(self, plans: plan_pb2_grpc.PlanServiceStub, plan_id: str) -> None:
        """Waits for the preview, confirms, and waits for the end."""

        async def stands(*wanted: int) -> plan_pb2.Plan | None:
            plan = (await plans.GetPlan(plan_pb2.GetPlanRequest(plan_id=plan_id), timeout=5)).plan
            ended = (plan_pb2.PLAN_STATUS_REFUSED, plan_pb2.PLAN_STATUS_FAILED, plan_pb2.PLAN_STATUS_QUESTION)
            if plan.status in ended:
                raise Failed(f"the plan is {plan_pb2.PlanStatus.Name(plan.status)}: {plan.summary} {plan.question}")
            return plan if plan.status in wanted else None

        plan = await self._until(lambda: stands(plan_pb2.PLAN_STATUS_PREVIEW), None, "a preview")
        answer = await plans.ConfirmPlan(plan_pb2.ConfirmPlanRequest(plan_id=plan_id, hash=plan.hash), timeout=5)
        if answer.refusal:
            raise Failed(f"the plan was not confirmed: {plan_pb2.PlanRefusal.Name(answer.refusal)}")
        await self._until(lambda: stands(plan_pb2.PLAN_STATUS_DONE), None, "the plan's end")

    async def _answers(self, thread: int) -> int:
        """How many finished answers of the bot's stand in a thread."""
        try:
            messages = await self._discord.call("GET", f"/channels/{thread}/messages?limit=50")
        except Failed:
            return 0  # The thread is not opened yet.
        return sum(_DONE in str(message.get("components")) for message in messages)

    async def _until(self, look: Callable[[], Awaitable[Any]], wanted: Any, what: str) -> Any:
        """What a look gives once it is truthy, or as much as is wanted."""
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            found = await look()
            if found and (wanted is None or found >= wanted):
                return found
            await asyncio.sleep(_PAUSE)
        raise Failed(f"{what}: not within {_PATIENCE:.0f} s")

    def _asked(self, message: int, channel: int, prompt: str) -> reply_pb2.SubmitReplyRequest:
        return reply_pb2.SubmitReplyRequest(
            event_id=message,
            message=reply_pb2.MessageOrigin(message_id=message),
            guild_id=self._guild_id,
            channel_id=channel,
            prompt=prompt,
        )

    async def _say(self, channel: int, text: str) -> int:
        body = {"content": text, "allowed_mentions": {"parse": []}}
        return int((await self._discord.call("POST", f"/channels/{channel}/messages", body))["id"])

    async def _channel_names(self) -> set[str]:
        return {one["name"] for one in await self._discord.call("GET", f"/guilds/{self._guild_id}/channels")}

    async def _clean_up(self) -> None:
        for channel in await self._discord.call("GET", f"/guilds/{self._guild_id}/channels"):
            if channel["name"].startswith(self._name):
                await self._discord.call("DELETE", f"/channels/{channel['id']}")

    def _service(self, name: str) -> _Opened:
        return _Opened(open_channel(self._platform.ports.address(name), name, self._signer))


class _Opened:
    """A channel for the length of a block."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    async def __aenter__(self) -> Channel:
        return self._channel

    async def __aexit__(self, *_: object) -> None:
        await self._channel.close()


async def main() -> int:
    """Runs it; gives the exit code."""
    parser = argparse.ArgumentParser(prog="make live-test", description=__doc__)
    parser.add_argument("guild", type=int, help=f"the guild's id; it has a text channel named {MARK}")
    guild = parser.parse_args().guild
    try:
        platform = Platform.prepare(operators_environment(dict(os.environ)), run_folder())
    except Problem as problem:
        say(f"Guildhall can't go on: {problem}")
        return 1
    given = platform.environment
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as session:
        discord = Discord(session, given.get("DISCORD_API_BASE", DISCORD), given["DISCORD_TOKEN"])
        try:
            await LiveTest(discord, guild, platform).run()
        except Failed as failure:
            say(f"It failed: {failure}")
            return 1
    say("Everything works there, and nothing of it was left behind.")
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
