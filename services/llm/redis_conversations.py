"""Conversations in Redis.

One hash for a conversation: the field `meta`, a field `t:<turn>` for every turn, so that two turns that end at once do
not overwrite each other, and `cleared`, how often it was cleared. A turn says after how many of these it was begun; one
that was begun before the last is not there any more, however late it is written. Indexes by person and guild are sorted
sets by the last change. Everything expires together with the last turn; what an index still names after that is dropped
when it is read.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import WatchError

from chassis.clock import Clock
from chassis.errors import Unavailable
from chassis.settings import Live
from services.llm.conversation import Conversation, ConversationTurn, authors
from services.llm.conversation_codec import CLEARED, META, TURN, decode, encode_meta, encode_turn
from services.llm.redis_batches import Command, RedisBatches
from services.llm.settings import LlmSettings

CONTENDED_TRIES = 20
BURIED = "llm:buried"
"""A hash: when each person who had themselves forgotten last did."""


class RedisConversations:
    """The store of conversations."""

    def __init__(self, redis: Redis, batches: RedisBatches, settings: Live[LlmSettings], clock: Clock) -> None:
        self._redis: Any = redis  # typed for both ways of decoding; the clients here give bytes
        self._batches = batches
        self._settings = settings
        self._clock = clock

    async def load(self, conversation_id: str) -> Conversation | None:
        """See ConversationStore."""
        (fields,) = await self._batches.run(("HGETALL", _key(conversation_id)))
        return decode(conversation_id, fields) if fields else None

    async def load_many(self, conversation_ids: Sequence[str]) -> list[Conversation | None]:
        """See ConversationStore."""
        answers = await self._batches.run(*(("HGETALL", _key(each)) for each in conversation_ids))
        return [
            decode(conversation_id, fields) if fields else None
            for conversation_id, fields in zip(conversation_ids, answers, strict=True)
        ]

    async def save(
        self,
        conversation: Conversation,
        turns: Sequence[ConversationTurn],
        removed: Sequence[str] = (),
        *,
        indexed: bool = False,
    ) -> None:
        """See ConversationStore."""
        settings = self._settings.current.conversations
        now, ttl = self._clock.now(), round(settings.ttl)
        whole = conversation
        for turn in turns:
            whole = whole.with_turn(turn)
        kept = [each for each in whole.turns if each.turn_id not in removed]
        superfluous = [each.turn_id for each in kept[: max(0, len(kept) - settings.max_turns)]]
        key = _key(conversation.conversation_id)
        entries = {TURN + turn.turn_id: encode_turn(turn, conversation.cleared) for turn in turns}
        fields = [each for pair in {META: encode_meta(conversation, now + ttl), **entries}.items() for each in pair]
        commands: list[Command] = [("HSET", key, *fields)]
        if gone := [TURN + turn_id for turn_id in (*removed, *superfluous)]:
            commands.append(("HDEL", key, *gone))
        commands.append(("EXPIRE", key, ttl))
        people = sorted(authors(turns))
        indexes = [] if indexed else [person_key(person) for person in people]
        if conversation.guild_id and not indexed:
            indexes.append(guild_key(conversation.guild_id))
        for index in indexes:
            commands += [("ZADD", index, now, conversation.conversation_id), ("EXPIRE", index, ttl)]
        if people:
            commands.append(("HMGET", BURIED, *people))
        commands.append(("HGET", key, CLEARED))
        answers = await self._batches.run(*commands)
        if int(answers.pop() or 0) > conversation.cleared and entries:
            await self._redis.hdel(key, *entries)
            return
        buried = _moments(people, answers[-1]) if people else {}
        late = [turn for turn in turns if _forgotten(turn, buried)]
        await self.remove(replace(conversation, turns=tuple(kept)), [turn.turn_id for turn in late])
        for person in {person for turn in late for person in _forgotten(turn, buried)}:
            await self.forget(person, [conversation.conversation_id])

    async def remove(self, conversation: Conversation, turn_ids: Sequence[str]) -> None:
        """See ConversationStore."""
        if not turn_ids:
            return
        key = _key(conversation.conversation_id)
        if {turn.turn_id for turn in conversation.turns} <= set(turn_ids):
            await self._redis.delete(key)
            if conversation.guild_id:
                await self._redis.zrem(guild_key(conversation.guild_id), conversation.conversation_id)
        else:
            await self._redis.hdel(key, *[TURN + turn_id for turn_id in turn_ids])

    async def clear(self, conversation_id: str) -> int:
        """See ConversationStore."""
        key, ttl = _key(conversation_id), round(self._settings.current.conversations.ttl)
        for _ in range(CONTENDED_TRIES):
            async with self._redis.pipeline(transaction=True) as pipe:
                await pipe.watch(key)
                turns = [field for field in await pipe.hkeys(key) if _text(field).startswith(TURN)]
                pipe.multi()
                pipe.hincrby(key, CLEARED, 1)
                if turns:
                    pipe.hdel(key, *turns)
                pipe.expire(key, ttl)
                try:
                    await pipe.execute()
                except WatchError:
                    continue
                return len(turns)
        raise Unavailable("too much is said here at once", reason="CONVERSATION_BUSY", retry_after=1.0)

    async def bury(self, user_id: int, at: float) -> None:
        """See ConversationStore. It holds for good: Discord's threads do not end either."""
        await self._redis.hset(BURIED, user_id, repr(at))

    async def buried(self, people: Collection[int]) -> dict[int, float]:
        """See ConversationStore."""
        asked = sorted(people)
        return _moments(asked, await self._redis.hmget(BURIED, asked)) if asked else {}

    async def recent(self, *, user_id: int, guild_id: int, before: float | None, limit: int) -> list[tuple[str, float]]:
        """See ConversationStore."""
        key = person_key(user_id) if user_id else guild_key(guild_id)
        highest = "+inf" if before is None else f"({before!r}"
        found = await self._redis.zrange(
            key, highest, "-inf", desc=True, byscore=True, offset=0, num=limit, withscores=True
        )
        return [(_text(name), float(score)) for name, score in found]

    async def forget(self, user_id: int, conversation_ids: Sequence[str]) -> None:
        """See ConversationStore."""
        if conversation_ids:
            await self._redis.zrem(person_key(user_id), *conversation_ids)


def _moments(people: Sequence[int], values: Sequence[bytes | None]) -> dict[int, float]:
    return {person: float(value) for person, value in zip(people, values, strict=True) if value is not None}


def _forgotten(turn: ConversationTurn, buried: Mapping[int, float]) -> set[int]:
    """Those who spoke in a turn and had themselves forgotten since it began."""
    return {person for person in authors([turn]) if buried.get(person, 0.0) >= turn.created}


def person_key(user_id: int) -> str:
    """The index of one person's conversations."""
    return f"llm:person:{{{user_id}}}:conversations"


def guild_key(guild_id: int) -> str:
    """The index of one guild's conversations."""
    return f"llm:guild:{{{guild_id}}}:conversations"


def _key(conversation_id: str) -> str:
    return f"llm:conversation:{{{conversation_id}}}"


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
