"""Where an answer goes: into a thread opened for it, its conversation's channel, or the response that one person sees.

Opening is idempotent: the response is edited, a thread is opened from a message, and a message of its own is sent once.
"""

from __future__ import annotations

import structlog

from services.executor.discord.errors import Code, Refused
from services.executor.discord.permits import Priority
from services.executor.replies import notices
from services.executor.replies.acknowledged import edit_acknowledged
from services.executor.replies.answer import Answer
from services.executor.replies.attempt import Attempt
from services.executor.replies.private_answer import PrivateAnswer
from services.executor.replies.question import first_words
from services.executor.replies.sending import PlaceGone, send_once
from services.executor.replies.speakers import Voice
from services.executor.replies.state import Part
from services.executor.replies.threads import ThreadEntry
from services.executor.replies.title import Title
from views.markdown import escaped, shortened
from views.messages import message

_log = structlog.get_logger(__name__)


class AnswerPlace:
    """Opens the place of one answer, and says so where it is gone."""

    def __init__(self, attempt: Attempt) -> None:
        self._attempt = attempt
        self._tools = attempt.tools
        self._settings = attempt.tools.settings

    async def open(self, title: Title | None) -> Answer | PrivateAnswer | None:
        """Opens what the answer goes into; None where it cannot be shown to anybody any more. Raises PlaceGone."""
        attempt, state = self._attempt, self._attempt.state
        if attempt.question.by_token:
            if not await self._original_reachable({"content": "…"}):
                _log.warning("reply.unreachable", job_id=attempt.job.job_id, why="the private response's token is dead")
                return None
            return PrivateAnswer(self._tools.api, attempt.question, attempt.journal, self._settings)
        if state.channel_id == 0:
            if attempt.before is not None:
                # The new answer takes the place of the earlier one, message by message.
                state.channel_id = attempt.before.channel_id
                state.parts = [Part(message_id=message_id) for message_id in attempt.before.message_ids]
                state.titled = True
            elif attempt.wants_thread:
                await self._open_thread(title)
            else:
                await self._take_channel(opening=self._opening_text() if attempt.plain_notice else None)
            self._choose_voice()
            await attempt.save()
        voice = Voice(state.persona, state.hook_channel_id)
        return Answer(
            self._tools.api,
            await self._tools.speakers.speaker(attempt.scope, voice),
            self._tools.speakers.renewal(attempt.scope, voice),
            question=attempt.question,
            job=attempt.job,
            journal=attempt.journal,
            state=state,
            settings=self._settings,
            clock=self._tools.clock,
        )

    def _choose_voice(self) -> None:
        attempt, question, state = self._attempt, self._attempt.question, self._attempt.state
        if attempt.before is not None:
            state.persona, state.hook_channel_id = attempt.before.persona, attempt.before.hook_channel_id
        elif not state.in_original and not attempt.plain_notice and question.guild_id:
            above = question.parent_channel_id or question.channel_id
            voice = self._tools.speakers.voice(question.prompt_name, question.place, above)
            state.persona, state.hook_channel_id = voice.persona, voice.hook_channel_id

    async def say_gone(self, gone: PlaceGone) -> None:
        """The answer can't go on where it stood: says so once, in the first place where whoever asked can see it."""
        attempt = self._attempt
        question, state = attempt.question, attempt.state
        body = message(notices.for_reason(attempt.text, gone.reason))
        _log.info("reply.place_gone", job_id=attempt.job.job_id, channel_id=state.channel_id, reason=gone.reason)
        if question.interaction is not None and await self._original_reachable(body):
            return
        if question.by_token:
            return
        above = question.channel_id if question.opens_thread else question.parent_channel_id
        for channel_id in (above, 0):
            if channel_id == state.channel_id and channel_id:
                continue
            try:
                there = channel_id or await self._tools.api.open_direct_message(attempt.scope, question.asker.user_id)
                nonce = f"{attempt.job.job_id}g"
                await self._tools.api.send(attempt.scope, there, body, nonce=nonce, priority=Priority.FINAL)
            except Refused as refusal:
                _log.info("reply.not_said_there", job_id=attempt.job.job_id, why=str(refusal))
            else:
                return

    async def _open_thread(self, title: Title | None) -> None:
        attempt, question, state = self._attempt, self._attempt.question, self._attempt.state
        await self._show_opening()
        opening_id = state.opening.message_id
        await self._tools.threads.remember(opening_id, ThreadEntry(question.conversation_id, question.channel_id))
        name = await title.within(self._settings.title_wait_seconds) if title is not None else None
        state.titled = name is not None
        try:
            state.channel_id = await self._tools.api.open_thread(
                attempt.scope,
                question.channel_id,
                opening_id,
                name=name or first_words(question.prompt, self._settings.title_chars),
                archive_minutes=self._settings.thread_archive_minutes,
            )
            await self._tools.recovery.opened(state.channel_id)
        except Refused as refusal:
            if refusal.code in (Code.UNKNOWN_MESSAGE, Code.UNKNOWN_CHANNEL):
                raise PlaceGone(question.channel_id) from refusal
            # Not every channel has threads, and not everywhere may the bot open them: the channel itself will do.
            _log.info("reply.no_thread", job_id=attempt.job.job_id, why=str(refusal))
            state.titled = True
            await self._take_channel(opening=None)

    async def _take_channel(self, *, opening: str | None) -> None:
        """The answer goes into the channel itself; for an interaction its response is the first message."""
        question, state = self._attempt.question, self._attempt.state
        state.channel_id = question.channel_id
        if question.interaction is None:
            return
        if state.opening.message_id == 0 or state.token_dead:
            text = opening or self._opening_text()
            if not await self._original_reachable(message(text)):
                return
        state.in_original = not state.token_dead

    async def _show_opening(self) -> None:
        """Shows the question, in the interaction's response or in a message of its own; a message shows itself."""
        attempt, question, state = self._attempt, self._attempt.question, self._attempt.state
        if state.opening.message_id:
            return
        if question.interaction is None:
            state.opening = Part(message_id=question.message_id)
            return
        body = message(self._opening_text())
        if await self._original_reachable(body):
            return
        await send_once(
            self._tools.api,
            attempt.scope,
            attempt.journal,
            state,
            state.opening,
            channel_id=question.channel_id,
            body=body,
            nonce=f"{attempt.job.job_id}o",
            priority=Priority.FIRST,
            files=[],
            bot_id=self._tools.identity.user_id,
            now=self._tools.clock.now(),
            nonce_trust=self._settings.nonce_trust_seconds,
        )

    async def _original_reachable(self, body: dict[str, object]) -> bool:
        """Edits the original response, waiting for the acknowledgement to arrive; whether the token still lives."""
        attempt, question, state = self._attempt, self._attempt.question, self._attempt.state
        interaction = question.interaction
        assert interaction is not None
        if state.token_dead:
            return False
        try:
            original = await edit_acknowledged(
                self._tools.api,
                self._tools.clock,
                self._settings,
                interaction,
                dict(body),
                since=max(state.started, question.event_time),
                fence=attempt.journal.fence,
            )
        except Refused as refusal:
            if not refusal.response_missing:
                raise
            _log.warning("reply.token_dead", job_id=attempt.job.job_id, why=str(refusal))
            state.token_dead = True
            await attempt.save()
            return False
        state.opening = Part(message_id=int(original["id"]))
        return True

    def _opening_text(self) -> str:
        attempt = self._attempt
        name = escaped(shortened(attempt.question.asker.display_name or attempt.text("reply.somebody"), 80))
        quoted = escaped(shortened(attempt.question.prompt, self._settings.quote_chars))
        return attempt.text("reply.opening" if quoted else "reply.opening_without_text", name=name, question=quoted)
