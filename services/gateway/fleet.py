"""The shards that run here: of one count, and of two while their number changes.

A session is of one number of shards for good, so another number needs sessions of its own. Discord lets sessions of
different numbers stand side by side and tells each of them everything of its guilds
(https://discord.com/developers/docs/events/gateway#sharding), so nothing has to be missed: the new sessions are begun
beside the old ones, which go on but begin no more sessions of their own. What both are told is taken once. When every
shard of the new number is in service, in whichever process it runs, and some seconds more have passed, the old sessions
are left for good.

Which shards are in service stands in Redis. So a process that is started in between, or with another number than it ran
with before, knows which old sessions to resume: each shard takes with it those whose id has its own as remainder, which
leaves none behind where there are fewer processes than before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Protocol, TypeVar

import structlog
from redis.exceptions import RedisError

from chassis.clock import Clock
from chassis.redis_outage import is_outage
from chassis.settings import Live
from services.gateway.client import Misconfigured
from services.gateway.journal import Journal, JournalStore
from services.gateway.mirror_feed import MirrorFeed
from services.gateway.settings import GatewaySettings
from services.gateway.shards import FAREWELL_TIMEOUT, Shard
from services.gateway.threads import ThreadIndex

_log = structlog.get_logger(__name__)

_LOOK_SECONDS, _RETRY_SECONDS = 0.25, 1.0
AnswerT = TypeVar("AnswerT")

Wanted = tuple[range, int]
"""The ids of this process' shards, and the number of all."""


class RollCall(JournalStore, Protocol):
    """Which shards are in service, in all processes together, and what is kept of each."""

    async def in_service(self) -> frozenset[tuple[int, int]]:
        """Ids with the number of shards that they are of."""

    async def enter_service(self, shard_id: int, shard_count: int) -> None:
        """A shard is told everything of its guilds."""

    async def leave_service(self, shard_id: int, shard_count: int) -> None:
        """A shard is left for good; what was kept of it goes."""


