"""The answer's messages in Discord: sent once, edited as the text grows, right at the end whatever happened before."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import structlog

from chassis.clock import Clock
from services.executor.discord.api import DiscordApi, Scope
from services.executor.discord.bodies import File
from services.executor.discord.errors import Code, NotPermitted, Refused
from services.executor.discord.permits import Priority
from services.executor.jobs.model import Job, Journal
from services.executor.replies.question import Question
from services.executor.replies.sending import Body, place_gone, send_once
from services.executor.replies.settings import ReplySettings
from services.executor.replies.speakers import Speaker
from services.executor.replies.state import Part, ReplyState, save
from views import splitter
from views.messages import message

_log = structlog.get_logger(__name__)

Components = list[dict[str, Any]]
Renew = Callable[[Refused], Awaitable[Speaker]]
"""Who speaks from now on, as whoever spoke was refused."""


class _Orphaned(Exception):
    """A message stands there, but is another webhook's: whoever speaks now can't change it."""


class Answer:
    """Messages in one channel, the first of them possibly the interaction's original response."""

    def __init__(
        self,
        api: DiscordApi,
        speaker: Speaker,
        renew: Renew,
        *,
        question: Question,
        job: Job,
        journal: Journal,
        state: ReplyState,
        settings: ReplySettings,
        clock: Clock,
    ) -> None:
        self._api = api
        self._speaker = speaker
        self._renew = renew
        self._question = question
        self._job = job
        self._journal = journal
        self._state = state
        self._settings = settings
        self._clock = clock
        self._scope = Scope(journal.fence, question.guild_id)
        self._shown: dict[int, str] = {}
        self._components: dict[int, Components] = {}
        self._streaming: Components = []

    def while_streaming(self, components: Components) -> None:
        """What stands under the first message for as long as the text grows."""
        self._streaming = components

    async def preview(self, text: str) -> bool:
        """Shows an unfinished text as far as Discord's limits allow just now; gives whether all of it is shown."""
        limit, most = self._settings.message_limit, self._settings.max_messages
        # What lies beyond the last message that will be shown changes none of them.
        parts = splitter.preview(text[: limit * (most + 1)], limit)[:most]
        for index, content in enumerate(parts):
            if self._shown.get(index) == content:
                continue
            try:
                await self._show(index, content, Priority.FIRST if index >= len(self._shown) else Priority.PREVIEW)
            except NotPermitted:
                return False
        return True

    async def finish(self, text: str, components: Components, pictures: Sequence[File] = ()) -> None:
        """Shows the final text, whatever is there already, with the components under its end; surplus messages go."""
        await self._delete_left()
        parts = splitter.split(text, self._settings.message_limit)
        files = list(pictures)
        if len(parts) > self._settings.max_messages:
            parts = parts[: self._settings.max_messages]
            files.append(File("answer.md", text.encode(), "text/markdown; charset=utf-8"))
        for index, content in enumerate(parts):
            last = index == len(parts) - 1
            under = components if last else []
            # What an earlier attempt put under a message is not known here, so the first and the last are always set.
            if self._shown.get(index) != content or last or index == 0:
                await self._show(index, content, Priority.FINAL, files=files if last else [], components=under)
        for part in self._state.parts[len(parts) :]:
            if part.message_id and not part.removed:
                await self._speaker.delete(self._scope, self._state.channel_id, part.message_id)

    async def _show(
        self,
        index: int,
        content: str,
        priority: Priority,
        *,
        files: list[File] | None = None,
        components: Components | None = None,
    ) -> None:
        body = message(content)
        if files:
            # Names what stays attached, so that a repeat attaches nothing twice.
            body["attachments"] = [{"id": number, "filename": file.name} for number, file in enumerate(files)]
        if components is not None:
            body["components"] = components
        elif index == 0 and 0 not in self._shown:
            body["components"] = self._streaming
        try:
            await self._put(index, body, priority, files or [])
        except Refused as refusal:
            gone = place_gone(refusal, self._state.channel_id)
            if gone is not None:
                raise gone from refusal
            raise
        self._shown[index] = content

    async def _put(self, index: int, body: Body, priority: Priority, files: list[File]) -> None:
        """Edits or sends a part. Where it is a webhook's that is not there any more, somebody else says it anew."""
        state = self._state
        try:
            if index == 0 and state.in_original:
                await self._show_in_original(body, priority, files)
            elif index < len(state.parts) and state.parts[index].message_id:
                await self._edit(state.parts[index], body, priority, files)
            else:
                await self._send(index, body, priority, files)
        except Refused as refusal:
            if not (self._speaker.by_webhook and refusal.token_dead):
                raise
            _log.info("reply.webhook_gone", job_id=self._job.job_id, channel_id=state.channel_id)
            self._speaker = await self._renew(refusal)
        except _Orphaned:
            _log.info("reply.anothers_message", job_id=self._job.job_id, channel_id=state.channel_id)
        else:
            return
        await self._leave_from(index)
        await self._send(index, body, priority, files)

    async def _leave_from(self, index: int) -> None:
        """Gives up the messages from a part on: nobody can change them. They go, and what they said is said anew."""
        state = self._state
        state.left += [part.message_id for part in state.parts[index:] if part.message_id and not part.removed]
        del state.parts[index:]
        self._shown = {shown: content for shown, content in self._shown.items() if shown < index}
        await save(self._journal, state)
        await self._delete_left()

    async def _delete_left(self) -> None:
        if not self._state.left:
            return
        for message_id in self._state.left:
            try:
                await self._speaker.delete(self._scope, self._state.channel_id, message_id)
            except Refused as refusal:
                _log.info("reply.not_deleted", job_id=self._job.job_id, message_id=message_id, why=str(refusal))
        self._state.left = []
        await save(self._journal, self._state)

    async def _is_anothers(self, part: Part) -> bool:
        """Whether a message that can't be edited is there all the same."""
        if not self._speaker.by_webhook:
            return False
        there = await self._speaker.recent(self._scope, self._state.channel_id, after=part.message_id - 1)
        return any(int(each["id"]) == part.message_id for each in there)

    async def _show_in_original(self, body: Body, priority: Priority, files: list[File]) -> None:
        interaction = self._question.interaction
        state = self._state
        while len(state.parts) < 1:
            state.parts.append(Part())
        fresh = self._clock.now() - self._question.event_time < self._settings.token_seconds
        if interaction is not None and fresh and not state.token_dead:
            try:
                await self._api.edit_original(
                    interaction.application_id,
                    interaction.token,
                    body,
                    files=files,
                    fence=self._journal.fence,
                )
            except Refused as refusal:
                if not refusal.token_dead:
                    raise
                state.token_dead = True
            else:
                return
        await self._edit(Part(message_id=state.opening.message_id), body, priority, files)

    async def _edit(self, part: Part, body: Body, priority: Priority, files: list[File]) -> None:
        if part.removed:
            return
        wait = 0.0 if priority is Priority.PREVIEW else None
        channel_id = self._state.channel_id
        try:
            await self._speaker.edit(
                self._scope, channel_id, part.message_id, body, priority=priority, files=files, max_wait=wait
            )
        except Refused as refusal:
            if refusal.code == Code.UNKNOWN_MESSAGE and await self._is_anothers(part):
                raise _Orphaned from refusal
            if refusal.code == Code.UNKNOWN_MESSAGE:
                # Whoever deleted it did not want it there.
                _log.info("reply.message_removed", job_id=self._job.job_id, message_id=part.message_id)
                part.removed = True
            elif refusal.code == Code.THREAD_ARCHIVED:
                await self._api.edit_channel(self._scope, channel_id, {"archived": False}, priority=Priority.FINAL)
                await self._speaker.edit(self._scope, channel_id, part.message_id, body, priority=priority, files=files)
            else:
                raise

    async def _send(self, index: int, body: Body, priority: Priority, files: list[File]) -> None:
        """Sends a part once. Where an earlier attempt sent it, what that one said is edited."""
        state = self._state
        while len(state.parts) <= index:
            state.parts.append(Part())
        if index == 0 and self._question.answered_beside and state.channel_id == self._question.channel_id:
            reference = {"message_id": str(self._question.message_id), "fail_if_not_exists": False}
            first = {**body, "message_reference": reference}
        else:
            first = body
        tried = state.parts[index].intended > 0
        found = await send_once(
            self._speaker,
            self._scope,
            self._journal,
            state,
            state.parts[index],
            channel_id=state.channel_id,
            body=first,
            nonce=f"{self._job.job_id}{index:02d}",
            priority=priority,
            files=files,
            bot_id=self._speaker.author_id,
            now=self._clock.now(),
            nonce_trust=self._settings.nonce_trust_seconds if self._speaker.knows_nonces else 0.0,
        )
        if tried or found.strip() != str(body["content"]).strip():
            await self._edit(state.parts[index], body, priority, files)
