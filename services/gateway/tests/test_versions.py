"""Old and new gateways side by side: each resumes the sessions that the other has stored.

The hash below was recorded from the first release and stays as it is.
"""

from redis.asyncio import Redis

from chassis.redis_connections import cancellable
from services.gateway.journal import Session
from services.gateway.redis_store import RedisStore

KEY = "gateway:{100:shard:0/2}"
SESSION = {b"session_id": b"abc", b"resume_url": b"wss://gateway.example", b"sequence": b"42"}
THREADS = {b"9": b"3:8"}


async def test_sessions_pass_between_versions(redis_url: str) -> None:
    async with cancellable(Redis.from_url(redis_url)) as redis:
        store = RedisStore(redis, 100)
        await redis.hset(f"{KEY}:session", mapping=SESSION)  # type: ignore[arg-type]
        await redis.hset(f"{KEY}:threads", mapping=THREADS)  # type: ignore[arg-type]
        was = Session("abc", "wss://gateway.example", 42)
        assert await store.load(0, 2) == (was, {"9": "3:8"})

        await redis.hset(f"{KEY}:session", "from_tomorrow", "?")
        assert await store.load(0, 2) == (was, {"9": "3:8"})

        await store.save(0, 2, was, {"10": "3:8"})
        assert SESSION.items() <= (await redis.hgetall(f"{KEY}:session")).items()
        assert await redis.hgetall(f"{KEY}:threads") == THREADS | {b"10": b"3:8"}


async def test_the_roll_passes_between_versions(redis_url: str) -> None:
    async with cancellable(Redis.from_url(redis_url)) as redis:
        store = RedisStore(redis, 100)
        await redis.sadd("gateway:100:shards", "0/2")
        await store.enter_service(1, 2)
        assert await store.in_service() == {(0, 2), (1, 2)}
        assert await redis.smembers("gateway:100:shards") == {b"0/2", b"1/2"}
