"""How the mirror's parts hang together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import redis.asyncio as redis
import structlog
from guildhall.executor.v1 import mirror_pb2_grpc
from redis.exceptions import RedisError

from chassis.errors import GuildhallError
from chassis.scoped import ScopedSettings
from chassis.service import Runtime
from services.executor.board.record import BoardRecord
from services.executor.discord.rest import RestClient
from services.executor.jobs.model import JobKind
from services.executor.jobs.redis_store import JobStore
from services.executor.mirror.applying import Applier
from services.executor.mirror.departures import DepartureJobs, Departures
from services.executor.mirror.feeds import Feeds
from services.executor.mirror.fetching import Fetching
from services.executor.mirror.gone import GoneRegister, Sweeper
from services.executor.mirror.leaving import Leaving
from services.executor.mirror.reading import MirrorReader
from services.executor.mirror.servicer import MirrorFeedServicer, MirrorServicer
from services.executor.mirror.settings import MirrorSettings
from services.executor.mirror.store import MirrorStore
from services.executor.mirror.watching import Changes
from services.executor.settings import ExecutorSettings

_log = structlog.get_logger(__name__)
_PAUSE = 1.0

FEED_METHODS = ("OpenFeed", "ApplyChanges")
READERS = {
    "GetGuild": ("gateway", "board"),
    "GetMember": ("gateway", "board"),
    "GetPermissions": ("gateway",),
    "ListMembers": ("board",),
    "WatchMembers": ("board",),
}


class Mirror:
    """Everything that the mirror is made of."""

    def __init__(
        self,
        runtime: Runtime[ExecutorSettings],
        client: redis.Redis,
        *,
        jobs: JobStore,
        rest: RestClient,
        guild_settings: ScopedSettings,
        leads: Callable[[], bool],
    ) -> None:
        clock = runtime.clock
        self._runtime = runtime
        self._access_changed = asyncio.Event()
        self._access_changed.set()
        self.store = MirrorStore(client, self._settings, clock)
        self.feeds = Feeds(client, self._settings, clock)
        self.reader = MirrorReader(client, self.store, self.feeds, self._settings)
        self.fetching = Fetching(rest, self.store, self.reader, clock)
        changes = Changes(client, self.reader, self._settings, clock)
        gone = GoneRegister(client, self.reader, self._settings, clock)
        self.leaving = Leaving(
            jobs,
            rest=rest,
            access=lambda: runtime.settings.current.guilds,
            guild_settings=guild_settings,
            reader=self.reader,
            clock=clock,
        )
        applier = Applier(
            self.store,
            self.feeds,
            changes,
            departures=Departures(jobs, clock),
            gone=gone,
            leaving=self.leaving,
            settings=self._settings,
        )
        self.sweeper = Sweeper(
            client,
            gone,
            self.store,
            self.reader,
            BoardRecord(client, kept_days=runtime.settings.current.board.kept_days),
            channel=runtime.channel,
            own=guild_settings,
            settings=self._settings,
            clock=clock,
            leads=leads,
        )
        self._feed = MirrorFeedServicer(applier, self.feeds)
        self._known = MirrorServicer(
            self.reader, self.fetching, changes, applier=applier, settings=self._settings
        )  # fmt: skip
        self.kinds: tuple[JobKind, ...] = (
            DepartureJobs(self.reader, self.fetching, runtime.channel("board")),
            self.leaving,
        )

    def _settings(self) -> MirrorSettings:
        return self._runtime.settings.current.mirror

    def serve(self) -> None:
        """Registers the contracts."""
        self._runtime.serve(
            mirror_pb2_grpc.add_MirrorFeedServiceServicer_to_server,
            self._feed,
            callers=dict.fromkeys(FEED_METHODS, ("gateway",)),
        )
        self._runtime.serve(mirror_pb2_grpc.add_MirrorServiceServicer_to_server, self._known, callers=READERS)

    def work(self) -> None:
        """Registers what runs beside the server."""
        self._runtime.settings.subscribe(self._reloaded)
        self._runtime.background("sweep", self.sweeper.run)
        self._runtime.background("guilds that are not allowed", self._keep_to_allowed_guilds)
        self._runtime.status("mirror", lambda: {"swept": self.sweeper.swept})

    def _reloaded(self, old: ExecutorSettings, new: ExecutorSettings) -> None:
        if old.guilds != new.guilds:
            self._access_changed.set()

    async def _keep_to_allowed_guilds(self) -> None:
        """Leaves what is not allowed (any more), at the start and after each change of the configuration."""
        while True:
            await self._access_changed.wait()
            self._access_changed.clear()
            try:
                for guild_id in await self.store.guilds():
                    await self.leaving.look_at(guild_id)
            except (RedisError, GuildhallError) as error:
                _log.warning("guilds.not_looked_at", error=str(error))
                await asyncio.sleep(_PAUSE)
                self._access_changed.set()
