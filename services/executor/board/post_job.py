"""A forum post for each request, with a tag for where it stands."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import structlog
from guildhall.board.v1 import request_pb2
from pydantic import BaseModel, ConfigDict

from chassis.clock import Clock
from services.executor.board.calls import BoardCalls, later
from services.executor.board.message_job import Sender
from services.executor.board.reader import BoardReader
from services.executor.board.record import BoardRecord, Shown
from services.executor.discord.api import DiscordApi, Scope
from services.executor.discord.errors import Code, NotPermitted, OutcomeUnknown, Refused
from services.executor.discord.identity import BotIdentity
from services.executor.discord.permits import Priority
from services.executor.jobs.model import Job, Journal
from services.executor.replies.state import load
from views.board.cards import post
from views.board.lines import label, plain_thing, state_name
from views.markdown import shortened

_log = structlog.get_logger(__name__)

KIND = "board.post"
_INTENT = "intent"
_TAG_LENGTH = 20
_TAGS = 20
_NAME_LENGTH = 100
_CLOSED = frozenset(
    {request_pb2.REQUEST_STATE_COMPLETED, request_pb2.REQUEST_STATE_CANCELLED, request_pb2.REQUEST_STATE_EXPIRED}
)


class Post(BaseModel):
    """The payload."""

    model_config = ConfigDict(frozen=True)

    guild_id: int
    request_id: str
    forum_id: int


class PostJobs:
    """Runs jobs that bring a request's post up to date. Is a `JobKind`."""

    name = KIND

    def __init__(
        self,
        api: DiscordApi,
        calls: BoardCalls,
        sender: Sender,
        *,
        identity: BotIdentity,
        reader: BoardReader,
        record: BoardRecord,
        clock: Clock,
    ) -> None:
        self._api = api
        self._calls = calls
        self._sender = sender
        self._identity = identity
        self._reader = reader
        self._record = record
        self._clock = clock

    async def run(self, job: Job, journal: Journal) -> None:
        """Shows the request as it is now: opens its post, or edits it."""
        order = Post.model_validate_json(job.payload)
        request = await self._reader.request(order.guild_id, order.request_id)
        if request is None:
            return
        text = self._reader.text(order.guild_id)
        body = post(request, text, await self._reader.professions(order.guild_id))
        scope = Scope(journal.fence, order.guild_id)
        try:
            tags = await self._tags(scope, order.forum_id, text(f"board.state.{state_name(request.state)}"))
            shown = await self._record.shown(f"post:{order.request_id}")
            closed = request.state in _CLOSED
            if shown is None or shown.channel_id != order.forum_id:
                thread = await self._open(journal, scope, order, request, body=body, tags=tags)
                shown = Shown(order.forum_id, thread, self._clock.now())
                await self._keep(job, shown)
                if not closed:
                    return
            await self._edit(job, journal, scope, shown, body=body, tags=tags, closed=closed)
        except Refused as refusal:
            if not (refusal.forbidden or refusal.gone):
                raise
            _log.info("board.post_not_shown", job_id=job.job_id, forum_id=order.forum_id, why=str(refusal))
        except NotPermitted as limited:
            raise later(limited) from limited

    async def _open(
        self,
        journal: Journal,
        scope: Scope,
        order: Post,
        request: request_pb2.Request,
        *,
        body: dict[str, Any],
        tags: list[str],
    ) -> int:
        """Opens the post once. After an attempt whose outcome is unknown it looks for the post first."""
        if _INTENT in await journal.read():
            found = await self._find(scope, order, request)
            if found:
                return found
        await journal.write({_INTENT: "1"})
        try:
            return await self._calls.forum_post(
                scope, order.forum_id, {"name": name_of(request), "message": body, "applied_tags": tags}
            )
        except OutcomeUnknown:
            found = await self._find(scope, order, request)
            if found:
                return found
            raise

    async def _find(self, scope: Scope, order: Post, request: request_pb2.Request) -> int:
        beginning = f"{label(request)} "
        for thread in await self._calls.active_threads(scope):
            mine = int(thread.get("owner_id") or 0) == self._identity.user_id
            if mine and int(thread["parent_id"]) == order.forum_id and thread["name"].startswith(beginning):
                return int(thread["id"])
        return 0

    async def _edit(
        self,
        job: Job,
        journal: Journal,
        scope: Scope,
        shown: Shown,
        *,
        body: dict[str, Any],
        tags: list[str],
        closed: bool,
    ) -> None:
        thread = shown.message_id
        # Editing does not wake an archived post, and a closed request's post is archived: wake it first.
        await self._calls.edit_channel(scope, thread, {"archived": False, "applied_tags": tags})
        try:
            await self._api.edit(scope, thread, thread, body, priority=Priority.BULK)
        except NotPermitted as limited:
            # Messages older than an hour may be edited some thirty times an hour (30046), then not for long.
            if not limited.quota:
                raise
            await self._show_anew(job, journal, scope, shown, body)
        else:
            if shown.card_id:
                await self._calls.delete(scope, thread, shown.card_id)
                await self._keep(job, replace(shown, card_id=0))
        if closed:
            await self._calls.edit_channel(scope, thread, {"archived": True})

    async def _show_anew(self, job: Job, journal: Journal, scope: Scope, shown: Shown, body: dict[str, Any]) -> None:
        """Shows the card in a second message of the post, until the first one may be edited again."""
        thread = shown.message_id
        if shown.card_id and await self._edited(scope, thread, shown.card_id, body):
            return
        await self._sender.send(job, journal, scope, thread, body)
        await self._keep(job, replace(shown, card_id=(await load(journal)).opening.message_id))

    async def _edited(self, scope: Scope, thread: int, message_id: int, body: dict[str, Any]) -> bool:
        """Edits a message; False where somebody has deleted it."""
        try:
            await self._api.edit(scope, thread, message_id, body, priority=Priority.BULK)
        except Refused as refusal:
            if refusal.code == Code.UNKNOWN_MESSAGE:
                return False
            raise
        return True

    async def _keep(self, job: Job, shown: Shown) -> None:
        order = Post.model_validate_json(job.payload)
        await self._record.keep_shown(f"post:{order.request_id}", replace(shown, at=self._clock.now()))

    async def _tags(self, scope: Scope, forum_id: int, wanted: str) -> list[str]:
        """The forum's tag for a state, made where the bot may; none where it may not."""
        forum = await self._calls.channel(scope, forum_id)
        available = list(forum.get("available_tags") or ())
        name = wanted[:_TAG_LENGTH]
        for tag in available:
            if tag["name"].casefold() == name.casefold():
                return [str(tag["id"])]
        if len(available) >= _TAGS:
            return []
        try:
            await self._calls.edit_channel(scope, forum_id, {"available_tags": [*available, {"name": name}]})
        except Refused as refusal:
            if refusal.code == Code.MISSING_ACCESS or refusal.forbidden:
                return []
            raise
        made = await self._calls.channel(scope, forum_id)
        return [str(tag["id"]) for tag in made.get("available_tags") or () if tag["name"] == name][:1]

    async def give_up(self, job: Job, journal: Journal, reason: str) -> None:
        """The next change shows the request again; until then the log says that its post is old."""
        _log.error("board.post_given_up", job_id=job.job_id, reason=reason)


def name_of(request: request_pb2.Request) -> str:
    """What the post is called."""
    return shortened(f"{label(request)} {plain_thing(request)}", _NAME_LENGTH)
