"""What recommendations remember: results and keywords in the cache, opinions of people in the durable store."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from redis.asyncio import Redis

from chassis.clock import Clock
from chassis.settings import Live
from services.llm.cache import SharedStore
from services.llm.lru import LruCache, Statistics
from services.llm.music.tracks import Opinion, Track, distinct
from services.llm.settings import LlmSettings

TRACKS_PER_KEYWORD = 40


@dataclass(frozen=True, slots=True)
class Result:
    """Tracks that were found for a wish."""

    tracks: tuple[Track, ...]
    at: float
    """Unix seconds."""
    asked: int
    """How many were asked for; a model may give fewer."""

    def encode(self) -> bytes:
        """As bytes."""
        return json.dumps([self.at, self.asked, [asdict(track) for track in self.tracks]], ensure_ascii=False).encode()

    @classmethod
    def decode(cls, value: bytes) -> Result:
        """From bytes."""
        at, asked, tracks = json.loads(value)
        return cls(tuple(Track(**track) for track in tracks), at, asked)


class Level:
    """One level of the cache: a bounded map in this process in front of the one that replicas share."""

    def __init__(self, local: LruCache, shared: SharedStore) -> None:
        self._local = local
        self._shared = shared
        self.statistics = Statistics()

    async def get(self, key: str) -> bytes | None:
        """The value, if there is one."""
        value = self._local.get(key)
        if value is not None:
            self.statistics.hits += 1
            return value
        value = await self._shared.get(key)
        if value is None:
            self.statistics.misses += 1
            return None
        self.statistics.shared_hits += 1
        return value

    async def look_again(self, key: str) -> bytes | None:
        """As `get`, for somebody who has just looked: not counted twice."""
        value = self._local.get(key)
        return value if value is not None else await self._shared.get(key)

    async def put(self, key: str, value: bytes, ttl: float, local_ttl: float) -> None:
        """Keeps a value."""
        self._local.put(key, value, local_ttl)
        await self._shared.put(key, value, ttl)

    def facts(self) -> dict[str, int]:
        """For operators."""
        self.statistics.evictions = self._local.evictions
        return {**asdict(self.statistics), "entries": len(self._local), "bytes": self._local.bytes}


class Keywords:
    """Tracks that were found for wishes with a keyword, for when nothing else answers."""

    def __init__(self, level: Level, settings: Live[LlmSettings]) -> None:
        self._level = level
        self._settings = settings

    def facts(self) -> dict[str, int]:
        """For operators."""
        return self._level.facts()

    async def learn(self, guild_id: int, words: Sequence[str], tracks: Sequence[Track]) -> None:
        """Remembers tracks for words, the newest first."""
        ttl = self._settings.current.recommend.keyword_ttl
        for word in words:
            known = await self.tracks(guild_id, [word])
            merged = distinct([*tracks, *known])[:TRACKS_PER_KEYWORD]
            value = json.dumps([asdict(track) for track in merged], ensure_ascii=False).encode()
            await self._level.put(f"{guild_id}:{word}", value, ttl, self._settings.current.cache.ttl)

    async def tracks(self, guild_id: int, words: Sequence[str]) -> list[Track]:
        """Tracks for words; those that fit several of them first."""
        scores: dict[str, tuple[int, Track]] = {}
        for word in words:
            value = await self._level.get(f"{guild_id}:{word}")
            for track in (Track(**entry) for entry in json.loads(value)) if value else ():
                count, _ = scores.get(track.track_id, (0, track))
                scores[track.track_id] = (count + 1, track)
        return [track for _, track in sorted(scores.values(), key=lambda scored: -scored[0])]


class Opinions:
    """What people think of tracks: one hash for a person, bounded, the oldest forgotten first."""

    def __init__(self, redis: Redis, settings: Live[LlmSettings], clock: Clock) -> None:
        self._redis: Any = redis  # typed for both ways of decoding; the clients here give bytes
        self._settings = settings
        self._clock = clock

    async def record(self, user_id: int, track: Track, kind: str) -> None:
        """Remembers an opinion; `none` takes one back."""
        key = _key(user_id)
        if kind == "none":
            await self._redis.hdel(key, track.track_id)
            return
        entry = json.dumps([track.title, track.artist, kind, self._clock.now()], ensure_ascii=False)
        await self._redis.hset(key, track.track_id, entry)
        kept = self._settings.current.recommend.feedback_kept
        if await self._redis.hlen(key) > kept:
            oldest = sorted((await self.of(user_id)).values(), key=lambda opinion: -opinion.at)[kept:]
            await self._redis.hdel(key, *[opinion.track.track_id for opinion in oldest])

    async def of(self, user_id: int) -> dict[str, Opinion]:
        """A person's opinions by track."""
        if not user_id:
            return {}
        fields: dict[Any, Any] = await self._redis.hgetall(_key(user_id))
        opinions = {}
        for track_id, value in fields.items():
            title, artist, kind, at = json.loads(value)
            opinions[track_id.decode()] = Opinion(Track(title, artist), kind, at)
        return opinions

    async def forget_person(self, user_id: int) -> None:
        """Forgets a person."""
        await self._redis.delete(_key(user_id))


def _key(user_id: int) -> str:
    return f"llm:opinions:{{{user_id}}}"
