"""What people do with an answer that is there: page through its versions, go on from it elsewhere, report it."""

from __future__ import annotations

import grpc
import structlog
from guildhall.llm.v1 import conversation_pb2, conversation_pb2_grpc
from pydantic import BaseModel, ConfigDict

from chassis.caller import acting_for
from chassis.clock import Clock
from chassis.errors import GuildhallError, Unavailable, from_rpc_error
from services.executor.discord.api import DiscordApi, Scope
from services.executor.discord.errors import Refused
from services.executor.discord.permits import Priority
from services.executor.jobs.model import Job, Journal
from services.executor.replies import notices
from services.executor.replies.answer import Answer
from services.executor.replies.question import Asker, Interaction, first_words
from services.executor.replies.record import ReplyRecord, ReplyRecords
from services.executor.replies.sending import Body, JobMessages
from services.executor.replies.settings import ReplySettings
from services.executor.replies.speakers import Speakers, Voice
from services.executor.replies.state import Part, load
from services.executor.replies.threads import ThreadDirectory, ThreadEntry
from views.markdown import escaped, shortened
from views.messages import message
from views.reply_controls import Named, when_done

_log = structlog.get_logger(__name__)

SHOW, FORK = "reply.show", "reply.fork"
_RPC_SECONDS = 5.0


class Action(BaseModel):
    """The payload of these jobs."""

    model_config = ConfigDict(frozen=True)

    reply_id: str
    """The answer, by its first job."""
    version: int = 0
    actor: Asker
    interaction: Interaction | None = None


class ShowJobs:
    """Shows another version of an answer. Is a `JobKind`; every step is an edit, so a repeat changes nothing."""

    name = SHOW

    def __init__(
        self, *, api: DiscordApi, speakers: Speakers, records: ReplyRecords, settings: ReplySettings, clock: Clock
    ) -> None:
        self._api = api
        self._speakers = speakers
        self._records = records
        self._settings = settings
        self._clock = clock

    async def run(self, job: Job, journal: Journal) -> None:
        """Shows one version."""
        action = Action.model_validate_json(job.payload)
        record = await self._records.find(action.reply_id)
        if record is None or action.version >= len(record.versions):
            return
        state = await load(journal)
        if not state.parts:
            state.channel_id = record.channel_id
            state.parts = [Part(message_id=message_id) for message_id in record.message_ids]
        scope, voice = Scope(journal.fence, record.question.guild_id), Voice(record.persona, record.hook_channel_id)
        answer = Answer(
            self._api,
            await self._speakers.speaker(scope, voice),
            self._speakers.renewal(scope, voice),
            question=record.question,
            job=job,
            journal=journal,
            state=state,
            settings=self._settings,
            clock=self._clock,
        )
        version = record.versions[action.version]
        text = notices.in_locale(record.question.asker.locale)
        controls = when_done(
            Named(record.job_id, record.question.asker.user_id),
            text,
            failed=version.failed,
            versions=len(record.versions),
            shown=action.version,
        )
        try:
            await answer.finish(version.shown_text, controls)
        except Refused as refusal:
            _log.info("reply.version_not_shown", job_id=job.job_id, why=str(refusal))
            return
        shown_in = [part.message_id for part in state.parts if part.message_id and not part.removed]
        await self._records.put(record.model_copy(update={"shown": action.version, "message_ids": shown_in}))

    async def give_up(self, job: Job, journal: Journal, reason: str) -> None:
        """The answer stays as it is; the log says why."""
        _log.error("reply.version_given_up", job_id=job.job_id, reason=reason)


class ForkJobs:
    """Opens a thread in which a conversation goes on from an answer. Is a `JobKind`."""

    name = FORK

    def __init__(
        self,
        *,
        api: DiscordApi,
        messages: JobMessages,
        llm: conversation_pb2_grpc.ConversationServiceStub,
        records: ReplyRecords,
        threads: ThreadDirectory,
        settings: ReplySettings,
        clock: Clock,
    ) -> None:
        self._api = api
        self._messages = messages
        self._llm = llm
        self._records = records
        self._threads = threads
        self._settings = settings
        self._clock = clock

    async def run(self, job: Job, journal: Journal) -> None:
        """Opens one thread. The new conversation's id is the job's, so a repeat makes no second one."""
        action = Action.model_validate_json(job.payload)
        record = await self._records.find(action.reply_id)
        if record is None:
            return
        text = notices.in_locale(action.actor.locale)
        scope = Scope(journal.fence, record.question.guild_id)
        parent = _above(record)
        name = escaped(shortened(action.actor.display_name or text("reply.somebody"), 80))
        question = escaped(shortened(record.question.prompt, self._settings.quote_chars))
        try:
            await self._fork(job, record, parent, action)
            said = message(text("reply.forked", name=name, question=question))
            thread_id = await self._messages.send(job, journal, scope, parent, said, mark="o", priority=Priority.FIRST)
            await self._threads.remember(thread_id, ThreadEntry(job.job_id, parent))
            await self._api.open_thread(
                scope,
                parent,
                thread_id,
                name=first_words(record.question.prompt, self._settings.title_chars),
                archive_minutes=self._settings.thread_archive_minutes,
            )
        except Refused as refusal:
            _log.info("reply.not_forked", job_id=job.job_id, why=str(refusal))
            said = message(notices.for_reason(text, "FORK_FORBIDDEN"))
            await self._say_refused(job, journal, record, said)
        except GuildhallError as error:
            if isinstance(error, Unavailable):
                raise
            _log.info("reply.not_forked", job_id=job.job_id, why=error.reason)
            said = message(notices.for_error(text, error, self._clock.now()))
            await self._say_refused(job, journal, record, said)

    async def _say_refused(self, job: Job, journal: Journal, record: ReplyRecord, said: Body) -> None:
        """There is no new thread: what was to carry it says so, or a message beside the answer."""
        scope = Scope(journal.fence, record.question.guild_id)
        opening_id = (await load(journal)).opening.message_id
        try:
            if opening_id:
                await self._api.edit(scope, _above(record), opening_id, said, priority=Priority.FINAL)
            else:
                await self._messages.send(
                    job, journal, scope, record.channel_id, said, mark="o", priority=Priority.FIRST
                )
        except Refused as refusal:
            _log.info("reply.not_said_there", job_id=job.job_id, why=str(refusal))

    async def _fork(self, job: Job, record: ReplyRecord, parent: int, action: Action) -> None:
        request = conversation_pb2.ForkConversationRequest(
            conversation_id=record.question.conversation_id,
            turn_id=record.versions[record.shown].job_id if record.versions else "",
            new_conversation_id=job.job_id,
            channel_id=parent,
        )
        with acting_for(action.actor.person()):
            try:
                await self._llm.ForkConversation(request, timeout=_RPC_SECONDS)
            except grpc.aio.AioRpcError as error:
                raise from_rpc_error(error) from error

    async def give_up(self, job: Job, journal: Journal, reason: str) -> None:
        """No thread was opened; the log says why."""
        _log.error("reply.fork_given_up", job_id=job.job_id, reason=reason)


def _above(record: ReplyRecord) -> int:
    """The channel in which a further thread belongs."""
    return record.question.parent_channel_id or record.question.channel_id
