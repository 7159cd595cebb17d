"""The gateway frame by frame: identifying, intents, shards, resuming, chunks, and what ends a connection."""

import asyncio
from typing import Any

import pytest

from sandbox.app import Sandbox
from sandbox.control.client import SandboxClient
from sandbox.discord.events import ALL_INTENTS, Intent
from sandbox.discord.seed import BOT_ID, GUILD_ID, MEMBER_ID, SECOND_GUILD_ID
from sandbox.tests.discord.bot import Bot

GENERAL = f"/channels/{GUILD_ID + 21}"


@pytest.fixture(autouse=True)
async def _quick_starts(sandbox: SandboxClient) -> None:
    await sandbox.settings(identify_limit=False)


@pytest.mark.parametrize("encoding", ["json", "etf"])
@pytest.mark.parametrize("compress", ["", "zlib-stream", "zstd-stream"])
async def test_ready_then_guilds(bot: Bot, encoding: str, compress: str) -> None:
    gateway = await bot.gateway(encoding=encoding, compress=compress)
    ready = await gateway.identify()
    assert [g["id"] for g in ready["guilds"]] == [str(GUILD_ID), str(SECOND_GUILD_ID)]
    guild = await gateway.event("GUILD_CREATE", id=str(GUILD_ID))
    assert {m["user"]["username"] for m in guild["members"]} >= {"owner", "guildhall"}
    await gateway.send(1, gateway.sequence)
    while (await gateway.frame())["op"] != 11:
        pass


@pytest.mark.parametrize(
    ("identify", "code"),
    [
        ({"token": "wrong", "intents": 1}, 4004),
        ({"intents": 1 << 60}, 4013),
        ({"intents": 1, "shard": [2, 2]}, 4010),
        ({}, 4013),
    ],
)
async def test_refused_identifies(bot: Bot, identify: dict[str, Any], code: int) -> None:
    gateway = await bot.gateway()
    await gateway.send(2, {"token": bot.token, "properties": {}, **identify})
    assert await gateway.closed() == code


@pytest.mark.parametrize("more", [{"large_threshold": "x"}, {"large_threshold": None}, {"large_threshold": [1]}])
async def test_what_identify_says_oddly_is_as_if_unsaid(bot: Bot, more: dict[str, Any]) -> None:
    gateway = await bot.gateway()
    await gateway.identify(**more)
    await gateway.event("GUILD_CREATE", id=str(GUILD_ID))


@pytest.mark.parametrize("shard", [5, "ab", [0], [True, 2], {"0": 1}])
async def test_a_shard_is_two_numbers(bot: Bot, shard: object) -> None:
    gateway = await bot.gateway()
    await gateway.send(2, {"token": bot.token, "intents": 1, "properties": {}, "shard": shard})
    assert await gateway.closed() == 4010


async def test_privileged_intents_must_be_granted(bot: Bot, sandbox_server: Sandbox) -> None:
    next(iter(sandbox_server.world.applications.values())).flags = 0
    gateway = await bot.gateway()
    await gateway.send(2, {"token": bot.token, "intents": int(Intent.MESSAGE_CONTENT), "properties": {}})
    assert await gateway.closed() == 4014


async def test_protocol_errors(bot: Bot) -> None:
    nested = '{"op":2,"d":' + "[" * 2000 + "]" * 2000 + "}"
    half = '{"op":2,"d":{"token":"\\ud800","intents":1}}'
    for frame, code in (
        (nested, 4002),
        (half, 4004),
        ("{", 4002),
        ('{"op":99}', 4003),
        ('{"op":8,"d":{}}', 4003),
        ("x" * 5000, 4002),
    ):
        gateway = await bot.gateway()
        await gateway.socket.send_str(frame)
        assert await gateway.closed() == code
    gateway = await bot.gateway()
    await gateway.identify()
    await gateway.send(2, {"token": bot.token, "intents": 0, "properties": {}})
    assert await gateway.closed() == 4005


async def test_too_many_frames(bot: Bot) -> None:
    gateway = await bot.gateway()
    for _ in range(121):
        await gateway.send(1, None)
    assert await gateway.closed() == 4008


