"""The feeds of shards: who may tell, since when everything was told, and when they were last heard of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import redis.asyncio as redis
from redis.exceptions import WatchError

from chassis.clock import Clock
from chassis.errors import FailedPrecondition, Unavailable
from services.executor.mirror import keys
from services.executor.mirror.settings import MirrorSettings
from services.executor.mirror.state import FeedState

_RACES = 16
_CONTACTS_PER_FRESHNESS = 4


class Feeds:
    """Keeps feeds in Redis."""

    def __init__(self, client: redis.Redis, settings: Callable[[], MirrorSettings], clock: Clock) -> None:
        self._redis: Any = client
        self._settings = settings
        self._clock = clock
        self._noted: dict[str, float] = {}

    async def open(self, shard: str, session: str, *, gap: bool, members_told: bool) -> FeedState:
        """A new feed of a shard, which supersedes the one before."""
        epoch = int(await self._redis.incr(keys.EPOCH))
        for _ in range(_RACES):
            async with self._redis.pipeline(transaction=True) as pipe:
                await pipe.watch(keys.feed(shard))
                raw = await pipe.get(keys.feed(shard))
                old = None if raw is None else FeedState.model_validate_json(raw)
                if old is not None and old.epoch > epoch:
                    raise FailedPrecondition("a later feed tells of this shard", reason="FEED_SUPERSEDED")
                goes_on = old is not None and old.session == session and not gap and old.members_told == members_told
                new = FeedState(
                    shard=shard,
                    session=session,
                    epoch=epoch,
                    incarnation=old.incarnation if goes_on and old is not None else epoch,
                    members_told=members_told,
                )
                pipe.multi()
                pipe.set(keys.feed(shard), new.model_dump_json())
                try:
                    await pipe.execute()
                except WatchError:
                    continue
            # Nothing was told since the session was left, so nothing is fresh yet.
            return new
        raise Unavailable("too many feeds of one shard at once", reason="STORE_UNAVAILABLE", retry_after=1.0)

    async def check(self, shard: str, epoch: int) -> FeedState:
        """The feed that a batch belongs to. FailedPrecondition where it is not the one that tells now."""
        feed = await self.get(shard)
        if feed is None:
            raise FailedPrecondition("this feed was never opened", reason="FEED_UNKNOWN")
        if feed.epoch != epoch:
            raise FailedPrecondition("a later feed tells of this shard", reason="FEED_SUPERSEDED")
        return feed

    async def get(self, shard: str) -> FeedState | None:
        """What is known of a shard's feed."""
        raw = await self._redis.get(keys.feed(shard)) if shard else None
        return None if raw is None else FeedState.model_validate_json(raw)

    async def heard(self, feed: FeedState) -> None:
        """A feed told everything up to now."""
        now = self._clock.now()
        if now - self._noted.get(feed.shard, 0.0) < self._settings().fresh_seconds / _CONTACTS_PER_FRESHNESS:
            return
        await self._redis.set(keys.contact(feed.shard), repr(now))
        self._noted[feed.shard] = now

    async def fresh(self, shard: str) -> FeedState | None:
        """The feed of a shard if it was heard of lately; None where what it told is not certain any more."""
        if not shard:
            return None
        raw, at = await self._redis.get(keys.feed(shard)), await self._redis.get(keys.contact(shard))
        if raw is None or at is None or self._clock.now() - float(at) > self._settings().fresh_seconds:
            return None
        return FeedState.model_validate_json(raw)
