"""A forum post for each request, with a tag for where it stands."""

from __future__ import annotations

from typing import Any

import structlog
from guildhall.board.v1 import request_pb2
from pydantic import BaseModel, ConfigDict

from chassis.clock import Clock
from services.executor.board.calls import BoardCalls
from services.executor.board.reader import BoardReader
from services.executor.board.record import BoardRecord, Shown
from services.executor.discord.api import DiscordApi, Scope
from services.executor.discord.errors import Code, OutcomeUnknown, Refused
from services.executor.discord.identity import BotIdentity
from services.executor.discord.permits import Priority
from services.executor.jobs.model import Job, Journal
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
        *,
        identity: BotIdentity,
        reader: BoardReader,
        record: BoardRecord,
        clock: Clock,
    ) -> None:
        self._api = api
        self._calls = calls
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
        what = f"post:{order.request_id}"
        try:
            tags = await self._tags(scope, order.forum_id, text(f"board.state.{state_name(request.state)}"))
            shown = await self._record.shown(what)
            if shown is None or shown.channel_id != order.forum_id:
                thread = await self._open(journal, scope, order, request, body=body, tags=tags)
                await self._record.keep_shown(what, Shown(order.forum_id, thread, self._clock.now()))
                if request.state not in _CLOSED:
                    return
                shown = Shown(order.forum_id, thread, self._clock.now())
            await self._edit(scope, shown, request, body, tags)
        except Refused as refusal:
            if not (refusal.forbidden or refusal.gone):
                raise
            _log.info("board.post_not_shown", job_id=job.job_id, forum_id=order.forum_id, why=str(refusal))

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
        self, scope: Scope, shown: Shown, request: request_pb2.Request, body: dict[str, Any], tags: list[str]
    ) -> None:
        thread = shown.message_id
        # Editing does not wake an archived post, and a closed request's post is archived: wake it first.
        await self._calls.edit_channel(scope, thread, {"archived": False, "applied_tags": tags})
        await self._api.edit(scope, thread, thread, body, priority=Priority.BULK)
        if request.state in _CLOSED:
            await self._calls.edit_channel(scope, thread, {"archived": True})

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
