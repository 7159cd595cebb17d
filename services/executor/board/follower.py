"""Follows the board's events and makes jobs of what is to be done about them.

One executor follows at a time: the owner of the first partition. Each job is submitted under an id made of the event's
own, so an event that is seen again makes no second job; the cursor moves once the jobs are on disk.
"""

from __future__ import annotations

import asyncio

import grpc
import structlog
from guildhall.board.v1 import event_pb2, event_pb2_grpc, request_pb2
from redis.exceptions import RedisError

from chassis.caller import acting_for
from chassis.clock import Clock
from chassis.errors import GuildhallError, from_rpc_error
from services.executor.board import index_job, message_job, post_job
from services.executor.board.moments import digest_at
from services.executor.board.reader import BoardReader
from services.executor.board.record import BoardRecord
from services.executor.board.settings import BoardDeliverySettings
from services.executor.board.submitting import Leads, Submitter
from views.board.notices import notice

_log = structlog.get_logger(__name__)
_NOT_LEADING = 0.5


class BoardFollower:
    """Turns events into jobs for as long as the process runs and leads."""

    def __init__(
        self,
        channel: grpc.aio.Channel,
        *,
        reader: BoardReader,
        record: BoardRecord,
        submitter: Submitter,
        settings: BoardDeliverySettings,
        clock: Clock,
        leads: Leads,
    ) -> None:
        self._events = event_pb2_grpc.EventServiceStub(channel)
        self._reader = reader
        self._record = record
        self._submitter = submitter
        self._settings = settings
        self._clock = clock
        self._leads = leads
        self.followed = 0

    async def follow(self) -> None:
        """Watches, and watches again."""
        await self._reader.ready()
        while True:
            if not self._leads():
                await asyncio.sleep(_NOT_LEADING)
                continue
            try:
                await self._watch()
            except (RedisError, GuildhallError) as error:
                _log.info("board.following_interrupted", why=str(error), error=type(error).__name__)
                await asyncio.sleep(self._settings.reconnect_pause)

    async def send_gathered(self) -> None:
        """Makes jobs of gathered notices whose moment has come, for ever."""
        await self._reader.ready()
        while True:
            await asyncio.sleep(self._settings.schedule_poll)
            if not self._leads():
                continue
            try:
                now = self._clock.now()
                for user_id, at in (await self._record.due(now)).items():
                    await self._submitter.submit(
                        message_job.GATHERED,
                        f"board-person:{user_id}",
                        message_job.Gathered(user_id=user_id).model_dump_json(),
                        f"gathered/{user_id}/{at}",
                    )
                    await self._record.taken(user_id, now)
            except (RedisError, GuildhallError) as error:
                _log.info("board.gathered_has_to_wait", why=str(error), error=type(error).__name__)

    async def _watch(self) -> None:
        cursors = await self._record.cursors()
        request = event_pb2.WatchEventsRequest(
            cursors=[event_pb2.EventCursor(guild_id=guild, sequence=last) for guild, last in cursors.items()],
            all_guilds=True,
        )
        with acting_for(None):
            stream = self._events.WatchEvents(request, timeout=self._settings.watch_timeout)
        try:
            async for answer in stream:
                if not self._leads():
                    return
                await self.handle(answer.event)
                await self._record.advance(answer.event.guild_id, answer.event.sequence)
        except grpc.aio.AioRpcError as error:
            failure = from_rpc_error(error)
            if failure.reason != "EVENTS_GONE":
                raise failure from error
            # Executor was away for longer than board keeps what leaves it: lists are right again with the next event.
            guild_id, head = int(failure.metadata["guild_id"]), int(failure.metadata["head"])
            _log.warning("board.events_missed", guild_id=guild_id, up_to=head)
            await self._record.advance(guild_id, head)
        finally:
            stream.cancel()

    async def handle(self, event: event_pb2.BoardEvent) -> None:
        """Makes jobs of one event. Doing so again changes nothing."""
        self.followed += 1
        if event.action == request_pb2.REQUEST_ACTION_UNSPECIFIED:
            return
        guild_id, request = event.guild_id, event.request
        index_channel, forum = await self._reader.channels(guild_id)
        if index_channel:
            what = index_job.name_of(guild_id, request.profession, index_channel)
            await self._record.changed(what, event.sequence)
            order = index_job.Index(
                guild_id=guild_id, profession=request.profession, channel_id=index_channel, sequence=event.sequence
            )
            await self._submitter.submit(
                index_job.KIND, f"board-{what}", order.model_dump_json(), f"{what}/{event.sequence}"
            )
        if forum:
            post = post_job.Post(guild_id=guild_id, request_id=request.request_id, forum_id=forum)
            await self._submitter.submit(
                post_job.KIND,
                f"board-post:{request.request_id}",
                post.model_dump_json(),
                f"post/{guild_id}/{event.sequence}",
            )
        for listener in event.audience:
            await self._tell(event, listener)

    async def _tell(self, event: event_pb2.BoardEvent, listener: event_pb2.Audience) -> None:
        guild_id, user_id = event.guild_id, listener.user_id
        mode = self._reader.wants(guild_id, user_id)
        said = notice(event, listener.concern, self._reader.text(guild_id, user_id))
        if mode == "none" or not said:
            return
        now = self._clock.now()
        at = now
        if mode == "digest":
            hours = self._reader.setting("board_digest_hours", guild_id, user_id)
            at = digest_at(now, float(hours) if isinstance(hours, int | float) else self._settings.digest_hours)
        at = self._reader.undisturbed_until(at, guild_id, user_id)
        if at > now:
            name = message_job.gathered_name(guild_id, event.sequence, event.request.request_id)
            await self._record.gather(user_id, name, said, at)
            return
        order = message_job.Direct(guild_id=guild_id, user_id=user_id, said=said, event=event.SerializeToString().hex())
        await self._submitter.submit(
            message_job.DIRECT,
            f"board-person:{user_id}",
            order.model_dump_json(),
            f"direct/{guild_id}/{event.sequence}/{user_id}",
        )
