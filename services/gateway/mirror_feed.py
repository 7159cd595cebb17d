"""Tells executor's mirror what one shard sees, in order, one batch at a time.

An event counts as handed over once executor has applied it, so a gateway that dies is told again by RESUME. Executor
may be away for a while: what changes meanwhile waits, and of each thing only its last state. When that becomes too much
or lasts too long the events are let go, and the shard's journal says, in the same transaction as the position that now
lies behind them, that there was a gap; executor is told of the gap before anything else.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import Callable
from typing import Any

import structlog
from guildhall.executor.v1 import mirror_pb2, mirror_pb2_grpc

from chassis.caller import acting_for
from chassis.clock import Clock
from chassis.errors import FailedPrecondition, GuildhallError
from chassis.settings import Live
from services.gateway import meters, mirror
from services.gateway.handover import called
from services.gateway.journal import Event
from services.gateway.mirror_fill import MemberFill
from services.gateway.mirror_queue import Batch, MirrorQueue, finished
from services.gateway.settings import GatewaySettings
from services.gateway.shards import Shard

_log = structlog.get_logger(__name__)

_SEEN_IN = frozenset({"INTERACTION_CREATE", "MESSAGE_CREATE"})
_FIRST_RETRY, _LONGEST_RETRY = 0.2, 5.0


class MirrorFeed:
    """The feed of one shard. `members_told` says whether Discord tells of members, which may end with a session."""

    def __init__(
        self,
        shard: Shard,
        stub: mirror_pb2_grpc.MirrorFeedServiceStub,
        *,
        members_told: Callable[[], bool],
        settings: Live[GatewaySettings],
        clock: Clock,
        rng: random.Random,
    ) -> None:
        self._shard = shard
        self._stub = stub
        self._members_told = members_told
        self._settings = settings
        self._clock = clock
        self._rng = rng
        self._queue = MirrorQueue(settings.current.mirror.queue)
        self._fill = MemberFill(shard.request_members, settings, clock, ready=lambda: self._queue.size < self._half)
        self._changed = asyncio.Event()
        self._session = ""
        self._epoch = 0
        self._number = 0
        self._listed: list[int] | None = None
        self._batch: Batch | None = None
        self._stuck_since: float | None = None
        self._superseded = False
        # A counter that was never seen at zero hides its first increase from whoever looks at increases.
        meters.mirror_gaps.add(0)

    def supersede(self, by_another: bool = True) -> None:
        """Another shard's feed tells of these guilds, whole, from now on or soon: this one is not begun again."""
        self._superseded = by_another

    def abandon(self) -> None:
        """Nothing of what waits is told any more, because another feed told of it."""
        self.supersede()
        self._epoch = 0
        self._drop()

    @property
    def waiting(self) -> int:
        """How many things executor has not been told yet."""
        return self._queue.size

    @property
    def _half(self) -> int:
        return self._settings.current.mirror.queue // 2

    def take(self, name: str, data: Any, event: Event) -> bool:
        """Takes an event; True where it counts as handed over later, by this feed."""
        if name == "READY":
            self._begin_session(data)
            return False
        if name == "GUILD_MEMBERS_CHUNK":
            self._take_page(data)
            return False
        if name == "RATE_LIMITED":
            self._fill.limited(data)
            return False
        if name in _SEEN_IN:
            if not self._members_told():
                mirror.see(self._queue, name, data)
                self._changed.set()
            return False
        if not mirror.tell(self._queue, name, data):
            return False
        guild_id = int(data["id"] if name in ("GUILD_CREATE", "GUILD_UPDATE", "GUILD_DELETE") else data["guild_id"])
        self._queue.of(guild_id).events.append(event)
        self._changed.set()
        if self._queue.too_long:
            self._let_go("too much happened while executor was away")
        return True

    async def run(self) -> None:
        """Tells, and asks for members, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._fill.run())
            group.create_task(self._tell_on())

    async def drain(self, patience: float) -> None:
        """Tells what is left, for so many seconds at most. What is left then Discord repeats to the next gateway."""
        deadline = self._clock.monotonic() + patience
        while (self._batch is not None or not self._queue.empty) and self._clock.monotonic() < deadline:
            await asyncio.sleep(0.02)

    def _begin_session(self, data: Any) -> None:
        self._listed = [int(guild["id"]) for guild in data.get("guilds") or ()]
        # Discord tells of every guild anew; what was left of the session before is older than that.
        self._drop()
        self._epoch = 0
        self._fill.forget()
        self._changed.set()

    def _take_page(self, data: Any) -> None:
        page = mirror.page(data)
        if self._fill.takes(int(data["guild_id"]), page):
            self._queue.of(int(data["guild_id"])).pages.append(page)
            self._changed.set()

    async def _tell_on(self) -> None:
        pause = _FIRST_RETRY
        while True:
            if self._batch is None and self._queue.empty:
                await self._wait()
            try:
                with acting_for(None):
                    await self._tell()
                self._stuck_since, pause = None, _FIRST_RETRY
            except GuildhallError as error:
                if isinstance(error, FailedPrecondition):
                    self._epoch = 0
                self._be_stuck(error)
                await asyncio.sleep(self._rng.uniform(pause / 2, pause))
                pause = min(pause * 2, _LONGEST_RETRY)

    async def _wait(self) -> None:
        """Until something changed, or it is time to say that nothing did."""
        self._changed.clear()
        try:
            async with asyncio.timeout(self._settings.current.mirror.heartbeat):
                await self._changed.wait()
        except TimeoutError:
            return

    async def _tell(self) -> None:
        session = self._shard.journal.session
        if session is None:
            await asyncio.sleep(_FIRST_RETRY)
            return
        name = hashlib.blake2b(session.session_id.encode(), digest_size=16).hexdigest()
        if not self._epoch or name != self._session:
            if self._superseded:
                # Executor takes the feed that was opened last for the one that knows; and what is not told here is
                # in the snapshots with which the other one begins.
                self._drop()
                return
            await self._open(name)
        if self._batch is None:
            if self._queue.empty and not self._shard.connected:
                # Nothing is known to be up to date while Discord may be saying things that are not heard.
                await asyncio.sleep(_FIRST_RETRY)
                return
            self._batch = self._queue.take(self._settings.current.mirror.batch)
            self._number += 1
        batch = self._batch
        shard = self._shard.journal
        request = mirror_pb2.ApplyChangesRequest(
            shard_id=shard.shard_id,
            shard_count=shard.shard_count,
            epoch=self._epoch,
            number=self._number,
            changes=batch.changes,
        )
        answer = await called(self._stub.ApplyChanges(request, timeout=self._settings.current.mirror.deadline))
        meters.mirror_changes.add(len(batch.changes))
        if self._batch is batch:
            batch.done()
            self._batch = None
        self._fill.want(answer.wanted_guild_ids)

    async def _open(self, session: str) -> None:
        journal = self._shard.journal
        gap = journal.gap
        request = mirror_pb2.OpenFeedRequest(
            shard_id=journal.shard_id,
            shard_count=journal.shard_count,
            session=session,
            gap=gap,
            members_told=self._members_told(),
            guilds=None if self._listed is None else mirror_pb2.GuildList(guild_ids=self._listed),
        )
        listed = self._listed
        answer = await called(self._stub.OpenFeed(request, timeout=self._settings.current.mirror.deadline))
        self._epoch, self._session = answer.epoch, session
        # A batch that is under way goes to the new feed as its first.
        self._number = 1 if self._batch is not None else 0
        if gap:
            journal.told_of_gap()
        if self._listed is listed:
            self._listed = None
        self._fill.want(answer.wanted_guild_ids)

    def _be_stuck(self, error: GuildhallError) -> None:
        now = self._clock.monotonic()
        if self._stuck_since is None:
            self._stuck_since = now
            _log.info("mirror.not_told", shard=self._shard.shard_id, reason=error.reason)
        elif now - self._stuck_since > self._settings.current.mirror.patience:
            self._let_go("executor was away for too long")

    def _let_go(self, why: str) -> None:
        self._stuck_since = None
        if self._batch is None and self._queue.empty:
            return
        _log.warning("mirror.gap", shard=self._shard.shard_id, why=why)
        meters.mirror_gaps.add(1)
        self._shard.journal.missed()
        self._drop()
        self._epoch = 0

    def _drop(self) -> None:
        finished(self._queue.drop())
        if self._batch is not None:
            self._batch.done()
            self._batch = None
