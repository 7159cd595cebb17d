"""Conversations in Redis.

One hash for a conversation: the field `meta`, and a field `t:<turn>` for every turn, so that two turns that end at once
do not overwrite each other. Indexes by person and guild are sorted sets by the last change. Everything expires together
with the last turn; what an index still names after that is dropped when it is read.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from redis.asyncio import Redis

from chassis.clock import Clock
from chassis.settings import Live
from services.llm.chat import ToolCall, Usage
from services.llm.conversation import Conversation, ConversationTurn, Input, ToolExchange
from services.llm.settings import LlmSettings

META = "meta"
BURIED = "llm:buried"
"""A hash: when each person who had themselves forgotten last did."""
TURN = "t:"


class RedisConversations:
    """The store of conversations."""

    def __init__(self, redis: Redis, settings: Live[LlmSettings], clock: Clock) -> None:
        self._redis: Any = redis  # typed for both ways of decoding; the clients here give bytes
        self._settings = settings
        self._clock = clock

    async def load(self, conversation_id: str) -> Conversation | None:
        """See ConversationStore."""
        fields: dict[Any, Any] = await self._redis.hgetall(_key(conversation_id))
        return _decode(conversation_id, fields) if fields else None

    async def load_many(self, conversation_ids: Sequence[str]) -> list[Conversation | None]:
        """See ConversationStore."""
        async with self._redis.pipeline(transaction=False) as pipe:
            for conversation_id in conversation_ids:
                pipe.hgetall(_key(conversation_id))
            answers = await pipe.execute()
        return [
            _decode(conversation_id, fields) if fields else None
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
        entries = {TURN + turn.turn_id: _encode_turn(turn) for turn in turns}
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.hset(key, mapping={META: _encode_meta(conversation, now + ttl), **entries})
            if gone := [TURN + turn_id for turn_id in (*removed, *superfluous)]:
                pipe.hdel(key, *gone)
            pipe.expire(key, ttl)
            authors = () if indexed else {entry.author_id for turn in turns for entry in turn.inputs if entry.author_id}
            for author in authors:
                pipe.zadd(person_key(author), {conversation.conversation_id: now})
                pipe.expire(person_key(author), ttl)
            if conversation.guild_id and not indexed:
                pipe.zadd(guild_key(conversation.guild_id), {conversation.conversation_id: now})
                pipe.expire(guild_key(conversation.guild_id), ttl)
            people = sorted({entry.author_id for turn in turns for entry in turn.inputs if entry.author_id})
            if people:
                pipe.hmget(BURIED, people)
            answers = await pipe.execute()
        buried = _moments(people, answers[-1]) if people else {}
        if buried:
            gone = [turn.turn_id for turn in turns if any(turn.created <= at for at in _of(turn, buried))]
            await self.remove(replace(conversation, turns=tuple(kept)), gone)

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


def _of(turn: ConversationTurn, buried: Mapping[int, float]) -> list[float]:
    return [buried[entry.author_id] for entry in turn.inputs if entry.author_id in buried]


def person_key(user_id: int) -> str:
    """The index of one person's conversations."""
    return f"llm:person:{{{user_id}}}:conversations"


def guild_key(guild_id: int) -> str:
    """The index of one guild's conversations."""
    return f"llm:guild:{{{guild_id}}}:conversations"


def _key(conversation_id: str) -> str:
    return f"llm:conversation:{{{conversation_id}}}"


def _encode_meta(conversation: Conversation, expires: float) -> str:
    meta = {
        "guild": conversation.guild_id,
        "channel": conversation.channel_id,
        "created": conversation.created,
        "expires": expires,
        "forked_from": conversation.forked_from,
    }
    return json.dumps(meta)


def _encode_turn(turn: ConversationTurn) -> str:
    entry: dict[str, Any] = {
        "inputs": [[each.text, each.author_id, each.author_name, *each.attachment_ids] for each in turn.inputs],
        "created": turn.created,
        "answer": turn.answer,
        "model": turn.model,
        "complete": turn.complete,
    }
    if turn.rebuilt:
        entry["rebuilt"] = True
    if turn.exchanges:
        entry["exchanges"] = [
            {
                "calls": [[call.id, call.name, call.arguments] for call in exchange.calls],
                "results": exchange.results,
                "text": exchange.text,
                "thinking": exchange.thinking_blocks,
            }
            for exchange in turn.exchanges
        ]
    if turn.usage is not None:
        usage = turn.usage
        entry["usage"] = [
            usage.input_tokens, usage.output_tokens, usage.cached_input_tokens, usage.reasoning_tokens, usage.estimated,
            usage.cost_nanos,
        ]  # fmt: skip
    return json.dumps(entry, ensure_ascii=False)


def _decode(conversation_id: str, fields: dict[Any, Any]) -> Conversation:
    texts = {_text(key): _text(value) for key, value in fields.items()}
    meta = json.loads(texts.pop(META, "{}"))
    turns = [
        _decode_turn(key.removeprefix(TURN), json.loads(value)) for key, value in texts.items() if key.startswith(TURN)
    ]
    return Conversation(
        conversation_id,
        meta.get("guild", 0),
        meta.get("channel", 0),
        meta.get("created", 0.0),
        meta.get("expires", 0.0),
        meta.get("forked_from", ""),
        tuple(sorted(turns, key=lambda turn: turn.order)),
    )


def _decode_turn(turn_id: str, entry: dict[str, Any]) -> ConversationTurn:
    exchanges = tuple(
        ToolExchange(
            tuple(ToolCall(*call) for call in each["calls"]),
            tuple((call_id, result) for call_id, result in each["results"]),
            each["text"],
            tuple(each["thinking"]),
        )
        for each in entry.get("exchanges", ())
    )
    return ConversationTurn(
        turn_id,
        tuple(Input(text, author, name, tuple(ids)) for text, author, name, *ids in entry["inputs"]),
        entry["created"],
        entry["answer"],
        entry["model"],
        entry["complete"],
        exchanges,
        Usage(*entry["usage"]) if "usage" in entry else None,
        entry.get("rebuilt", False),
    )


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
