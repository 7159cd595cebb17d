"""A Redis server that takes nothing any more: its memory is full, or its disk is."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import redis.asyncio as redis

from tests.support.redis_process import RedisProcess
from tests.support.waiting import eventually


@asynccontextmanager
async def memory_full(server: RedisProcess) -> AsyncIterator[None]:
    """Gives it less memory than it uses, for as long as the block lasts."""
    async with redis.Redis.from_url(server.url) as client:
        await client.config_set("maxmemory-policy", "noeviction")
        await client.config_set("maxmemory", "100kb")
        try:
            yield
        finally:
            await client.config_set("maxmemory", "0")


@asynccontextmanager
async def disk_full(server: RedisProcess) -> AsyncIterator[None]:
    """Lets a snapshot fail, as on a disk without room: a folder stands in the place of its file."""
    async with redis.Redis.from_url(server.url) as client:

        async def saved() -> str:
            found = await client.info("persistence")
            return "" if found["rdb_bgsave_in_progress"] else str(found["rdb_last_bgsave_status"])

        async def save(result: str) -> None:
            async def done() -> bool:
                return await saved() == result

            await client.bgsave()
            await eventually(done)

        before = (await client.config_get("save"))["save"] or ""
        snapshot = server.folder / "dump.rdb"
        snapshot.unlink(missing_ok=True)
        snapshot.mkdir()
        # Only who asks for snapshots is told that they fail.
        await client.config_set("save", "3600 1000000")
        await save("err")
        try:
            yield
        finally:
            snapshot.rmdir()
            await save("ok")
            await client.config_set("save", before)


FULL: dict[str, Callable[[RedisProcess], AbstractAsyncContextManager[None]]] = {
    "memory": memory_full,
    "disk": disk_full,
}