async def test_one_identify_in_five_seconds(bot: Bot, sandbox: SandboxClient) -> None:
    await sandbox.settings(identify_limit=True)
    await (await bot.gateway()).identify()
    second = await bot.gateway()
    await second.send(2, {"token": bot.token, "intents": 1, "properties": {}})
    frame = await second.frame()
    assert (frame["op"], frame["d"]) == (9, False)
    await sandbox.advance(5)
    await second.identify()


async def test_content_is_withheld_without_the_intent(bot: Bot, sandbox: SandboxClient) -> None:
    gateway = await bot.gateway()
    await gateway.identify(ALL_INTENTS & ~Intent.MESSAGE_CONTENT)
    await sandbox.say("member", "general", "secret")
    assert (await gateway.event("MESSAGE_CREATE"))["content"] == ""
    await sandbox.say("member", "general", f"for you <@{BOT_ID}>")
    assert (await gateway.event("MESSAGE_CREATE"))["content"] == f"for you <@{BOT_ID}>"
    await bot.call("POST", f"{GENERAL}/messages", {"content": "mine"})
    assert (await gateway.event("MESSAGE_CREATE"))["content"] == "mine"


async def test_intents_decide_what_arrives(bot: Bot, sandbox: SandboxClient) -> None:
    gateway = await bot.gateway()
    await gateway.identify(int(Intent.GUILDS | Intent.GUILD_MESSAGE_REACTIONS))
    said = await sandbox.say("member", "general", "unheard")
    await sandbox.rest("member", "PUT", f"{GENERAL}/messages/{said['id']}/reactions/\N{FIRE}/@me")
    await gateway.event("MESSAGE_REACTION_ADD")
    assert "MESSAGE_CREATE" not in [frame["t"] for frame in gateway.seen]


async def test_shards_share_the_guilds(bot: Bot, sandbox: SandboxClient) -> None:
    shards = []
    for number in range(2):
        gateway = await bot.gateway()
        ready = await gateway.identify(shard=[number, 2])
        assert all((int(g["id"]) >> 22) % 2 == number for g in ready["guilds"])
        shards.append((gateway, ready))
    assert sum(len(ready["guilds"]) for _, ready in shards) == 2
    direct = await bot.call("POST", "/users/@me/channels", {"recipient_id": str(MEMBER_ID)})
    await sandbox.say("member", direct["id"], "direct messages come to the first shard")
    await shards[0][0].event("MESSAGE_CREATE", channel_id=direct["id"])


async def test_resume_replays_what_was_missed(bot: Bot, sandbox: SandboxClient) -> None:
    gateway = await bot.gateway()
    await gateway.identify()
    await gateway.event("GUILD_CREATE", id=str(SECOND_GUILD_ID))
    await gateway.socket.close(code=4000)
    await sandbox.say("member", "general", "while you were away")
    again = await bot.gateway()
    await again.send(6, {"token": bot.token, "session_id": gateway.session_id, "seq": gateway.sequence})
    missed = await again.event("MESSAGE_CREATE")
    assert missed["content"] == "while you were away"
    await again.event("RESUMED")
    assert [frame["s"] for frame in again.seen] == sorted(frame["s"] for frame in again.seen)


async def test_a_session_that_was_closed_properly_cannot_be_resumed(bot: Bot) -> None:
    gateway = await bot.gateway()
    await gateway.identify()
    await gateway.socket.close(code=1000)
    again = await bot.gateway()
    await again.send(6, {"token": bot.token, "session_id": gateway.session_id, "seq": gateway.sequence})
    frame = await again.frame()
    assert (frame["op"], frame["d"]) == (9, False)


async def test_a_session_gone_too_long_cannot_be_resumed(bot: Bot, sandbox: SandboxClient) -> None:
    gateway = await bot.gateway()
    await gateway.identify()
    await gateway.socket.close(code=4000)
    await sandbox.advance(301)
    again = await bot.gateway()
    await again.send(6, {"token": bot.token, "session_id": gateway.session_id, "seq": gateway.sequence})
    assert (await again.frame())["op"] == 9


async def test_a_sequence_from_the_future_is_refused(bot: Bot) -> None:
    gateway = await bot.gateway()
    await gateway.identify()
    await gateway.socket.close(code=4000)
    again = await bot.gateway()
    await again.send(6, {"token": bot.token, "session_id": gateway.session_id, "seq": 10_000})
    assert await again.closed() == 4007


