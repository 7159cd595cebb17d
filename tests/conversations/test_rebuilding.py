"""A conversation that the language service has forgotten is read again from its thread."""

import pytest
import redis.asyncio as redis

from local.redis_servers import RedisUrls
from sandbox.control.client import SandboxClient
from tests.conversations.talking import MEMBER, Talk, button
from tests.support.platform import RunningPlatform

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_forgotten_conversation_is_read_again_from_its_thread(
    talk: Talk, sandbox: SandboxClient, platform: RunningPlatform
) -> None:
    answered = await talk.ask("Remember the word lighthouse.")
    async with redis.Redis.from_url(RedisUrls.embedded(platform.folder).durable) as store:
        forgotten = [key async for key in store.scan_iter("llm:conversation:*")]
        assert forgotten
        await store.delete(*forgotten)
    await sandbox.say(MEMBER, answered.thread, "Which word was to be remembered?")
    second = max(await talk.answers(answered.thread, 2), key=lambda message: int(message["id"]))
    assert "read it again from this thread" in second["content"]
    await sandbox.say(MEMBER, answered.thread, "And once more?")
    third = max(await talk.answers(answered.thread, 3), key=lambda message: int(message["id"]))
    assert "read it again from this thread" not in third["content"]


async def test_what_was_attached_is_read_again_with_it(
    talk: Talk, sandbox: SandboxClient, platform: RunningPlatform
) -> None:
    answered = await talk.ask("Look at what comes next.")
    file = b"The only colour in this one is saffron."
    await sandbox.upload(MEMBER, answered.thread, "colours.txt", file, "text/plain")
    await talk.answers(answered.thread, 2)
    async with redis.Redis.from_url(RedisUrls.embedded(platform.folder).durable) as store:
        held = [key async for key in store.scan_iter("llm:conversation:*")]
        held += [key async for key in store.scan_iter("llm:attachment:*")]
        await store.delete(*held)
        await sandbox.say(MEMBER, answered.thread, "What did it say?")
        third = max(await talk.answers(answered.thread, 3), key=lambda message: int(message["id"]))
        assert "read it again from this thread" in third["content"]
        assert [key async for key in store.scan_iter("llm:attachment:*")], "the file was fetched and handed over again"


async def test_what_somebody_had_forgotten_is_not_read_again(
    talk: Talk, sandbox: SandboxClient, platform: RunningPlatform
) -> None:
    joined = {"username": "passing", "guilds": [{"id": talk.guild}]}
    passing = str((await sandbox.call("POST", "/control/people", joined))["id"])
    answered = await talk.ask("My lucky number is heptadecillion", passing)
    question = await talk.private("data delete", passing)
    await talk.press(question, button(question, "data.delete"), passing)
    await talk.changed(question, passing, contains="Forgotten: 1 questions")
    await sandbox.say(MEMBER, answered.thread, "Which number was it?")
    await talk.answers(answered.thread, 2)
    async with redis.Redis.from_url(RedisUrls.embedded(platform.folder).durable) as store:
        keys = [key async for key in store.scan_iter("llm:conversation:*")]
        kept = [value for key in keys for value in await store.hvals(key)]
    assert any(b"Which number" in value for value in kept)
    assert not any(b"heptadecillion" in value for value in kept)
