"""The reply job: from a question to its answer in Discord, exactly once.

The question's message is shown, a thread is opened from it, the answer streams into the thread. Title, model and
Discord work at the same time. Every step is either idempotent in Discord (edits, a thread from a message) or sent once
by nonce and journal, so the job can be begun again after any crash and goes on where it was.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from guildhall.llm.v1 import generation_pb2, generation_pb2_grpc

from chassis.clock import Clock
from chassis.scoped import Place, ScopedSettings
from chassis.telemetry import current_trace_id
from services.executor.archive.recovery import Recovery
from services.executor.discord.api import DiscordApi, Scope
from services.executor.discord.errors import Code, DiscordError, NotPermitted, Refused
from services.executor.discord.identity import BotIdentity
from services.executor.discord.permits import Priority
from services.executor.guild_settings import ERROR_POLICY, FOOTER, LOG_CHANNEL, REACTIONS, THINKING_SHOWN
from services.executor.jobs.model import Job, Journal
from services.executor.replies import notices
from services.executor.replies.answer import Answer, PlaceGone, PrivateAnswer, send_once
from services.executor.replies.attachments import Attachments
from services.executor.replies.generation import Generation
from services.executor.replies.history import turns
from services.executor.replies.marks import Marks
from services.executor.replies.question import Question, first_words, visible
from services.executor.replies.record import ReplyRecord, ReplyRecords, Version
from services.executor.replies.settings import ReplySettings
from services.executor.replies.state import Part, ReplyState, load, save
from services.executor.replies.stops import Stops
from services.executor.replies.threads import ThreadDirectory, ThreadEntry
from services.executor.replies.title import Title
from views.markdown import escaped, shortened
from views.messages import message
from views.reply_controls import Named, footer, thinking, when_done, while_streaming

_log = structlog.get_logger(__name__)

KIND = "reply"
_MAX_ACK_PAUSE_SECONDS = 0.5


class ReplyJobs:
    """Runs reply jobs. Is a `JobKind`."""

    name = KIND

    def __init__(
        self,
        *,
        api: DiscordApi,
        identity: BotIdentity,
        llm: generation_pb2_grpc.GenerationServiceStub,
        threads: ThreadDirectory,
        records: ReplyRecords,
        stops: Stops,
        guild_settings: ScopedSettings,
        recovery: Recovery,
        attachments: Attachments,
        settings: ReplySettings,
        clock: Clock,
    ) -> None:
        self._api = api
        self._identity = identity
        self._llm = llm
        self._threads = threads
        self._records = records
        self._stops = stops
        self._guild_settings = guild_settings
        self._recovery = recovery
        self._attachments = attachments
        self._settings = settings
        self._clock = clock

    async def run(self, job: Job, journal: Journal) -> None:
        """Answers one question."""
        question = Question.model_validate_json(job.payload)
        state = await load(journal)
        state.started = state.started or self._clock.now()
        await _Reply(self, job, journal, question, state).run()

    def gathers(self, job: Job, waiting: Sequence[Job]) -> int:
        """Messages that were written while an answer was given are one burst: they are answered together."""
        if job.kind != KIND or not _part_of_burst(Question.model_validate_json(job.payload)):
            return 0
        count = 0
        for other in waiting[: self._settings.burst_messages - 1]:
            if other.kind != KIND or not _part_of_burst(Question.model_validate_json(other.payload)):
                break
            count += 1
        return count

    async def run_gathered(self, job: Job, gathered: Sequence[Job], journal: Journal) -> None:
        """Answers a burst of questions once."""
        question = Question.model_validate_json(job.payload)
        more = [Question.model_validate_json(other.payload) for other in gathered]
        state = await load(journal)
        state.started = state.started or self._clock.now()
        await _Reply(self, job, journal, question, state, more=more).run()

    async def give_up(self, job: Job, journal: Journal, reason: str) -> None:
        """Says that it failed."""
        question = Question.model_validate_json(job.payload)
        state = await load(journal)
        state.text = notices.for_reason(notices.in_locale(question.asker.locale), "INTERNAL")
        state.failed = True
        await _Reply(self, job, journal, question, state).run()


class _Reply:
    """One attempt at one reply."""

    def __init__(
        self,
        jobs: ReplyJobs,
        job: Job,
        journal: Journal,
        question: Question,
        state: ReplyState,
        *,
        more: Sequence[Question] = (),
    ) -> None:
        self._more = tuple(more)
        self._api = jobs._api
        self._identity = jobs._identity
        self._llm = jobs._llm
        self._threads = jobs._threads
        self._records = jobs._records
        self._stops = jobs._stops
        self._guild_settings = jobs._guild_settings
        self._recovery = jobs._recovery
        self._attachments = jobs._attachments
        self._settings = jobs._settings
        self._clock = jobs._clock
        self._job = job
        self._journal = journal
        self._question = question
        self._state = state
        self._scope = Scope(journal.fence, question.guild_id)
        self._text = notices.in_locale(question.asker.locale)
        self._name = question.replies_to or job.job_id
        """The answer's name for good: the job that answered first."""
        self._named = Named(self._name, question.asker.user_id)
        self._before: ReplyRecord | None = None
        self._remarks: list[str] = []
        self._in_force: Mapping[str, object] = {}
        problem = question.problem(self._settings.max_prompt_chars)
        if problem and state.text is None:
            state.text = notices.for_reason(self._text, problem)
            state.failed = True
        # Where the answer is only a notice, a thread of its own would be too much.
        self._plain_notice = bool(problem)

    async def run(self) -> None:
        await self._read_settings()
        if self._state.text is None:
            await self._take_attachments()
        if self._question.replies_to:
            self._before = await self._records.find(self._name)
        marks = Marks(self._api, self._scope, self._question, wanted=bool(self._in_force.get(REACTIONS)))
        await marks.seen()
        generation = self._generation() if self._state.text is None else None
        title = self._title() if self._wants_thread and not self._state.titled else None
        tasks = [asyncio.create_task(part.run()) for part in (generation, title) if part is not None]
        try:
            answer = await self._prepare(title)
            if answer is None:
                return
            if generation is not None:
                tasks.append(asyncio.create_task(self._stop_when_asked(generation)))
                tasks.append(asyncio.create_task(self._type_meanwhile(generation)))
                answer.while_streaming(while_streaming(self._named, self._text))
                await self._stream(answer, generation, tasks[0])
                self._settle(generation)
                await save(self._journal, self._state)
            if self._state.failed and await self._fail_quietly(marks):
                return
            # Whoever presses a button the moment it appears finds the answer; its last messages are noted afterwards.
            record = self._record()
            await self._records.put(record)
            await answer.finish(self._state.shown_text or self._state.text or "", self._controls(record))
            await self._records.put(self._record())
            await marks.settled(failed=self._state.failed)
            if title is not None:
                await self._name_thread(title)
        except PlaceGone:
            await self._say_place_gone()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _read_settings(self) -> None:
        question = self._question
        in_thread = question.in_conversation and question.parent_channel_id != 0
        if not question.by_token:
            for channel_id in {question.channel_id, question.parent_channel_id} - {0}:
                await self._recovery.look_at(question.guild_id, channel_id, self._journal.fence)
        in_force = await self._guild_settings.in_force(
            Place(
                guild_id=question.guild_id,
                channel_id=question.parent_channel_id if in_thread else question.channel_id,
                thread_id=question.channel_id if in_thread else 0,
                user_id=question.asker.user_id,
            )
        )
        self._in_force = {key: effective.value for key, effective in in_force.items()}

    async def _take_attachments(self) -> None:
        taken = await self._attachments.take(self._question)
        self._question = taken.question
        self._remarks = [notices.for_reason(self._text, reason) for reason in dict.fromkeys(taken.reasons)]
        if visible(self._question.prompt):
            return
        if self._question.attachment_ids:
            self._question = self._question.model_copy(update={"prompt": self._text("reply.attachment_prompt")})
        else:
            self._state.text = "\n".join(self._remarks) or notices.for_reason(self._text, "EMPTY_PROMPT")
            self._state.failed = self._plain_notice = True

    @property
    def _wants_thread(self) -> bool:
        return self._question.opens_thread and not self._plain_notice

    def _generation(self) -> Generation:
        deadline = self._question.event_time + self._settings.token_seconds if self._question.by_token else None
        return Generation(
            self._llm,
            [self._question, *self._more],
            turn_id=self._job.job_id,
            settings=self._settings,
            clock=self._clock,
            deadline=deadline,
            text=self._text,
            history=self._history if self._question.in_conversation and self._question.parent_channel_id else None,
        )

    async def _history(self) -> list[generation_pb2.HistoryTurn]:
        """The thread's turns before this question; none where they can't be read."""
        question = self._question
        try:
            messages = await self._api.latest(self._scope, question.channel_id)
        except DiscordError as error:
            _log.warning("reply.no_history", job_id=self._job.job_id, why=str(error))
            return []
        before = question.message_id or question.event_id
        return turns(messages, bot_id=self._identity.user_id, before=before)

    def _title(self) -> Title:
        return Title(self._llm, self._question, self._settings)

    # Where the answer goes.

    async def _prepare(self, title: Title | None) -> Answer | PrivateAnswer | None:
        """Opens what the answer goes into; None where it cannot be shown to anybody any more."""
        question, state = self._question, self._state
        if question.by_token:
            if not await self._original_reachable({"content": "…"}):
                _log.warning("reply.unreachable", job_id=self._job.job_id, why="the private response's token is dead")
                return None
            return PrivateAnswer(self._api, question, self._journal, self._settings)
        if state.channel_id == 0:
            if self._before is not None:
                self._take_earlier_place(self._before)
            elif self._wants_thread:
                await self._open_thread(title)
            else:
                await self._take_channel(opening=self._opening_text() if self._plain_notice else None)
            await save(self._journal, state)
        return Answer(
            self._api,
            bot_id=self._identity.user_id,
            question=question,
            job=self._job,
            journal=self._journal,
            state=state,
            settings=self._settings,
            clock=self._clock,
        )

    async def _open_thread(self, title: Title | None) -> None:
        question, state = self._question, self._state
        await self._show_opening()
        opening_id = state.opening.message_id
        await self._threads.remember(opening_id, ThreadEntry(question.conversation_id, question.channel_id))
        name = await title.within(self._settings.title_wait_seconds) if title is not None else None
        state.titled = name is not None
        try:
            state.channel_id = await self._api.open_thread(
                self._scope,
                question.channel_id,
                opening_id,
                name=name or first_words(question.prompt, self._settings.title_chars),
                archive_minutes=self._settings.thread_archive_minutes,
            )
            await self._recovery.opened(state.channel_id)
        except Refused as refusal:
            if refusal.code in (Code.UNKNOWN_MESSAGE, Code.UNKNOWN_CHANNEL):
                raise PlaceGone(question.channel_id) from refusal
            # Not every channel has threads, and not everywhere may the bot open them: the channel itself will do.
            _log.info("reply.no_thread", job_id=self._job.job_id, why=str(refusal))
            state.titled = True
            await self._take_channel(opening=None)

    async def _take_channel(self, *, opening: str | None) -> None:
        """The answer goes into the channel itself; for an interaction its response is the first message."""
        question, state = self._question, self._state
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
        question, state = self._question, self._state
        if state.opening.message_id:
            return
        if question.interaction is None:
            state.opening = Part(message_id=question.message_id)
            return
        body = message(self._opening_text())
        if await self._original_reachable(body):
            return
        await send_once(
            self._api,
            self._scope,
            self._journal,
            state,
            state.opening,
            channel_id=question.channel_id,
            body=body,
            nonce=f"{self._job.job_id}o",
            priority=Priority.FIRST,
            files=[],
            bot_id=self._identity.user_id,
            now=self._clock.now(),
            nonce_trust=self._settings.nonce_trust_seconds,
        )

    async def _original_reachable(self, body: dict[str, object]) -> bool:
        """Edits the original response, waiting for the acknowledgement to arrive; whether the token still lives."""
        question, state = self._question, self._state
        interaction = question.interaction
        assert interaction is not None
        if state.token_dead:
            return False
        give_up = max(state.started, question.event_time) + self._settings.ack_wait_seconds
        pause = self._settings.ack_poll_seconds
        while True:
            try:
                original = await self._api.edit_original(
                    interaction.application_id, interaction.token, body, fence=self._journal.fence
                )
            except Refused as refusal:
                if not (refusal.token_dead or refusal.code == Code.UNKNOWN_MESSAGE):
                    raise
                if self._clock.now() > give_up or refusal.code == Code.INVALID_WEBHOOK_TOKEN:
                    _log.warning("reply.token_dead", job_id=self._job.job_id, why=str(refusal))
                    state.token_dead = True
                    await save(self._journal, state)
                    return False
                await asyncio.sleep(pause)
                pause = min(pause * 1.5, _MAX_ACK_PAUSE_SECONDS)
            else:
                state.opening = Part(message_id=int(original["id"]))
                return True

    def _opening_text(self) -> str:
        name = escaped(shortened(self._question.asker.display_name or self._text("reply.somebody"), 80))
        quoted = escaped(shortened(self._question.prompt, self._settings.quote_chars))
        return self._text("reply.opening" if quoted else "reply.opening_without_text", name=name, question=quoted)

    def _take_earlier_place(self, before: ReplyRecord) -> None:
        """The new answer takes the place of the earlier one, message by message."""
        state = self._state
        state.channel_id = before.channel_id
        state.parts = [Part(message_id=message_id) for message_id in before.message_ids]
        state.titled = True

    # The answer.

    async def _stop_when_asked(self, generation: Generation) -> None:
        with self._stops.waiting(self._name) as asked:
            if not await self._stops.asked(self._name, since=self._job.created):
                await asked.wait()
            generation.stop()

    async def _type_meanwhile(self, generation: Generation) -> None:
        """Shows that an answer is coming for as long as there is none to be seen."""
        if self._question.by_token:
            return
        while True:
            await asyncio.sleep(self._settings.typing_delay_seconds)
            if generation.begun:
                return
            try:
                await self._api.typing(self._scope, self._state.channel_id)
            except (NotPermitted, DiscordError) as error:
                _log.info("reply.no_typing", job_id=self._job.job_id, why=str(error))
            await asyncio.sleep(self._settings.typing_seconds - self._settings.typing_delay_seconds)

    async def _fail_quietly(self, marks: Marks) -> bool:
        """Keeps a failure out of the channel where that is set; whoever used a command is always told."""
        policy = self._in_force.get(ERROR_POLICY)
        if policy == "reply" or not marks.possible or any(part.message_id for part in self._state.parts):
            return False
        if policy == "reaction":
            return await marks.failed_quietly()
        log_channel = str(self._in_force.get(LOG_CHANNEL) or "")
        if log_channel.isdecimal():
            question = self._question
            link = f"https://discord.com/channels/{question.guild_id}/{question.channel_id}/{question.message_id}"
            said = message(f"{link}\n{self._state.shown_text}")
            nonce = f"{self._job.job_id}l"
            try:
                await self._api.send(self._scope, int(log_channel), said, nonce=nonce, priority=Priority.BULK)
            except Refused as refusal:
                _log.info("reply.not_logged", job_id=self._job.job_id, why=str(refusal))
        return True

    def _settle(self, generation: Generation) -> None:
        """Takes the final text with what stands around it."""
        state, settings = self._state, self._settings
        state.text, state.failed, state.model = generation.text, generation.failed, generation.facts.model
        around = [generation.text]
        if generation.failed:
            if trace_id := current_trace_id():
                around.append(self._text("error.trace", trace_id=trace_id))
        else:
            if self._in_force.get(THINKING_SHOWN) == "collapsed":
                around.insert(0, thinking(generation.thinking, settings.thinking_chars, self._text))
            around += [f"-# {escaped(remark)}" for remark in (*self._remarks, *generation.remarks)]
            if self._in_force.get(FOOTER):
                around.append(footer(generation.facts, self._text))
        state.shown_text = "\n".join(piece for piece in around if piece)

    def _record(self) -> ReplyRecord:
        state = self._state
        version = Version(
            job_id=self._job.job_id,
            text=state.text or "",
            shown_text=state.shown_text or state.text or "",
            model=state.model,
            created=self._clock.now(),
            failed=state.failed,
        )
        ids = [part.message_id for part in state.parts if not part.removed]
        if state.in_original and ids:
            ids[0] = ids[0] or state.opening.message_id
        before = self._before or ReplyRecord(
            job_id=self._name, question=self._question, channel_id=state.channel_id, message_ids=[], versions=[]
        )
        placed = before.model_copy(update={"message_ids": [each for each in ids if each] or before.message_ids})
        return placed.with_version(version)

    def _controls(self, record: ReplyRecord) -> list[dict[str, Any]]:
        if self._plain_notice:
            return []
        return when_done(
            self._named,
            self._text,
            failed=self._state.failed,
            versions=len(record.versions),
            shown=record.shown,
            private=self._question.by_token,
        )

    async def _stream(self, answer: Answer | PrivateAnswer, generation: Generation, task: asyncio.Task[None]) -> None:
        """Shows the growing text until it is final. A preview that does not fit into the limits is left out."""
        settings = self._settings
        longest = 0
        while not generation.finished.is_set():
            grown = asyncio.create_task(generation.grown())
            try:
                await asyncio.wait({grown, task}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                grown.cancel()
            if task.done():
                await task
                return
            text = generation.text
            # A turn that is asked for again begins anew; what people read already does not shrink meanwhile.
            if len(text) < max(settings.first_preview_chars, longest + 1):
                continue
            if await self._preview(answer, text):
                longest = len(text)
            await self._pause(task, settings.edit_interval_seconds)

    async def _preview(self, answer: Answer | PrivateAnswer, text: str) -> bool:
        try:
            return await answer.preview(text)
        except NotPermitted:
            return False

    @staticmethod
    async def _pause(task: asyncio.Task[None], seconds: float) -> None:
        await asyncio.wait({task}, timeout=seconds)

    async def _name_thread(self, title: Title) -> None:
        """Gives the thread its title where it came too late for the opening."""
        if self._state.titled or self._state.channel_id == self._question.channel_id:
            return
        name = await title.within(self._settings.title_timeout_seconds)
        if name is not None:
            try:
                await self._api.edit_channel(
                    self._scope, self._state.channel_id, {"name": name}, priority=Priority.PREVIEW, max_wait=0.0
                )
            except (NotPermitted, Refused) as error:
                _log.info("reply.untitled", job_id=self._job.job_id, why=str(error))
        self._state.titled = True
        await save(self._journal, self._state)

    async def _say_place_gone(self) -> None:
        """The thread was deleted: says so where it was opened, as far as anything is left there."""
        question, state = self._question, self._state
        body = message(notices.for_reason(self._text, "THREAD_GONE"))
        _log.info("reply.place_gone", job_id=self._job.job_id, channel_id=state.channel_id)
        try:
            if question.interaction is not None and await self._original_reachable(body):
                return
            channel_id = question.channel_id if question.opens_thread else question.parent_channel_id
            if channel_id:
                nonce = f"{self._job.job_id}g"
                await self._api.send(self._scope, channel_id, body, nonce=nonce, priority=Priority.FINAL)
        except Refused as refusal:
            _log.info("reply.nowhere_to_say_it", job_id=self._job.job_id, why=str(refusal))


def _part_of_burst(question: Question) -> bool:
    """Whether a question is a plain message in a conversation, so that it can be answered together with its like."""
    return (
        question.in_conversation
        and question.interaction is None
        and not question.replies_to
        and not question.attachments
        and not question.model
    )