async def test_members_come_in_chunks(bot: Bot, sandbox: SandboxClient) -> None:
    people = [f"extra{number:04}" for number in range(1100)]
    for name in people[:3]:
        await sandbox.call("POST", "/control/people", {"username": name, "guilds": [{"id": str(GUILD_ID)}]})
    gateway = await bot.gateway()
    await gateway.identify()
    await gateway.send(8, {"guild_id": str(GUILD_ID), "query": "extra", "limit": 2, "nonce": "n"})
    chunk = await gateway.event("GUILD_MEMBERS_CHUNK")
    assert (len(chunk["members"]), chunk["chunk_count"], chunk["nonce"]) == (2, 1, "n")
    await gateway.send(8, {"guild_id": str(GUILD_ID), "user_ids": [str(MEMBER_ID), "5"]})
    chunk = await gateway.event("GUILD_MEMBERS_CHUNK")
    assert ([m["user"]["username"] for m in chunk["members"]], chunk["not_found"]) == (["member"], ["5"])
    await gateway.send(8, {"guild_id": str(GUILD_ID), "query": "", "limit": 0})
    assert len((await gateway.event("GUILD_MEMBERS_CHUNK"))["members"]) == 8


async def test_only_who_may_see_a_channel_hears_of_it(bot: Bot, sandbox: SandboxClient) -> None:
    staff = str(GUILD_ID + 27)
    async with sandbox.events("member") as stream:
        assert (await anext(stream))["t"] == "SNAPSHOT"
        await sandbox.say("moderator", staff, "among us")
        await sandbox.say("moderator", "general", "to all")
        while (event := await anext(stream))["t"] != "MESSAGE_CREATE":
            pass
        assert event["d"]["content"] == "to all"


async def test_faults(bot: Bot, sandbox: SandboxClient) -> None:
    gateway = await bot.gateway()
    await gateway.identify()
    await gateway.event("GUILD_CREATE", id=str(SECOND_GUILD_ID))
    await sandbox.gateway("reconnect")
    assert (await gateway.frame())["op"] == 7
    await sandbox.gateway("drop", count=1, event="MESSAGE_CREATE")
    await sandbox.say("member", "general", "dropped")
    await sandbox.gateway("repeat", count=1, event="MESSAGE_CREATE")
    await sandbox.say("member", "general", "twice")
    assert [(await gateway.event("MESSAGE_CREATE"))["content"] for _ in range(2)] == ["twice", "twice"]
    await sandbox.gateway("silence", seconds=60)
    await gateway.send(1, None)
    with pytest.raises(TimeoutError):
        await gateway.frame(timeout=0.2)
    await sandbox.advance(61)
    await gateway.send(1, None)
    assert (await gateway.frame())["op"] == 11
    await sandbox.gateway("invalid_session", resumable=False)
    assert (await gateway.frame())["op"] == 9
    await gateway.identify()
    await sandbox.gateway("close", code=4014)
    assert await gateway.closed() == 4014


async def test_heartbeats_must_keep_coming(bot: Bot, sandbox: SandboxClient, sandbox_server: Sandbox) -> None:
    sandbox_server.rest.settings.heartbeat_ms = 100
    gateway = await bot.gateway()
    await gateway.identify()
    async with asyncio.timeout(5):
        assert await gateway.closed() == 4009


async def test_who_gains_a_channel_is_told_of_its_threads(bot: Bot, sandbox: SandboxClient) -> None:
    staff = str(GUILD_ID + 27)
    said = await sandbox.say("moderator", staff, "start")
    thread = await sandbox.rest("moderator", "POST", f"/channels/{staff}/messages/{said['id']}/threads", {"name": "t"})
    async with sandbox.events("member") as stream:
        await anext(stream)
        overwrite = {"type": 1, "allow": "1024", "deny": "0"}
        await sandbox.rest("owner", "PUT", f"/channels/{staff}/permissions/{MEMBER_ID}", overwrite)
        while (event := await anext(stream))["t"] != "THREAD_LIST_SYNC":
            pass
    assert [t["id"] for t in event["d"]["threads"]] == [thread["id"]]
