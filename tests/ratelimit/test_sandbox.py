"""Executor's own REST client with ratelimit, against the sandbox, which counts its 429s."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from pydantic import SecretStr

from chassis.caller import Caller
from chassis.clock import SystemClock
from chassis.testing import channel_to, running_service
from sandbox.app import Sandbox
from sandbox.control.client import SandboxClient
from sandbox.discord.seed import BOT_ID, GUILD_ID
from sandbox.pytest_plugin import sandbox, sandbox_options, sandbox_server
from services.executor.discord.errors import DiscordError, NotPermitted
from services.executor.discord.identity import BotIdentity
from services.executor.discord.permits import Priority, RateLimitPermits
from services.executor.discord.rest import Call, RestClient
from services.executor.discord.routes import Route
from services.executor.discord.settings import RestSettings
from services.ratelimit.app import build
from services.ratelimit.settings import RatelimitSettings

__all__ = ["sandbox", "sandbox_options", "sandbox_server"]


@asynccontextmanager
async def clients(number: int, server: Sandbox, redis_url: str, **variables: str) -> AsyncIterator[list[RestClient]]:
    """Executors' REST clients on two replicas of ratelimit."""
    identity = BotIdentity()
    identity.set(BOT_ID)
    made = []
    async with AsyncExitStack() as stack:
        channels = []
        for _ in range(2):
            service = await stack.enter_async_context(
                running_service("ratelimit", RatelimitSettings, build, variables={"REDIS_URL": redis_url, **variables})
            )
            channels.append(
                await stack.enter_async_context(channel_to(service.address, Caller("executor"), audience="ratelimit"))
            )
        for index in range(number):
            permits = RateLimitPermits(channels[index % 2], identity)
            client = RestClient(
                api_base=server.api,
                token=SecretStr(server.bot_token),
                settings=RestSettings(),
                permits=permits,
                clock=SystemClock(),
            )
            stack.push_async_callback(permits.close)
            stack.push_async_callback(client.close)
            made.append(client)
        yield made


def text_channels(server: Sandbox) -> list[int]:
    """Channels of the first guild that the bot can write in."""
    guild = server.world.guilds[GUILD_ID]
    return [channel.id for channel in guild.channels.values() if channel.type == 0 and not channel.overwrites]


async def test_four_executors_are_never_refused_in_the_steady_state(
    sandbox_server: Sandbox, sandbox: SandboxClient, redis_url: str
) -> None:
    channels = text_channels(sandbox_server)[:2]
    assert len(channels) == 2
    async with clients(4, sandbox_server, redis_url) as four:
        made: list[tuple[int, int]] = []
        until = time.monotonic() + 8

        async def talk(client: RestClient, channel: int) -> None:
            post = Route.of("POST", "/channels/{channel_id}/messages", channel_id=channel)
            while time.monotonic() < until:
                call = Call(
                    post, body={"content": "hello"}, priority=Priority.FINAL, guild_id=GUILD_ID, repeatable=True
                )
                message = await client.call(call)
                made.append((channel, int(message["id"])))
                edit = Route.of(
                    "PATCH",
                    "/channels/{channel_id}/messages/{message_id}",
                    channel_id=channel,
                    message_id=message["id"],
                )
                await client.call(Call(edit, body={"content": "hello there"}, guild_id=GUILD_ID))
                react = Route.of(
                    "PUT",
                    "/channels/{channel_id}/messages/{message_id}/reactions/{emoji_name}/@me",
                    channel_id=channel,
                    message_id=message["id"],
                    emoji_name="\N{THUMBS UP SIGN}",
                )
                await client.call(Call(react, guild_id=GUILD_ID))

        await asyncio.gather(*(talk(client, channel) for client in four for channel in channels))
        counters = await sandbox.counters()
        assert counters["http_429_by_limit"] == {}
        # Five at once and one a second in each of two channels.
        assert len(made) >= 12


async def test_a_hidden_limit_of_the_sandbox_costs_one_refusal_and_a_long_wait_is_told(
    sandbox_server: Sandbox, sandbox: SandboxClient, redis_url: str
) -> None:
    channel = text_channels(sandbox_server)[0]
    rename = Route.of("PATCH", "/channels/{channel_id}", channel_id=channel)
    nothing_known = {"GUILDHALL_RATELIMIT__DISCORD__SUB_LIMITS": "[]"}
    async with clients(2, sandbox_server, redis_url, **nothing_known) as two:
        outcomes = []
        for turn in range(6):
            try:
                await two[turn % 2].call(
                    Call(rename, body={"name": f"renamed-{turn}"}, guild_id=GUILD_ID, max_wait=2, retries=0)
                )
                outcomes.append("done")
            except DiscordError as error:
                outcomes.append(type(error).__name__)
        counters = await sandbox.counters()
        assert outcomes[:2] == ["done", "done"]
        assert "done" not in outcomes[2:]
        assert sum(counters["http_429_by_limit"].values()) == 1
        # Another channel is not held back by what was learned, but keeps to it.
        other = Route.of("PATCH", "/channels/{channel_id}", channel_id=text_channels(sandbox_server)[1])
        await two[0].call(Call(other, body={"name": "also-renamed"}, guild_id=GUILD_ID, max_wait=2))
        counters = await sandbox.counters()
        assert sum(counters["http_429_by_limit"].values()) == 1


async def test_what_is_known_of_renaming_channels_costs_no_refusal(
    sandbox_server: Sandbox, sandbox: SandboxClient, redis_url: str
) -> None:
    channel = text_channels(sandbox_server)[0]
    edit = Route.of("PATCH", "/channels/{channel_id}", channel_id=channel)
    async with clients(2, sandbox_server, redis_url) as two:

        async def change(turn: int, body: dict[str, object]) -> None:
            await two[turn % 2].call(Call(edit, body=body, guild_id=GUILD_ID, max_wait=5, retries=0))

        await change(0, {"name": "renamed"})
        await change(1, {"topic": "Name and topic count together."})
        for turn in range(2):
            with pytest.raises(NotPermitted) as refused:
                await change(turn, {"name": "renamed-again"})
            assert refused.value.quota
            assert 590 < refused.value.retry_after <= 600
        # Only these two count so: the rest of the channel goes by its bucket.
        await change(0, {"rate_limit_per_user": 3})
        assert (await sandbox.counters())["http_429_by_limit"] == {}


async def test_an_injected_refusal_is_the_only_one(
    sandbox_server: Sandbox, sandbox: SandboxClient, redis_url: str
) -> None:
    channel = text_channels(sandbox_server)[0]
    post = Route.of("POST", "/channels/{channel_id}/messages", channel_id=channel)
    async with clients(2, sandbox_server, redis_url) as two:
        await two[0].call(Call(post, body={"content": "first"}, guild_id=GUILD_ID, repeatable=True))
        await sandbox.fault(
            "rate_limit", route="/channels/{channel_id}/messages", method="POST", retry_after=0.5, times=1
        )
        calls = [
            client.call(
                Call(post, body={"content": "after"}, guild_id=GUILD_ID, priority=Priority.FIRST, repeatable=True)
            )
            for client in two
            for _ in range(2)
        ]
        await asyncio.gather(*calls)
        assert (await sandbox.counters())["http_429"] == 1
