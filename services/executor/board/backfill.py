"""Shows what is on the board already where a guild has just said that it is to be shown.

Events bring posts and lists up to date, but a forum or channel that is set today knows nothing of what was asked for
yesterday. So the leader compares what guilds have set with what it has shown the board in, and makes jobs of the rest.
The comparison stands in the record, so a change while executor is away is found when it is back.
"""

from __future__ import annotations

import asyncio

import structlog
from redis.exceptions import RedisError

from chassis.errors import GuildhallError
from services.executor.board import index_job, post_job
from services.executor.board.reader import BoardReader, Place
from services.executor.board.record import BoardRecord
from services.executor.board.settings import BoardDeliverySettings
from services.executor.board.submitting import Leads, Submitter

_log = structlog.get_logger(__name__)


class Backfill:
    """Looks for new places for as long as the process runs and leads."""

    def __init__(
        self,
        reader: BoardReader,
        record: BoardRecord,
        submitter: Submitter,
        *,
        settings: BoardDeliverySettings,
        leads: Leads,
    ) -> None:
        self._reader = reader
        self._record = record
        self._submitter = submitter
        self._settings = settings
        self._leads = leads

    async def run(self) -> None:
        """Looks, for ever."""
        await self._reader.ready()
        while True:
            await asyncio.sleep(self._settings.schedule_poll)
            if not self._leads():
                continue
            try:
                await self.look()
            except (RedisError, GuildhallError) as error:
                _log.info("board.backfill_has_to_wait", why=str(error), error=type(error).__name__)

    async def look(self) -> int:
        """Makes jobs for every place that is new; gives how many places that were."""
        filled = await self._record.filled()
        new = [place for place in self._reader.places() if filled.get(place.name) != place.channel_id]
        for place in new:
            await (self._fill_forum(place) if place.is_forum else self._fill_index(place))
            await self._record.keep_filled(place.name, place.channel_id)
            _log.info("board.place_filled", guild_id=place.guild_id, channel_id=place.channel_id, forum=place.is_forum)
        return len(new)

    async def _fill_forum(self, place: Place) -> None:
        async for request in self._reader.all_active(place.guild_id):
            order = post_job.Post(guild_id=place.guild_id, request_id=request.request_id, forum_id=place.channel_id)
            await self._submitter.submit(
                post_job.KIND,
                f"board-post:{request.request_id}",
                order.model_dump_json(),
                f"post/{request.request_id}/{request.version}/{place.channel_id}/{place.version}",
            )

    async def _fill_index(self, place: Place) -> None:
        found = {request.profession async for request in self._reader.all_active(place.guild_id)}
        for profession in sorted(found):
            what = index_job.name_of(place.guild_id, profession, place.channel_id)
            # What comes from an event meanwhile shows the same list, later.
            order = index_job.Index(
                guild_id=place.guild_id,
                profession=profession,
                channel_id=place.channel_id,
                sequence=await self._record.last_change(what),
            )
            await self._submitter.submit(
                index_job.KIND, f"board-{what}", order.model_dump_json(), f"{what}/set/{place.version}"
            )
