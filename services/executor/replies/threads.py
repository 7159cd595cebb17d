"""Which conversation stands in which thread or chain of replies, kept in Redis.

A thread that is opened from a message has the message's id, so this is written before the thread exists: whoever
writes in it finds the conversation, whatever died meanwhile.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import redis.asyncio as redis

from services.executor.jobs import keys

_DAY_SECONDS = 86_400


@dataclass(frozen=True)
class ThreadEntry:
    """What is known of a thread of the bot's."""

    conversation_id: str
    parent_channel_id: int


class ThreadDirectory:
    """Remembers threads."""

    def __init__(self, client: redis.Redis, *, ttl_days: int) -> None:
        self._redis: Any = client
        self._ttl = ttl_days * _DAY_SECONDS

    async def find(self, thread_id: int) -> ThreadEntry | None:
        """What is known of a thread; None for one that is not the bot's or was forgotten."""
        raw = await self._redis.get(keys.thread(thread_id))
        if raw is None:
            return None
        conversation_id, parent = json.loads(raw)
        return ThreadEntry(conversation_id, int(parent))

    async def remember(self, thread_id: int, entry: ThreadEntry) -> None:
        """Keeps a thread's conversation."""
        await self._redis.set(
            keys.thread(thread_id), json.dumps([entry.conversation_id, entry.parent_channel_id]), ex=self._ttl
        )

    async def chain(self, message_id: int) -> str | None:
        """The conversation of an answer that stands in no thread; None for any other message."""
        raw = await self._redis.get(keys.answer(message_id))
        return None if raw is None else raw.decode()

    async def remember_chain(self, message_id: int, conversation_id: str) -> None:
        """Keeps the conversation of an answer, so that a reply to it goes on with it."""
        await self._redis.set(keys.answer(message_id), conversation_id, ex=self._ttl)
