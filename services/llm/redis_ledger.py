"""The usage ledger in Redis: a stream of calls, folded into sums.

A call is one append. Folding takes calls off the stream and adds them to the sums of their day, in one transaction with
the cursor that says how far it came, and with the events that come of it: a crash between them can't be, and two
replicas that fold at once can't both succeed. All keys share one hash tag, so that a transaction may touch them in a
cluster.
"""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError, WatchError

from chassis.clock import Clock
from chassis.settings import Live
from services.llm.chat import Usage
from services.llm.redis_batches import RedisBatches
from services.llm.settings import LlmSettings
from services.llm.usage import FIELDS, Alert, CallRecord, Entry, GuildEvent, Query, Report, Sums, crossed, days, report

log = structlog.get_logger(__name__)
PREFIX = "llm:{ledger}:"
CALLS, CURSOR = f"{PREFIX}calls", f"{PREFIX}cursor"
BATCH = 500
EVENTS_KEPT = 1_000
CONTENDED_TRIES = 50
LOOK_SECONDS = 1.0
"""Seconds between two looks for new events."""
DAY = 86_400


class RedisLedger:
    """Where calls are written down and summed."""

    def __init__(self, redis: Redis, batches: RedisBatches, settings: Live[LlmSettings], clock: Clock) -> None:
        self._redis: Any = redis  # typed for both ways of decoding; the clients here give bytes
        self._batches = batches
        self._settings = settings
        self._clock = clock

    async def record(self, record: CallRecord) -> None:
        """See Ledger."""
        try:
            await self._batches.run(("XADD", CALLS, "*", "r", _encode(record)))
        except RedisError:
            log.warning("a call could not be written down", call=record.call_id)
            raise

    async def fold_forever(self) -> None:
        """Folds now and then. A store that is away is waited for."""
        while True:
            try:
                await self.fold()
            except RedisError as error:
                log.warning("the ledger could not be folded", error=repr(error))
            await asyncio.sleep(self._settings.current.usage.fold_interval)

    async def fold(self) -> int:
        """Adds all calls written so far to the sums; says how many there were."""
        folded = 0
        for _ in range(CONTENDED_TRIES):
            try:
                while count := await self._fold_batch():
                    folded += count
            except WatchError:
                continue  # another replica was faster; what is left may be ours
            return folded
        return folded

    async def query(self, query: Query) -> Report:
        """The answer to a query, with everything written so far."""
        await self.fold()
        today = datetime.fromtimestamp(self._clock.now(), UTC).date()
        period = days(query, today)
        async with self._redis.pipeline(transaction=False) as pipe:
            for day in period:
                pipe.hgetall(_day_key(query.guild_id, day))
            answers = await pipe.execute()
        return report(
            query, (entry for day, fields in zip(period, answers, strict=True) for entry in _entries(day, fields))
        )

    async def watch(self, guild_id: int, after: int, seconds: float) -> AsyncIterator[GuildEvent]:
        """The events of a guild after a sequence, then those that come, for a while."""
        ends = self._clock.monotonic() + seconds
        while True:
            found = await self._redis.xrange(_events_key(guild_id), min=f"{after + 1}-0", count=100)
            for identifier, fields in found:
                after = int(identifier.partition(b"-")[0])
                entry = json.loads(fields[b"e"])
                yield GuildEvent(after, guild_id, entry["at"], Alert(**entry["alert"]))
            left = ends - self._clock.monotonic()
            if left <= 0:
                return
            if not found:
                await asyncio.sleep(min(LOOK_SECONDS, left))

    async def of_person(self, user_id: int) -> list[tuple[int, Entry]]:
        """What a person used, with the guild of each entry."""
        await self.fold()
        found = []
        for key in sorted(await self._redis.smembers(f"{PREFIX}person:{user_id}")):
            guild_id, day = key.decode().removeprefix(f"{PREFIX}day:").split(":")
            entries = _entries(day, await self._redis.hgetall(key))
            found += [(int(guild_id), entry) for entry in entries if entry.user_id == user_id]
        return found

    async def forget_person(self, user_id: int) -> None:
        """Takes a person's name out of the sums, which stay."""
        await self.fold()
        index = f"{PREFIX}person:{user_id}"
        for key in await self._redis.smembers(index):
            fields = await self._redis.hgetall(key)
            theirs = {name: int(value) for name, value in fields.items() if name.startswith(f"{user_id}|".encode())}
            async with self._redis.pipeline(transaction=True) as pipe:
                for name, value in theirs.items():
                    pipe.hincrby(key, b"0|" + name.partition(b"|")[2], value)
                    pipe.hdel(key, name)
                await pipe.execute()
        await self._redis.delete(index)

    async def _fold_batch(self) -> int:
        async with self._redis.pipeline(transaction=True) as pipe:
            await pipe.watch(CURSOR)
            cursor: bytes = await pipe.get(CURSOR) or b"0-0"
            found = await pipe.xrange(CALLS, min=b"(" + cursor, count=BATCH)
            if not found:
                return 0
            sums, months = _grouped([_decode(fields[b"r"]) for _, fields in found])
            before = {key: _sums(await pipe.hgetall(_month_key(*key))) for key in months}
            sequences = {
                guild_id: int(await pipe.get(_sequence_key(guild_id)) or 0)
                for guild_id in {guild for guild, _ in months}
            }
            pipe.multi()
            keep = self._settings.current.usage.keep_days * DAY
            for (guild_id, day, user_id, field), entry in sums.items():
                key = _day_key(guild_id, day)
                for name in FIELDS:
                    if amount := getattr(entry, name):
                        pipe.hincrby(key, f"{user_id}|{field}|{name}", amount)
                pipe.expire(key, keep)
                if user_id:
                    pipe.sadd(f"{PREFIX}person:{user_id}", key)
                    pipe.expire(f"{PREFIX}person:{user_id}", keep)
            for (guild_id, month), entry in months.items():
                for name in FIELDS:
                    if amount := getattr(entry, name):
                        pipe.hincrby(_month_key(guild_id, month), name, amount)
                pipe.expire(_month_key(guild_id, month), keep)
                after = before[guild_id, month]
                was = Sums(**asdict(after))
                after.add(entry)
                if guild_id:
                    for alert in crossed(month, was, after, self._settings.current.usage.alerts):
                        sequences[guild_id] += 1
                        self._append(pipe, guild_id, sequences[guild_id], alert)
            last: bytes = found[-1][0]
            pipe.set(CURSOR, last)
            pipe.xtrim(CALLS, minid=last)
            await pipe.execute()
            return len(found)

    def _append(self, pipe: Any, guild_id: int, sequence: int, alert: Alert) -> None:
        entry = json.dumps({"at": self._clock.now(), "alert": asdict(alert)})
        pipe.set(_sequence_key(guild_id), sequence)
        pipe.xadd(_events_key(guild_id), {"e": entry}, id=f"{sequence}-0", maxlen=EVENTS_KEPT, approximate=False)


