"""The answer's messages in Discord: sent once, edited as the text grows, right at the end whatever happened before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import structlog

from chassis.clock import Clock
from services.executor.discord.api import DiscordApi, Scope, snowflake_at
from services.executor.discord.errors import Code, NotPermitted, Refused
from services.executor.discord.permits import Priority
from services.executor.discord.rest import File
from services.executor.jobs.model import Job, Journal
from services.executor.replies.question import Question
from services.executor.replies.settings import ReplySettings
from services.executor.replies.speakers import Speaker
from services.executor.replies.state import Part, ReplyState, save
from views.messages import message
from views.splitter import split

_log = structlog.get_logger(__name__)

_EMBEDDED_LIMIT = 6_000
_CLOCK_SLACK_SECONDS = 10.0
_HEAD_CHARS = 40


Components = list[dict[str, Any]]
Body = dict[str, Any]


class PlaceGone(Exception):
    """The channel or thread of the answer is not there for the bot any more; `reason` is UPPER_SNAKE."""

    def __init__(self, channel_id: int, reason: str = "THREAD_GONE") -> None:
        super().__init__(f"{reason}: {channel_id}")
        self.reason = reason


def place_gone(refusal: Refused, channel_id: int) -> PlaceGone | None:
    """What a refusal says of the place; None where it is about something else."""
    if refusal.code == Code.UNKNOWN_CHANNEL:
        return PlaceGone(channel_id)
    if refusal.code == Code.THREAD_LOCKED:
        return PlaceGone(channel_id, "THREAD_LOCKED")
    return PlaceGone(channel_id, "PLACE_FORBIDDEN") if refusal.forbidden else None


class Answer:
    """Messages in one channel, the first of them possibly the interaction's original response."""

    def __init__(
        self,
        api: DiscordApi,
        speaker: Speaker,
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
        parts = split(text, self._settings.message_limit)[: self._settings.max_messages]
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
        parts = split(text, self._settings.message_limit)
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
            if index == 0 and self._state.in_original:
                await self._show_in_original(body, priority, files or [])
            elif index < len(self._state.parts) and self._state.parts[index].message_id:
                await self._edit(self._state.parts[index], body, priority, files or [])
            else:
                await self._send(index, body, priority, files or [])
        except Refused as refusal:
            gone = place_gone(refusal, self._state.channel_id)
            if gone is not None:
                raise gone from refusal
            raise
        self._shown[index] = content

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
        if index == 0 and self._question.chained:
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


async def send_once(
    api: DiscordApi | Speaker,
    scope: Scope,
    journal: Journal,
    state: ReplyState,
    part: Part,
    *,
    channel_id: int,
    body: Body,
    nonce: str,
    priority: Priority,
    files: list[File],
    bot_id: int,
    now: float,
    nonce_trust: float,
) -> str:
    """Sends a message exactly once, whichever attempt this is; gives the content that stands in Discord."""
    if part.intended and now - part.intended > nonce_trust:
        known = {other.message_id for other in [state.opening, *state.parts] if other.message_id}
        after = snowflake_at(part.intended - _CLOCK_SLACK_SECONDS)
        for candidate in await api.recent(scope, channel_id, after=after):
            mine = int(candidate["author"]["id"]) == bot_id and int(candidate["id"]) not in known
            if mine and (candidate.get("nonce") == nonce or str(candidate["content"]).startswith(part.head)):
                part.message_id = int(candidate["id"])
                await save(journal, state)
                return str(candidate["content"])
    part.intended = now
    part.head = str(body.get("content", ""))[:_HEAD_CHARS]
    await save(journal, state)
    sent = await api.send(scope, channel_id, body, nonce=nonce, priority=priority, files=files)
    part.message_id = int(sent["id"])
    await save(journal, state)
    return str(sent["content"])


class PrivateAnswer:
    """An answer that only the asker sees: one original response, edited whole, so that every repeat is harmless."""

    def __init__(self, api: DiscordApi, question: Question, journal: Journal, settings: ReplySettings) -> None:
        self._api = api
        self._question = question
        self._journal = journal
        self._settings = settings
        self._shown = ""
        self._streaming: Components = []

    def while_streaming(self, components: Components) -> None:
        """What stands under the message for as long as the text grows."""
        self._streaming = components

    async def preview(self, text: str) -> bool:
        """Shows an unfinished text."""
        if text != self._shown:
            await self._edit(text, self._streaming)
        return True

    async def finish(self, text: str, components: Components, pictures: Sequence[File] = ()) -> None:
        """Shows the final text: its beginning as the message, more in embeds, all as a file where it takes more."""
        try:
            await self._edit(text, components, pictures)
        except Refused as refusal:
            if not refusal.token_dead:
                raise
            raise PlaceGone(self._question.channel_id, "TOKEN_DEAD") from refusal

    async def _edit(self, text: str, components: Components, pictures: Sequence[File] = ()) -> None:
        interaction = self._question.interaction
        assert interaction is not None
        parts = split(text, self._settings.message_limit)
        embeds, room = [], _EMBEDDED_LIMIT
        for part in parts[1:]:
            room -= len(part)
            if room < 0:
                break
            embeds.append({"description": part})
        files = list(pictures)
        if len(parts) > 1 + len(embeds):
            files.append(File("answer.md", text.encode(), "text/markdown; charset=utf-8"))
        await self._api.edit_original(
            interaction.application_id,
            interaction.token,
            {
                **message(parts[0] if parts else "…"),
                "embeds": embeds,
                "components": components,
                "attachments": [{"id": i, "filename": f.name} for i, f in enumerate(files)],
            },
            files=files,
            fence=self._journal.fence,
        )
        self._shown = text
