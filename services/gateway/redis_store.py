"""What gateway keeps in Redis (role `durable`).

    gateway:<bot>:shard:<id>/<count>:session   hash: session_id, resume_url, sequence, gap
    gateway:<bot>:shard:<id>/<count>:threads   hash: see ThreadIndex.restore
    gateway:<bot>:shards                       set: the shards that are in service, as <id>/<count>
    gateway:<bot>:commands                     fingerprint of the commands that Discord has

The two keys of a shard share a hash tag, so that one transaction can write both in a cluster.
"""

from collections.abc import Mapping
from typing import cast

from redis.asyncio import Redis

from services.gateway.journal import Session


class RedisStore:
    """Journals, the shards in service and the fingerprint of the commands, of one bot."""

    def __init__(self, redis: Redis, bot_id: int) -> None:
        self._redis = redis
        self._bot_id = bot_id

    def _shard(self, shard_id: int, shard_count: int) -> str:
        return f"gateway:{{{self._bot_id}:shard:{shard_id}/{shard_count}}}"

    async def load(self, shard_id: int, shard_count: int) -> tuple[Session | None, Mapping[str, str]]:
        """See JournalStore."""
        key = self._shard(shard_id, shard_count)
        session = _texts(await self._redis.hgetall(f"{key}:session"))
        threads = _texts(await self._redis.hgetall(f"{key}:threads"))
        if not session:
            return None, threads
        gap = session.get("gap") == "1"
        return Session(session["session_id"], session["resume_url"], int(session["sequence"]), gap), threads

    async def save(
        self, shard_id: int, shard_count: int, session: Session | None, changes: Mapping[str, str | None]
    ) -> None:
        """See JournalStore."""
        key = self._shard(shard_id, shard_count)
        async with self._redis.pipeline(transaction=True) as pipe:
            if session is None:
                pipe.delete(f"{key}:session")
            else:
                pipe.hset(
                    f"{key}:session",
                    mapping={
                        "session_id": session.session_id,
                        "resume_url": session.resume_url,
                        "sequence": session.sequence,
                        "gap": int(session.gap),
                    },
                )
            if removed := [name for name, value in changes.items() if value is None]:
                pipe.hdel(f"{key}:threads", *removed)
            if kept := [part for name, value in changes.items() if value is not None for part in (name, value)]:
                pipe.hset(f"{key}:threads", items=kept)
            await pipe.execute()

    async def in_service(self) -> frozenset[tuple[int, int]]:
        """See RollCall."""
        names = (_text(name).partition("/") for name in await self._redis.smembers(self._roll))
        return frozenset((int(shard_id), int(count)) for shard_id, _, count in names)

    async def enter_service(self, shard_id: int, shard_count: int) -> None:
        """See RollCall."""
        await self._redis.sadd(self._roll, f"{shard_id}/{shard_count}")

    async def leave_service(self, shard_id: int, shard_count: int) -> None:
        """See RollCall."""
        key = self._shard(shard_id, shard_count)
        await self._redis.unlink(f"{key}:session", f"{key}:threads")
        await self._redis.srem(self._roll, f"{shard_id}/{shard_count}")

    @property
    def _roll(self) -> str:
        return f"gateway:{self._bot_id}:shards"

    async def fingerprint(self) -> str:
        """See FingerprintStore."""
        value = await self._redis.get(f"gateway:{self._bot_id}:commands")
        return "" if value is None else _text(value)

    async def keep_fingerprint(self, fingerprint: str) -> None:
        """See FingerprintStore."""
        await self._redis.set(f"gateway:{self._bot_id}:commands", fingerprint)


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _texts(raw: object) -> dict[str, str]:
    return {_text(key): _text(value) for key, value in cast(dict[bytes | str, bytes | str], raw).items()}
