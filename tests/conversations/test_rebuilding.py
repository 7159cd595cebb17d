"""A conversation that the language service has forgotten is read again from its thread."""

import pytest
import redis.asyncio as redis

from local.redis_servers import RedisUrls
from sandbox.control.client import SandboxClient
from tests.conversations.talking import MEMBER, Talk
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