def _grouped(
    records: list[CallRecord],
) -> tuple[dict[tuple[int, str, int, str], Sums], dict[tuple[int, str], Sums]]:
    """Sums by guild, day, person and `model|operation`, and by guild and month."""
    sums: dict[tuple[int, str, int, str], Sums] = defaultdict(Sums)
    months: dict[tuple[int, str], Sums] = defaultdict(Sums)
    for record in records:
        one = Sums.of(record)
        sums[record.guild_id, record.day, record.user_id, f"{record.model}|{record.operation}"].add(one)
        months[record.guild_id, record.day[:7]].add(one)
    return sums, months


def _entries(day: str, fields: dict[bytes, bytes]) -> list[Entry]:
    found: dict[tuple[int, str, str], Sums] = defaultdict(Sums)
    for name, value in fields.items():
        user_id, model, operation, metric = name.decode().split("|")
        setattr(found[int(user_id), model, operation], metric, int(value))
    return [Entry(day, user_id, model, operation, sums) for (user_id, model, operation), sums in found.items()]


def _sums(fields: dict[bytes, bytes]) -> Sums:
    return Sums(**{name.decode(): int(value) for name, value in fields.items()})


def _day_key(guild_id: int, day: str) -> str:
    return f"{PREFIX}day:{guild_id}:{day}"


def _month_key(guild_id: int, month: str) -> str:
    return f"{PREFIX}month:{guild_id}:{month}"


def _events_key(guild_id: int) -> str:
    return f"{PREFIX}events:{guild_id}"


def _sequence_key(guild_id: int) -> str:
    return f"{PREFIX}sequence:{guild_id}"


def _encode(record: CallRecord) -> str:
    usage = record.usage
    return json.dumps(
        [
            record.call_id, record.at, record.guild_id, record.user_id, record.model.replace("|", "_"),
            record.operation,
            [usage.input_tokens, usage.output_tokens, usage.cached_input_tokens, usage.reasoning_tokens,
             usage.estimated, usage.cost_nanos],
            round(record.seconds, 3), record.outcome,
        ]
    )  # fmt: skip


def _decode(text: bytes) -> CallRecord:
    call_id, at, guild_id, user_id, model, operation, usage, seconds, outcome = json.loads(text)
    return CallRecord(call_id, at, guild_id, user_id, model, operation, Usage(*usage), seconds, outcome)
