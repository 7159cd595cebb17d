"""Questions that people change after they asked: what a message says now, and the offer to answer it again.

A message may be changed before, while or after it is answered. Whoever changes it writes the new text down and looks
for the answer; whoever has answered notes the answer and looks for a new text. So one of the two sees the other, and
where both do, the offer is the same event and is made once. Further changes are covered by the offer that stands: it
asks what the message says when somebody takes it.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import redis.asyncio as redis

from services.executor.jobs import keys
from services.executor.replies.notice_job import Notice
from services.executor.replies.notices import in_locale
from services.executor.replies.record import ReplyRecord, ReplyRecords
from views.messages import message
from views.reply_controls import Named, again

_DAY_SECONDS = 86_400
_CHANGED_DAYS = 7

Notify = Callable[[int, Notice], Awaitable[bool]]


@dataclass(frozen=True)
class Change:
    """What a message was changed to."""

    text: str
    event_id: int
    locale: str = ""


class Edits:
    """Remembers answers and changes by message, and offers to answer again."""

    def __init__(self, client: redis.Redis, records: ReplyRecords, notify: Notify, *, ttl_days: int) -> None:
        self._redis: Any = client
        self._records = records
        self._notify = notify
        self._ttl = ttl_days * _DAY_SECONDS

    async def changed(self, message_id: int, change: Change) -> bool:
        """Takes a change over; whether the message's answer is known."""
        kept = json.dumps([change.text, change.event_id, change.locale])
        await self._redis.set(keys.changed(message_id), kept, ex=_CHANGED_DAYS * _DAY_SECONDS)
        reply_id = await self._redis.get(keys.question(message_id))
        record = await self._records.find(reply_id.decode()) if reply_id is not None else None
        if record is None:
            return False
        await self._offer(record, message_id, change)
        return True

    async def answered(self, record: ReplyRecord) -> None:
        """Notes whose answer this is; offers to answer again what was changed meanwhile."""
        for message_id in record.question.messages:
            await self._redis.set(keys.question(message_id), record.job_id, ex=self._ttl)
            change = await self._change(message_id)
            if change is not None:
                await self._offer(record, message_id, change)

    async def now(self, record: ReplyRecord) -> ReplyRecord:
        """The record with its question as its messages stand now; what was offered of them is taken with it."""
        question = record.question
        for message_id in question.messages:
            await self._redis.delete(keys.offered(message_id))
            change = await self._change(message_id)
            if change is not None:
                question = question.changed(message_id, change.text)
        return record.model_copy(update={"question": question})

    async def _change(self, message_id: int) -> Change | None:
        raw = await self._redis.get(keys.changed(message_id))
        return None if raw is None else Change(*json.loads(raw)[:3])

    async def _offer(self, record: ReplyRecord, message_id: int, change: Change) -> None:
        question = record.question
        if question.said_in(message_id) == change.text:
            return
        text = in_locale(change.locale or question.asker.locale)
        named = Named(record.job_id, question.asker.user_id)
        body = message(text("reply.changed"), components=again(named, text))
        notice = Notice(guild_id=question.guild_id, channel_id=question.channel_id, reply_to=message_id, body=body)
        await self._notify(await self._standing(message_id, change.event_id), notice)

    async def _standing(self, message_id: int, event_id: int) -> int:
        """The change whose offer stands; from now on this one, where there was none."""
        name = keys.offered(message_id)
        if await self._redis.set(name, event_id, nx=True, ex=_CHANGED_DAYS * _DAY_SECONDS):
            return event_id
        standing = await self._redis.get(name)
        return event_id if standing is None else int(standing)
