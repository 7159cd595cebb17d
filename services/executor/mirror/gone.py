"""Cleans up what belonged to channels, threads and guilds that are gone, a while after they went.

A channel that is deleted does not come back, but a guild does: somebody removed the bot by mistake, or only for a day.
So what is gone is noted with the moment at which it is cleaned up, and a guild that comes back before then is taken off
again. What a step could not reach stays noted and is tried at the next look.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

import grpc
import redis.asyncio as redis
import structlog
from guildhall.settings.v1 import settings_pb2, settings_pb2_grpc
from redis.exceptions import RedisError

from chassis.caller import Caller, acting_for
from chassis.clock import Clock
from chassis.errors import GuildhallError, from_rpc_error
from chassis.scoped import Scope, ScopedSettings, ScopeKind
from services.executor.board.record import BoardRecord
from services.executor.jobs import keys as job_keys
from services.executor.mirror import keys
from services.executor.mirror.reading import MirrorReader
from services.executor.mirror.settings import MirrorSettings
from services.executor.mirror.store import MirrorStore

_log = structlog.get_logger(__name__)

SERVICES = ("gateway", "llm", "board")
"""The other services that keep settings."""
_SECONDS = 5.0
_AT_ONCE = 100
_NOT_LEADING = 1.0
_DAY = 86_400
_CATEGORY = 4


@dataclass(frozen=True)
class Gone:
    """Something that is gone; for a guild `channels` are those that it had."""

    scope: Scope
    channels: frozenset[int] = frozenset()

    def dump(self) -> str:
        """As it is noted."""
        return f"{self.scope.field} {','.join(map(str, sorted(self.channels)))}"

    @classmethod
    def load(cls, raw: bytes) -> Gone:
        """What was noted."""
        field, _, channels = raw.decode().partition(" ")
        return cls(Scope.from_field(field), frozenset(int(channel) for channel in channels.split(",") if channel))

    def holds(self, channel_id: int) -> bool:
        """Whether a channel or thread is gone with it."""
        return channel_id == self.scope.id or channel_id in self.channels


class GoneRegister:
    """Notes what is gone."""

    def __init__(
        self, client: redis.Redis, reader: MirrorReader, settings: Callable[[], MirrorSettings], clock: Clock
    ) -> None:
        self._redis: Any = client
        self._reader = reader
        self._settings = settings
        self._clock = clock

    async def channels(self, guild_id: int, channel_ids: Iterable[int]) -> None:
        """Channels or categories were deleted. To be called while the copy still says what they were."""
        copy = await self._reader.guild(guild_id)
        for channel_id in channel_ids:
            raw = copy.channels.get(channel_id) if copy is not None else None
            category = raw is not None and json.loads(raw).get("type") == _CATEGORY
            await self._note(Gone(Scope(ScopeKind.CATEGORY if category else ScopeKind.CHANNEL, guild_id, channel_id)))

    async def thread(self, guild_id: int, thread_id: int) -> None:
        """A thread was deleted."""
        await self._note(Gone(Scope(ScopeKind.THREAD, guild_id, thread_id)))

    async def guild(self, guild_id: int) -> None:
        """The bot is no longer in a guild. To be called while the copy still says which channels it had."""
        copy = await self._reader.guild(guild_id)
        gone = Gone(
            Scope(ScopeKind.GUILD, guild_id, guild_id), frozenset(copy.channels) if copy is not None else frozenset()
        )
        await self._redis.hsetnx(keys.GONE_GUILDS, guild_id, gone.dump())
        # Told a second time the copy may be gone already: what was noted first knows more.
        await self._note(Gone.load(await self._redis.hget(keys.GONE_GUILDS, guild_id)))

    async def came_back(self, guild_id: int) -> None:
        """The bot is in a guild (again)."""
        raw = await self._redis.hget(keys.GONE_GUILDS, guild_id)
        if raw is not None:
            await self.done(raw)

    async def due(self) -> list[bytes]:
        """What is to be cleaned up now, as it was noted."""
        return list(await self._redis.zrangebyscore(keys.GONE, "-inf", self._clock.now(), start=0, num=_AT_ONCE))

    async def done(self, raw: bytes) -> None:
        """It was cleaned up, or need not be."""
        scope = Gone.load(raw).scope
        await self._redis.zrem(keys.GONE, raw)
        if scope.kind is ScopeKind.GUILD:
            await self._redis.hdel(keys.GONE_GUILDS, scope.guild_id)

    async def _note(self, gone: Gone) -> None:
        # The first time counts: a repeated event must not put it off.
        due = self._clock.now() + self._settings().grace_days * _DAY
        await self._redis.zadd(keys.GONE, {gone.dump(): due}, nx=True)


class Sweeper:
    """Cleans up, and keeps the copies that are in use."""

    def __init__(
        self,
        client: redis.Redis,
        register: GoneRegister,
        store: MirrorStore,
        reader: MirrorReader,
        record: BoardRecord,
        *,
        channel: Callable[[str], grpc.aio.Channel],
        own: ScopedSettings,
        settings: Callable[[], MirrorSettings],
        clock: Clock,
        leads: Callable[[], bool],
    ) -> None:
        self._redis: Any = client
        self._register = register
        self._store = store
        self._reader = reader
        self._record = record
        self._channel = channel
        self._own = own
        self._settings = settings
        self._clock = clock
        self._leads = leads
        self.swept = 0

    async def run(self) -> None:
        """Looks again and again, while this executor leads."""
        looked = 0.0
        while True:
            await asyncio.sleep(_NOT_LEADING)
            if not self._leads() or (self._clock.monotonic() - looked < self._settings().sweep_seconds and looked):
                continue
            looked = self._clock.monotonic()
            try:
                await self.sweep()
                for guild_id in await self._store.guilds():
                    if (await self._reader.certainty(guild_id)).guild:
                        await self._store.keep_alive(guild_id)
            except RedisError as error:
                _log.warning("sweep.interrupted", error=type(error).__name__)

    async def sweep(self) -> int:
        """Cleans up everything that is due; gives how much that was."""
        done = 0
        while raw := await self._register.due():
            gone = [Gone.load(one) for one in raw]
            await self._forget_threads(gone)
            for one in gone:
                for held in {one.scope.id, *one.channels}:
                    await self._redis.unlink(job_keys.thread(held), job_keys.settings_checked(held))
            await self._record.mark_gone(partial(_held_by, gone))
            before = done
            for name, one in zip(raw, gone, strict=True):
                if await self._clean(one):
                    await self._register.done(name)
                    done += 1
            if done == before:
                break
        self.swept += done
        return done

    async def _clean(self, gone: Gone) -> bool:
        """Has every service forget the settings, and forgets the copy of a guild. False where one can't be reached."""
        scope = gone.scope
        request = settings_pb2.DeleteSettingsRequest(
            scope=settings_pb2.Scope(
                kind=settings_pb2.ScopeKind.ValueType(scope.kind.value), guild_id=scope.guild_id, id=scope.id
            )
        )
        for service in SERVICES:
            stub = settings_pb2_grpc.SettingsServiceStub(self._channel(service))
            try:
                with acting_for(None):
                    await stub.DeleteSettings(request, timeout=_SECONDS)
            except grpc.aio.AioRpcError as error:
                failure: GuildhallError = from_rpc_error(error)
                _log.info("sweep.has_to_wait", of=service, scope=scope.field, reason=failure.reason)
                return False
        await self._own.delete(Caller("executor", None), scope)
        if scope.kind is ScopeKind.GUILD:
            await self._store.forget(scope.guild_id)
        _log.info("swept", scope=scope.field)
        return True

    async def _forget_threads(self, gone: list[Gone]) -> None:
        """Forgets which conversations stood in threads of channels that are gone."""
        prefix = job_keys.thread(0).removesuffix("0")
        async for name in self._redis.scan_iter(match=f"{prefix}*", count=500):
            raw = await self._redis.get(name)
            if raw is None:
                continue
            _, parent = json.loads(raw)
            if any(one.holds(int(parent)) for one in gone):
                await self._redis.unlink(name)


def _held_by(gone: list[Gone], channel_id: int) -> bool:
    return any(one.holds(channel_id) for one in gone)
