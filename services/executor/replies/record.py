"""What is remembered of an answer after its job is done: what was asked, what was answered, where it stands.

The buttons under an answer name its job; whatever replica is asked finds the rest here.
"""

from __future__ import annotations

from typing import Any

import redis.asyncio as redis
from pydantic import BaseModel

from chassis.clock import Clock
from chassis.errors import NotFound
from services.executor.jobs import keys
from services.executor.replies.question import Question

_DAY_SECONDS = 86_400


class Version(BaseModel):
    """One answer to the question."""

    job_id: str
    """The job that gave it; a job that is repeated gives the same version again."""
    text: str
    """What stands in Discord, without footer."""
    shown_text: str
    """What stands in Discord, footer and thinking included."""
    model: str = ""
    created: float
    failed: bool = False


class ReplyRecord(BaseModel):
    """An answer with its versions."""

    job_id: str
    """The first job: the answer's name for good."""
    question: Question
    channel_id: int
    message_ids: list[int]
    versions: list[Version]
    shown: int = 0
    persona: str = ""
    hook_channel_id: int = 0
    """Whose webhook its messages are by (`speakers.Voice`); 0 for the bot itself."""

    def with_version(self, version: Version) -> ReplyRecord:
        """The record with a version shown: a new one, or the same job's once more."""
        versions = [each for each in self.versions if each.job_id != version.job_id]
        return self.model_copy(update={"versions": [*versions, version], "shown": len(versions)})


class ReplyRecords:
    """Keeps records in Redis for as long as threads are remembered."""

    def __init__(self, client: redis.Redis, clock: Clock, *, ttl_days: int) -> None:
        self._redis: Any = client
        self._clock = clock
        self._ttl = ttl_days * _DAY_SECONDS

    async def find(self, job_id: str) -> ReplyRecord | None:
        """The record of an answer; None where it expired or never was."""
        raw = await self._redis.get(keys.reply(job_id))
        return None if raw is None else ReplyRecord.model_validate_json(raw)

    async def get(self, job_id: str) -> ReplyRecord:
        """The record of an answer. Raises NotFound."""
        record = await self.find(job_id)
        if record is None:
            raise NotFound("there is no such answer", reason="REPLY_UNKNOWN")
        return record

    async def put(self, record: ReplyRecord) -> None:
        """Keeps a record in place of what was there. The token in it is left out: it is dead long before the record."""
        interaction = record.question.interaction
        if interaction is not None:
            bare = interaction.model_copy(update={"token": ""})
            record = record.model_copy(update={"question": record.question.model_copy(update={"interaction": bare})})
        await self._redis.set(keys.reply(record.job_id), record.model_dump_json(), ex=self._ttl)
        index, now = keys.replies_of(record.question.asker.user_id), self._clock.now()
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.zadd(index, {record.job_id: now})
            pipe.zremrangebyscore(index, "-inf", now - self._ttl)
            pipe.expire(index, self._ttl)
            await pipe.execute()

    async def of_person(self, user_id: int) -> list[ReplyRecord]:
        """The answers to a person's questions, oldest first."""
        names = await self._redis.zrange(keys.replies_of(user_id), 0, -1)
        found = [await self.find(name.decode()) for name in names]
        return [record for record in found if record is not None]

    async def forget_person(self, user_id: int) -> int:
        """Forgets them; gives how many there were. Their buttons say then that they are too old."""
        records = await self.of_person(user_id)
        for record in records:
            asked_in = record.question.messages
            await self._redis.delete(
                keys.reply(record.job_id),
                *(name(message_id) for message_id in asked_in for name in (keys.question, keys.changed, keys.offered)),
            )
        await self._redis.delete(keys.replies_of(user_id))
        return len(records)