class Fleet:
    """Keeps the shards of this process. `make` puts one together, with its feed of the mirror, around its journal."""

    def __init__(
        self,
        make: Callable[[Journal], tuple[Shard, MirrorFeed]],
        roll: RollCall,
        threads: ThreadIndex,
        settings: Live[GatewaySettings],
        *,
        recommended: int,
        clock: Clock,
    ) -> None:
        self._make = make
        self._roll = roll
        self._threads = threads
        self._settings = settings
        self._recommended = recommended
        self._clock = clock
        self.feeds: dict[Shard, MirrorFeed] = {}
        """Every shard that there is, with its feed."""
        self._tasks: dict[Shard, list[asyncio.Task[None]]] = {}
        self._current: list[Shard] = []
        self._old: list[Shard] = []
        self._before: Wanted | None = None
        """What ran here before the change that is under way, where it can be gone back to."""
        self._changed, self._refused = asyncio.Event(), asyncio.Event()
        self._closing = False

    @property
    def shards(self) -> Sequence[Shard]:
        """Those of the number in force, then those that they take the place of."""
        return (*self._current, *self._old)

    @property
    def connected(self) -> bool:
        """Whether everything is heard that concerns this process."""
        return any(group and all(shard.connected for shard in group) for group in (self._current, self._old))

    async def run(self) -> None:
        """Keeps them connected until cancelled. Misconfigured where Discord refuses the shards that it starts with."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            await self._start()
            end = self._settings.subscribe(self._settings_changed)
            try:
                while True:
                    await self._take_over()
                    await self._changed.wait()
                    self._changed.clear()
                    await self._change()
            finally:
                end()

    async def close(self) -> None:
        """Ends the connections so that the sessions can be resumed; none is begun from now on."""
        self._closing = True
        await asyncio.gather(*(shard.close() for shard in self.shards))

    async def save(self, patience: float) -> None:
        """Tells the mirror what is left, for so many seconds at most, and writes down how far everything came."""
        await asyncio.gather(*(feed.drain(patience) for feed in self.feeds.values()))
        for shard in self.shards:
            await shard.journal.save()

    async def _start(self) -> None:
        ids, count = shard_range(self._settings.current, self._recommended)
        known = await self._stored(self._roll.in_service)
        left_over = sorted(one for one in known if one[1] != count and one[0] % count in ids)
        if left_over:
            _log.info("sessions of another number of shards are kept", shards=left_over, count=count)
        for shard_id, old_count in left_over:
            self._old.append(await self._begin(shard_id, old_count, succeeded=True))
        for shard_id in ids:
            self._current.append(await self._begin(shard_id, count))

    async def _change(self) -> None:
        """Begins the sessions of another number of shards beside those there are."""
        before = range(self._current[0].shard_id, self._current[-1].shard_id + 1), self._current[0].shard_count
        wanted = shard_range(self._settings.current, self._recommended)
        if wanted == before or self._closing:
            return
        _log.info("the number of shards changes", shards=[*wanted[0]], count=wanted[1], before=before[1])
        self._refused.clear()
        for shard in self._current:
            self._succeeded(shard)
        self._before, self._old, self._current = before, self._current, []
        for shard_id in wanted[0]:
            self._current.append(await self._begin(shard_id, wanted[1]))

    async def _begin(self, shard_id: int, count: int, *, succeeded: bool = False) -> Shard:
        journal = Journal(shard_id, count, self._roll)
        self._threads.restore(await self._stored(journal.load))
        if journal.session is None:
            # What it was in an earlier life says nothing of the session that it begins now.
            await self._stored(lambda: self._roll.leave_service(shard_id, count))
        shard, feed = self._make(journal)
        self.feeds[shard] = feed
        if succeeded:
            self._succeeded(shard)
        if self._closing:
            await shard.close()
        begin = self._group.create_task
        interval = self._settings.current.save_interval
        self._tasks[shard] = [begin(self._live(shard)), begin(journal.keep_saving(interval)), begin(feed.run())]
        return shard

    def _succeeded(self, shard: Shard, by_others: bool = True) -> None:
        shard.only_resume(by_others)
        self.feeds[shard].supersede(by_others)

    async def _live(self, shard: Shard) -> None:
        try:
            await shard.run()
        except Misconfigured as refused:
            if self._before is None or shard not in self._current:
                raise
            _log.critical(f"{refused} The shards stay as they were.", count=shard.shard_count)
            self._refused.set()

    async def _take_over(self) -> None:
        """Returns when the shards of the number in force are in service and no others are left here."""
        count = self._current[0].shard_count
        waiting, since = set(self._current), dict.fromkeys(self._current, self._clock.monotonic())
        complete_since: float | None = None
        while True:
            now, shards = self._clock.monotonic(), self._settings.current.shards
            if self._refused.is_set() or self._is_taken_back():
                await self._go_back()
                return
            for shard in tuple(waiting):
                if not shard.connected:
                    since[shard] = now
                elif shard.whole or now - since[shard] > shards.patience:
                    await self._stored(partial(self._roll.enter_service, shard.shard_id, count))
                    waiting.discard(shard)
            if not waiting and not self._old:
                break
            if not waiting and complete_since is None and await self._complete(count):
                complete_since = now
            if complete_since is not None and now - complete_since >= shards.overlap:
                break
            await asyncio.sleep(_LOOK_SECONDS)
        if self._old:
            await self._leave(self._old)
            self._old, self._before = [], None
            _log.info("the number of shards has changed", count=count)
        if self._current[0].shard_id == 0:
            for shard_id, old_count in await self._stored(self._roll.in_service):
                if old_count != count:
                    # Left by a process that did not come back.
                    await self._stored(partial(self._roll.leave_service, shard_id, old_count))

    def _is_taken_back(self) -> bool:
        return self._before is not None and self._before == shard_range(self._settings.current, self._recommended)

    async def _complete(self, count: int) -> bool:
        known = await self._stored(self._roll.in_service)
        return all((shard_id, count) in known for shard_id in range(count))

    async def _go_back(self) -> None:
        given_up, self._current, self._old, self._before = self._current, self._old, [], None
        for shard in self._current:
            self._succeeded(shard, by_others=False)
        await self._leave(given_up)
        _log.warning("the number of shards stays", count=self._current[0].shard_count)

    async def _leave(self, shards: Sequence[Shard]) -> None:
        """Ends sessions for good, once all that they were told is handed over."""
        await asyncio.gather(*(shard.close(for_good=True) for shard in shards))
        if shards:
            await asyncio.wait([self._tasks[shard][0] for shard in shards], timeout=2 * FAREWELL_TIMEOUT)
        for shard in shards:
            self.feeds[shard].abandon()
            while shard.journal.outstanding:
                await asyncio.sleep(_LOOK_SECONDS)
        tasks = [task for shard in shards for task in self._tasks.pop(shard)]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for shard in self._current:
            await self._know_threads(shard)
        for shard in shards:
            del self.feeds[shard]
            await self._stored(partial(self._roll.leave_service, shard.shard_id, shard.shard_count))

    async def _know_threads(self, shard: Shard) -> None:
        """Writes down with a shard what was known through another one first."""
        journal = shard.journal
        _, stored = await self._stored(lambda: self._roll.load(shard.shard_id, shard.shard_count))
        journal.changed(self._threads.standing(shard.is_told_of, stored))
        await self._stored(journal.save)

    async def _stored(self, call: Callable[[], Awaitable[AnswerT]]) -> AnswerT:
        """Calls the store until it answers."""
        while True:
            try:
                return await call()
            except RedisError as error:
                if not is_outage(error):
                    raise
                _log.warning("the shards in service are not known", error=repr(error))
            await asyncio.sleep(_RETRY_SECONDS)

    def _settings_changed(self, old: GatewaySettings, new: GatewaySettings) -> None:
        if old.shards != new.shards:
            self._changed.set()


def shard_range(settings: GatewaySettings, recommended: int) -> Wanted:
    """Which shards this process runs, and how many there are in all. Raises Misconfigured for a range that is none."""
    count = settings.shards.count or recommended
    last = count - 1 if settings.shards.last is None else settings.shards.last
    if not 0 <= settings.shards.first <= last < count:
        raise Misconfigured(
            f"gateway.shards asks for shards {settings.shards.first} to {last} of {count}: "
            "set first, last and count so that first <= last < count.",
            "SHARDS_INVALID",
        )
    return range(settings.shards.first, last + 1), count


def check_shards(settings: GatewaySettings, recommended: int) -> None:
    """ValueError for shards that there are not, so that a changed configuration that asks for them is refused."""
    try:
        shard_range(settings, recommended)
    except Misconfigured as error:
        raise ValueError(str(error)) from error
