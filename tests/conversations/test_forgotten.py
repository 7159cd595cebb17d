"""What is left of somebody who had everything about them forgotten, in whatever store: nothing but what has to stay."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import AsyncIterator
from typing import Any

import pytest
import redis.asyncio as redis

from local.redis_servers import RedisUrls
from sandbox.control.client import SandboxClient
from tests.conversations.talking import OWNER, Talk, button
from tests.support.platform import RunningPlatform

pytestmark = pytest.mark.asyncio(loop_scope="session")

WORD = "heptadecillion"
EXPIRES = {r"^executor:\{p\d+\}:job:": 3_600, "^llm:cache:answers:": 3_600, "^llm:cache:keywords:": 7 * 86_400}
"""Keys that hold words without whose they are, with the seconds after which they expire."""
ONLY_THE_ID = (
    # That they had everything forgotten, so that it is not read again from Discord.
    "^llm:buried$",
    # Logs of what changed, cut off after so many entries; calls until they are summed up.
    "^executor:mirror:changes$",
    r":log$",
    r"^llm:\{ledger\}:calls$",
    # That they are a member, as Discord says.
    "^executor:mirror:",
    # Discord counts by interaction and person for some seconds.
    "^ratelimit:",
)


async def contents(store: redis.Redis) -> AsyncIterator[tuple[str, bytes, float]]:
    """Every key with all that it holds, and the seconds after which it expires; -1 for never."""
    found: Any = store
    async for raw in found.scan_iter(count=1000):
        key = raw.decode()
        kind = (await found.type(raw)).decode()
        held: Any = b""
        if kind == "string":
            held = await found.get(raw)
        elif kind == "hash":
            held = await found.hgetall(raw)
        elif kind == "list":
            held = await found.lrange(raw, 0, -1)
        elif kind == "set":
            held = await found.smembers(raw)
        elif kind == "zset":
            held = await found.zrange(raw, 0, -1)
        elif kind == "stream":
            held = await found.xrange(raw)
        yield key, held if isinstance(held, bytes) else repr(held).encode(), float(await found.ttl(raw))


async def traces_of(platform: RunningPlatform, *needles: str) -> dict[str, float]:
    """The keys that hold one of some words, by their name or in them, with when they expire."""
    urls = RedisUrls.embedded(platform.folder)
    found: dict[str, float] = {}
    for url in {urls.durable, urls.limits, urls.cache}:
        async with redis.Redis.from_url(url) as store:
            found |= {
                key: seconds
                async for key, held, seconds in contents(store)
                if any(needle in key or needle.encode() in held for needle in needles)
            }
    return found


def in_database(platform: RunningPlatform, *needles: str) -> list[str]:
    """The tables of the board with a row that holds one of some words."""
    file = platform.folder.data / "board.sqlite3"
    database = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
    try:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return [
            table
            for table in tables
            if any(needle in repr(row) for row in database.execute(f'SELECT * FROM "{table}"') for needle in needles)
        ]
    finally:
        database.close()


async def test_nothing_that_somebody_said_is_left(
    talk: Talk, sandbox: SandboxClient, platform: RunningPlatform
) -> None:
    joined = {"username": "leaver", "guilds": [{"id": talk.guild}]}
    leaver = str((await sandbox.call("POST", "/control/people", joined))["id"])
    answered = await talk.ask(f"My lucky number is {WORD}", leaver)
    said = await sandbox.say(leaver, answered.thread, f"Is {WORD} a number?")
    await talk.answers(answered.thread, 2)
    changed = f"/channels/{answered.thread}/messages/{said['id']}"
    await sandbox.rest(leaver, "PATCH", changed, {"content": f"Is {WORD} a big number?"})
    await sandbox.wait_message(as_=OWNER, channel=answered.thread, component="reply.again")
    private = await talk.use("ask", leaver, prompt=f"A secret {WORD}", private=True)
    await sandbox.wait_message(as_=leaver, channel=talk.channel, id=private["message_id"], component="reply.copy")
    used = await talk.use("recommend mood", leaver, words=f"{WORD} evenings")
    music = await talk.said(used, leaver)
    await talk.press(music, button(music, "music.feedback:like"), leaver)
    await talk.private("character add", leaver, name="Heptade")
    menu = await talk.private("preferences", leaver)
    await talk.press(menu, "settings.choose:me:0:llm.thinking", leaver, ["low"])
    await talk.changed(menu, leaver, contains="Little")
    assert await traces_of(platform, WORD)
    question = await talk.private("data delete", leaver)
    await talk.press(question, button(question, "data.delete"), leaver)
    await talk.changed(question, leaver, contains="Forgotten: ")
    told = await talk.changed(question, leaver, contains="What stays:")
    assert "for about an hour" in told["content"]
    assert "without your name" in told["content"]
    # What still holds the words expires by itself, as soon as was said.
    for key, seconds in (await traces_of(platform, WORD)).items():
        (longest,) = {most for pattern, most in EXPIRES.items() if re.search(pattern, key)}
        assert 0 < seconds <= longest, key
    # Who they are stands in what is not about what they said.
    about = await traces_of(platform, leaver)
    assert {key for key in about if not any(re.search(pattern, key) for pattern in ONLY_THE_ID)} == set()
    assert in_database(platform, leaver, WORD, "Heptade") == []
