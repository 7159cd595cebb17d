"""What is remembered of the board, on a real Redis."""

from __future__ import annotations

from redis.asyncio import Redis

from chassis.redis_connections import cancellable
from services.executor.board.record import BoardRecord, Shown


async def test_notices_are_gathered_once_and_sent_once(redis_url: str) -> None:
    async with cancellable(Redis.from_url(redis_url)) as client:
        record = BoardRecord(client, kept_days=1)
        await record.gather(7, "5/1", "first", at=200.0)
        await record.gather(7, "5/2", "second", at=100.0)
        await record.gather(7, "5/1", "first", at=300.0)
        assert await record.due(99.0) == {}
        assert await record.due(100.0) == {7: 100.0}, "the earliest moment holds"
        await record.taken(7, 100.0)
        assert await record.due(1000.0) == {}
        assert await record.gathered(7) == {"5/1": "first", "5/2": "second"}
        await record.gather(7, "5/3", "third", at=400.0)
        await record.sent(7, ["5/1", "5/2"])
        assert await record.gathered(7) == {"5/3": "third"}, "what came meanwhile waits for its own time"
        await record.taken(7, 399.0)
        assert await record.due(400.0) == {7: 400.0}


async def test_cursors_and_what_is_shown_where(redis_url: str) -> None:
    async with cancellable(Redis.from_url(redis_url)) as client:
        record = BoardRecord(client, kept_days=1)
        assert await record.cursors() == {}
        await record.advance(5, 10)
        await record.advance(6, 1)
        assert await record.cursors() == {5: 10, 6: 1}
        assert await record.shown("post:x") is None
        shown = Shown(channel_id=1, message_id=2, at=3.5)
        await record.keep_shown("post:x", shown)
        assert await record.shown("post:x") == shown
        assert await record.last_change("index:1") == 0
        await record.changed("index:1", 9)
        assert await record.last_change("index:1") == 9
