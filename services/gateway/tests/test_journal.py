"""What a shard's journal saves is what a restarted gateway needs, in a real Redis."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from chassis.redis_connections import cancellable
from services.gateway.journal import Journal, Session
from services.gateway.redis_store import RedisStore
from services.gateway.threads import Change

SESSION = Session("session", "ws://127.0.0.1/resume", 0)


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    client = cancellable(Redis.from_url(redis_url))
    yield client
    await client.aclose()


@pytest.fixture
def store(redis: Redis) -> RedisStore:
    return RedisStore(redis, 7)


async def loaded(store: RedisStore, shard_id: int = 0) -> tuple[Session | None, dict[str, str]]:
    journal = Journal(shard_id, 2, store)
    threads = await journal.load()
    return journal.session, dict(threads)


async def test_only_what_is_handed_over_counts(store: RedisStore) -> None:
    journal = Journal(0, 2, store)
    await journal.load()
    journal.started(SESSION)
    first, second = journal.begin(1), journal.begin(2)
    second.done()
    await journal.save()
    assert (await loaded(store))[0] == SESSION
    first.done()
    await journal.save()
    assert (await loaded(store))[0] == Session("session", "ws://127.0.0.1/resume", 2)


async def test_threads_and_position_are_saved_together(store: RedisStore) -> None:
    journal = Journal(0, 2, store)
    journal.started(SESSION)
    event = journal.begin(1)
    journal.changed(Change({"t1": "2:3", "t4": "2:3"}))
    journal.changed(Change(remove=("t4",)))
    event.done()
    await journal.save()
    assert await loaded(store) == (Session("session", "ws://127.0.0.1/resume", 1), {"t1": "2:3"})
    assert await loaded(store, shard_id=1) == (None, {})


async def test_a_late_event_of_an_old_session_does_not_move_the_new_one(store: RedisStore) -> None:
    journal = Journal(0, 2, store)
    journal.started(SESSION)
    late = journal.begin(9)
    journal.started(Session("next", "ws://127.0.0.1/next", 0))
    late.done()
    assert journal.session == Session("next", "ws://127.0.0.1/next", 0)
    journal.ended()
    await journal.save()
    assert (await loaded(store))[0] is None


class BrokenOnce:
    """A store that fails the first time, as one does that is being restarted."""

    def __init__(self, store: RedisStore) -> None:
        self._store = store
        self.failures = 1
        self.saved = asyncio.Event()

    async def load(self, shard_id: int, shard_count: int) -> tuple[Session | None, dict[str, str]]:
        session, threads = await self._store.load(shard_id, shard_count)
        return session, dict(threads)

    async def save(
        self, shard_id: int, shard_count: int, session: Session | None, changes: dict[str, str | None]
    ) -> None:
        if self.failures:
            self.failures -= 1
            raise ConnectionError("away")
        await self._store.save(shard_id, shard_count, session, changes)
        self.saved.set()


async def test_a_store_that_is_away_loses_nothing(store: RedisStore) -> None:
    broken = BrokenOnce(store)
    journal = Journal(0, 2, broken)  # type: ignore[arg-type]
    journal.started(SESSION)
    journal.changed(Change({"t1": "2:3"}))
    saver = asyncio.create_task(journal.keep_saving(0.01))
    async with asyncio.timeout(5):
        await broken.saved.wait()
    saver.cancel()
    assert await loaded(store) == (SESSION, {"t1": "2:3"})


async def test_the_fingerprint_is_kept(store: RedisStore) -> None:
    assert await store.fingerprint() == ""
    await store.keep_fingerprint("abc")
    assert await store.fingerprint() == "abc"
