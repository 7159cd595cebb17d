"""The pinned list of one profession: made once, then edited, several changes at a time."""

from __future__ import annotations

import structlog
from pydantic import BaseModel, ConfigDict

from chassis.clock import Clock
from services.executor.board.calls import BoardCalls, later
from services.executor.board.message_job import Sender
from services.executor.board.reader import BoardReader
from services.executor.board.record import BoardRecord, Shown
from services.executor.board.settings import BoardDeliverySettings
from services.executor.discord.api import DiscordApi, Scope
from services.executor.discord.errors import Code, NotPermitted, Refused
from services.executor.discord.permits import Priority
from services.executor.jobs.model import Job, Journal, Postpone
from services.executor.replies.state import load
from views.board.index import index

_log = structlog.get_logger(__name__)

KIND = "board.index"


class Index(BaseModel):
    """The payload."""

    model_config = ConfigDict(frozen=True)

    guild_id: int
    profession: str
    channel_id: int
    sequence: int
    """The event because of which it is shown anew."""


def name_of(guild_id: int, profession: str, channel_id: int) -> str:
    """What a list is called in keys."""
    return f"index:{guild_id}:{profession}:{channel_id}"


class IndexJobs:
    """Runs jobs that bring a list up to date. Is a `JobKind`."""

    name = KIND

    def __init__(
        self,
        api: DiscordApi,
        calls: BoardCalls,
        sender: Sender,
        *,
        reader: BoardReader,
        record: BoardRecord,
        settings: BoardDeliverySettings,
        clock: Clock,
    ) -> None:
        self._api = api
        self._calls = calls
        self._sender = sender
        self._reader = reader
        self._record = record
        self._settings = settings
        self._clock = clock

    async def run(self, job: Job, journal: Journal) -> None:
        """Shows the list as it is now, unless a later job will."""
        order = Index.model_validate_json(job.payload)
        what = name_of(order.guild_id, order.profession, order.channel_id)
        if await self._record.last_change(what) > order.sequence:
            return
        shown = await self._record.shown(what)
        if shown is not None and (left := shown.at + self._settings.index_pause - self._clock.now()) > 0:
            raise Postpone(left, "the list was edited a moment ago")
        answer = await self._reader.active(order.guild_id, order.profession)
        professions = await self._reader.professions(order.guild_id)
        body = index(
            order.profession, answer.requests, answer.total_size, self._reader.text(order.guild_id), professions
        )
        scope = Scope(journal.fence, order.guild_id)
        try:
            if shown is not None and await self._edited(scope, shown, body):
                await self._keep(what, shown.channel_id, shown.message_id)
                if (await load(journal)).opening.message_id != shown.message_id:
                    return
            else:
                await self._sender.send(job, journal, scope, order.channel_id, body)
                if shown is not None:
                    await self._calls.delete(scope, shown.channel_id, shown.message_id)
                await self._keep(what, order.channel_id, (await load(journal)).opening.message_id)
            # Also by an attempt that finds what an earlier one of the same job has sent.
            await self._calls.pin(scope, order.channel_id, (await load(journal)).opening.message_id)
        except Refused as refusal:
            if not (refusal.forbidden or refusal.gone or refusal.code == Code.MAXIMUM_PINS):
                raise
            _log.info("board.list_not_shown", job_id=job.job_id, channel_id=order.channel_id, why=str(refusal))
        except NotPermitted as limited:
            raise later(limited) from limited

    async def _edited(self, scope: Scope, shown: Shown, body: dict[str, object]) -> bool:
        """Edits what is shown; False where it takes a new message: deleted, or too old to be edited so often."""
        try:
            await self._api.edit(scope, shown.channel_id, shown.message_id, body, priority=Priority.BULK)
        except Refused as refusal:
            if refusal.code == Code.UNKNOWN_MESSAGE:
                return False
            raise
        except NotPermitted as limited:
            # Messages older than an hour may be edited some thirty times an hour (30046), then not for long.
            if not limited.quota:
                raise
            return False
        return True

    async def _keep(self, what: str, channel_id: int, message_id: int) -> None:
        await self._record.keep_shown(what, Shown(channel_id, message_id, self._clock.now()))

    async def give_up(self, job: Job, journal: Journal, reason: str) -> None:
        """The next change shows the list again; until then the log says that it is old."""
        _log.error("board.list_given_up", job_id=job.job_id, reason=reason)
