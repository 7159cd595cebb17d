"""The reply job: from a question to its answer in Discord, exactly once.

The question's message is shown, a thread is opened from it, the answer streams into the thread. Title, model and
Discord work at the same time. Every step is either idempotent in Discord (edits, a thread from a message) or sent once
by nonce and journal, so the job can be begun again after any crash and goes on where it was.
"""

from __future__ import annotations

import asyncio

import structlog
from guildhall.llm.v1 import generation_pb2_grpc

from chassis.clock import Clock
from services.executor.discord.api import DiscordApi, Scope
from services.executor.discord.errors import Code, NotPermitted, Refused
from services.executor.discord.identity import BotIdentity
from services.executor.discord.permits import Priority
from services.executor.jobs.model import Job, Journal
from services.executor.replies import notices
from services.executor.replies.answer import Answer, PlaceGone, PrivateAnswer, send_once
from services.executor.replies.generation import Generation
from services.executor.replies.question import Question, first_words
from services.executor.replies.settings import ReplySettings
from services.executor.replies.state import Part, ReplyState, load, save
from services.executor.replies.threads import ThreadDirectory, ThreadEntry
from services.executor.replies.title import Title
from views.markdown import escaped, shortened
from views.messages import message

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
        settings: ReplySettings,
        clock: Clock,
    ) -> None:
        self._api = api
        self._identity = identity
        self._llm = llm
        self._threads = threads
        self._settings = settings
        self._clock = clock

    async def run(self, job: Job, journal: Journal) -> None:
        """Answers one question."""
        question = Question.model_validate_json(job.payload)
        state = await load(journal)
        state.started = state.started or self._clock.now()
        await _Reply(self, job, journal, question, state).run()

    async def give_up(self, job: Job, journal: Journal, reason: str) -> None:
        """Says that it failed."""
        question = Question.model_validate_json(job.payload)
        state = await load(journal)
        state.text = notices.for_reason("INTERNAL")
        await _Reply(self, job, journal, question, state).run()


class _Reply:
    """One attempt at one reply."""

    def __init__(self, jobs: ReplyJobs, job: Job, journal: Journal, question: Question, state: ReplyState) -> None:
        self._api = jobs._api
        self._identity = jobs._identity
        self._llm = jobs._llm
        self._threads = jobs._threads
        self._settings = jobs._settings
        self._clock = jobs._clock
        self._job = job
        self._journal = journal
        self._question = question
        self._state = state
        self._scope = Scope(journal.fence, question.guild_id)
        problem = question.problem(self._settings.max_prompt_chars)
        if problem and state.text is None:
            state.text = notices.for_reason(problem)
        # Where the answer is only a notice, a thread of its own would be too much.
        self._plain_notice = bool(problem)

    async def run(self) -> None:
        generation = self._generation() if self._state.text is None else None
        title = self._title() if self._wants_thread and not self._state.titled else None
        tasks = [asyncio.create_task(part.run()) for part in (generation, title) if part is not None]
        try:
            answer = await self._prepare(title)
            if answer is None:
                return
            if generation is not None:
                await self._stream(answer, generation, tasks[0])
                self._state.text = generation.text
                await save(self._journal, self._state)
            assert self._state.text is not None
            await answer.finish(self._state.text)
            if title is not None:
                await self._name_thread(title)
        except PlaceGone:
            await self._say_place_gone()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def _wants_thread(self) -> bool:
        return self._question.opens_thread and not self._plain_notice

    def _generation(self) -> Generation:
        deadline = self._question.event_time + self._settings.token_seconds if self._question.ephemeral else None
        return Generation(
            self._llm,
            self._question,
            turn_id=self._job.job_id,
            settings=self._settings,
            clock=self._clock,
            deadline=deadline,
        )

    def _title(self) -> Title:
        return Title(self._llm, self._question, self._settings)

    # Where the answer goes.

    async def _prepare(self, title: Title | None) -> Answer | PrivateAnswer | None:
        """Opens what the answer goes into; None where it cannot be shown to anybody any more."""
        question, state = self._question, self._state
        if question.ephemeral:
            if not await self._original_reachable({"content": "…"}):
                _log.warning("reply.unreachable", job_id=self._job.job_id, why="the private response's token is dead")
                return None
            return PrivateAnswer(self._api, question, self._journal, self._settings)
        if state.channel_id == 0:
            if self._wants_thread:
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
        name = escaped(shortened(self._question.asker.display_name or "Somebody", 80))
        quoted = escaped(shortened(self._question.prompt, self._settings.quote_chars))
        return f"**{name}** asks:\n> {quoted}" if quoted else f"**{name}** asks something."

    # The answer.

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
        body = message(notices.for_reason("THREAD_GONE"))
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
