"""A call of Redis ends when it is cancelled, in whichever moment that is."""

import asyncio

from chassis.redis_clients import connect
from chassis.settings.shared import Redis as RedisSettings

_MOMENTS = 60


async def test_no_cancellation_is_swallowed(redis_url: str) -> None:
    client = connect(redis_url, RedisSettings())

    async def write_for_ever() -> None:
        while True:
            await client.set("key", "value")

    for moment in range(_MOMENTS):
        writing = asyncio.create_task(write_for_ever())
        for _ in range(moment):
            await asyncio.sleep(0)
        writing.cancel()
        await asyncio.wait({writing}, timeout=5)
        assert writing.cancelled(), moment
    assert await client.get("key") == b"value"
    await client.aclose()
