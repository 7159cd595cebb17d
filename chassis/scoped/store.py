"""Keeps scopes in Redis, durably, with a version each and a log of changes.

Three keys that share a hash tag, so that one transaction covers them in a cluster too:
`llm:{llm:settings}:scopes` a hash of JSON documents by scope, `…:log` a stream with one entry per change whose ids
are the revisions, `…:epoch` a random word made with the first change. A lost and refilled store has another epoch, so
a watcher who comes with a revision of the old one is told everything anew.
"""

import json
import secrets
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import WatchError

from chassis.clock import Clock
from chassis.errors import Aborted, Unavailable
from chassis.scoped.declarations import Value
from chassis.scoped.places import Scope

# A watcher that was away for more changes than these is told everything anew.
LOG_LENGTH = 10_000
_ATTEMPTS = 20
# Seconds that one command waits for a change; well under a connection's time-out.
_BLOCK = 1.0


@dataclass(frozen=True)
class ScopeValues:
    """What one scope holds."""

    scope: Scope
    values: Mapping[str, Value] = field(default_factory=dict)
    version: int = 0
    updated: float = 0.0
    recovered: bool = False


@dataclass(frozen=True)
class Revision:
    """How far a watcher has come."""

    epoch: str
    entry: str

    def __str__(self) -> str:
        return f"{self.epoch}.{self.entry}"

    @classmethod
    def parse(cls, text: str) -> "Revision | None":
        """The revision that a watcher brings; None where it brings none, or none of ours."""
        epoch, dot, entry = text.partition(".")
        return cls(epoch, entry) if dot and entry.replace("-", "").isdecimal() else None


class ScopeStore:
    """The scopes of one service."""

    def __init__(self, redis: Redis, key_prefix: str, clock: Clock) -> None:
        self._redis = redis
        self._clock = clock
        tag = f"{key_prefix}{{{key_prefix}settings}}"
        self._scopes, self._log, self._epoch = f"{tag}:scopes", f"{tag}:log", f"{tag}:epoch"
        self._subscribers: list[Callable[[Iterable[Scope]], None]] = []

    def subscribe(self, callback: Callable[[Iterable[Scope]], None]) -> None:
        """Calls back with the scopes that were changed through this object."""
        self._subscribers.append(callback)

    async def get(self, scopes: Iterable[Scope]) -> list[ScopeValues]:
        """What some scopes hold, in their order; one round trip."""
        wanted = list(scopes)
        if not wanted:
            return []
        found = await self._redis.hmget(self._scopes, [scope.field for scope in wanted])
        return [_load(scope, document) for scope, document in zip(wanted, found, strict=True)]

    async def change(
        self,
        scope: Scope,
        changed: Callable[[Mapping[str, Value]], Mapping[str, Value]],
        *,
        expected_version: int | None,
        recovered: bool,
    ) -> ScopeValues:
        """Changes one scope atomically. Aborted (SETTINGS_CHANGED) where it has another version than was expected."""
        for _ in range(_ATTEMPTS):
            async with self._redis.pipeline(transaction=True) as pipe:
                await pipe.watch(self._scopes)
                old = _load(scope, await pipe.hget(self._scopes, scope.field))
                if expected_version is not None and old.version != expected_version:
                    raise Aborted(
                        "somebody else changed these settings meanwhile",
                        reason="SETTINGS_CHANGED",
                        metadata={"version": str(old.version)},
                    )
                new = ScopeValues(scope, changed(old.values), old.version + 1, self._clock.now(), recovered)
                pipe.multi()  # type: ignore[no-untyped-call]
                pipe.hset(self._scopes, scope.field, _dump(new))
                self._announce(pipe, [scope])
                try:
                    await pipe.execute()
                except WatchError:
                    continue
                self._tell([scope])
                return new
        raise Unavailable("too many changes at once", reason="SETTINGS_BUSY", retry_after=1.0)

    async def delete(self, prefix: str) -> int:
        """Forgets each scope whose field begins so; gives how many held something."""
        fields = [field async for field, _ in self._scan(f"{prefix}*")]
        for start in range(0, len(fields), 500):
            some = fields[start : start + 500]
            async with self._redis.pipeline(transaction=True) as pipe:
                pipe.hdel(self._scopes, *some)
                gone = [Scope.from_field(field) for field in some]
                self._announce(pipe, gone)
                await pipe.execute()
            self._tell(gone)
        return len(fields)

    async def revision(self) -> Revision:
        """Where the log ends now."""
        epoch = await self._redis.get(self._epoch)
        newest = await self._redis.xrevrange(self._log, count=1)
        return Revision(_text(epoch), _text(newest[0][0]) if newest else "0-0")

    async def all(self) -> AsyncIterator[ScopeValues]:
        """Every scope that holds something; one that changes meanwhile may come in either state."""
        async for field_, document in self._scan("*"):
            yield _load(Scope.from_field(field_), document)

    async def since(self, revision: Revision, wait: float) -> tuple[Revision, list[Scope]] | None:
        """The scopes changed after a revision, waiting up to `wait` seconds for one; None where the log no longer
        reaches back that far or belongs to another store."""
        deadline = self._clock.monotonic() + wait
        while True:
            found = await self._entries_after(revision)
            if found is None or found[1]:
                return found
            left = deadline - self._clock.monotonic()
            if left <= 0:
                return found
            await self._redis.xread({self._log: revision.entry}, count=1, block=max(1, int(min(_BLOCK, left) * 1000)))

    async def _entries_after(self, revision: Revision) -> tuple[Revision, list[Scope]] | None:
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.get(self._epoch)
            pipe.xrange(self._log, min=revision.entry, count=1)
            pipe.xrange(self._log, min=f"({revision.entry}", count=500)
            epoch, here, after = await pipe.execute()
        if _text(epoch) != revision.epoch:
            return None
        from_the_start = revision.entry == "0-0"
        if not from_the_start and not (here and _text(here[0][0]) == revision.entry):
            return None
        scopes = [Scope.from_field(_text(fields[b"scope"])) for _, fields in after]
        return (Revision(revision.epoch, _text(after[-1][0])) if after else revision), scopes

    async def _scan(self, pattern: str) -> AsyncIterator[tuple[str, bytes]]:
        async for name, document in self._redis.hscan_iter(self._scopes, match=pattern, count=500):
            yield _text(name), document

    def _tell(self, scopes: Iterable[Scope]) -> None:
        for callback in self._subscribers:
            callback(scopes)

    def _announce(self, pipe: Any, scopes: Iterable[Scope]) -> None:
        pipe.set(self._epoch, secrets.token_hex(8), nx=True)
        for scope in scopes:
            pipe.xadd(self._log, {"scope": scope.field}, maxlen=LOG_LENGTH, approximate=True)


def _load(scope: Scope, document: bytes | str | None) -> ScopeValues:
    if document is None:
        return ScopeValues(scope)
    found = json.loads(document)
    values = {key: tuple(value) if isinstance(value, list) else value for key, value in found["values"].items()}
    return ScopeValues(scope, values, found["version"], found["updated"], found["recovered"])


def _dump(values: ScopeValues) -> str:
    return json.dumps(
        {
            "values": dict(values.values),
            "version": values.version,
            "updated": values.updated,
            "recovered": values.recovered,
        }
    )


def _text(value: bytes | str | None) -> str:
    return value.decode() if isinstance(value, bytes) else value or ""
