"""What people ask for about an answer, turned into durable jobs in the order of its conversation."""

from __future__ import annotations

from collections.abc import Callable

from redis.exceptions import RedisError

from chassis.clock import Clock
from chassis.errors import FailedPrecondition, InvalidArgument, Unavailable
from chassis.ids import new_id
from chassis.telemetry.propagation import producer_span
from services.executor.jobs.model import Job
from services.executor.jobs.redis_store import JobStore
from services.executor.replies import notice_job
from services.executor.replies.action_jobs import FORK, SHOW, Action
from services.executor.replies.edits import Change, Edits, Notify
from services.executor.replies.job import KIND
from services.executor.replies.notice_job import Notice
from services.executor.replies.notices import in_locale
from services.executor.replies.private_thread_job import PRIVATELY
from services.executor.replies.question import Asker, Interaction
from services.executor.replies.record import ReplyRecord, ReplyRecords
from services.executor.replies.stops import Stops
from services.executor.replies.submission import Submitted
from views.markdown import escaped, shortened
from views.messages import message

_QUOTED_CHARS = 800


class ReplyActions:
    """Takes over what is asked for."""

    def __init__(
        self, store: JobStore, records: ReplyRecords, stops: Stops, make_edits: Callable[[Notify], Edits], clock: Clock
    ) -> None:
        """`make_edits` is given how a notice is taken over."""
        self._store = store
        self._records = records
        self._stops = stops
        self._clock = clock
        self.edits = make_edits(self.notify)

    async def record(self, reply_id: str) -> ReplyRecord:
        """An answer. Raises NotFound, Unavailable."""
        try:
            return await self._records.get(reply_id)
        except RedisError as error:
            raise _away() from error

    async def stop(self, reply_id: str) -> None:
        """Ends an answer that is being given."""
        try:
            await self._stops.ask(reply_id)
        except RedisError as error:
            raise _away() from error

    async def regenerate(
        self,
        reply_id: str,
        event_id: int,
        actor: Asker,
        *,
        interaction: Interaction | None = None,
        model: str = "",
        prompt: str = "",
        edited: bool = False,
    ) -> Submitted:
        """Answers the question again, in the place of its answer, for whoever asked for it now.

        `edited` asks what its messages say now, where they were changed.
        """
        record = await self.record(reply_id)
        if edited:
            record = await self.edits.now(record)
        asker = record.question.asker
        question = record.question.model_copy(
            update={
                "event_id": event_id,
                "interaction": interaction if record.question.by_token else None,
                "model": model or record.question.model,
                "prompt": prompt or record.question.prompt,
                "asker": asker.model_copy(update={"locale": actor.locale or asker.locale}),
                "event_time": self._clock.now(),
                "replies_to": record.job_id,
                "replaces_turn": record.versions[-1].job_id if record.versions else record.job_id,
            }
        )
        return await self.submit(KIND, question.conversation_id, question.model_dump_json(), event_id)

    async def show(self, reply_id: str, event_id: int, version: int, actor: Asker) -> None:
        """Shows another version. Raises InvalidArgument where there is none of that number."""
        record = await self.record(reply_id)
        if version >= len(record.versions):
            raise InvalidArgument("there is no such version", reason="VERSION_UNKNOWN", fields={"version": "too high"})
        payload = Action(reply_id=reply_id, version=version, actor=actor).model_dump_json()
        await self.submit(SHOW, record.question.conversation_id, payload, event_id)

    async def fork(self, reply_id: str, event_id: int, actor: Asker) -> Submitted:
        """Goes on from an answer in a new thread."""
        record = await self.record(reply_id)
        payload = Action(reply_id=reply_id, actor=actor).model_dump_json()
        return await self.submit(FORK, record.question.conversation_id, payload, event_id)

    async def go_on_privately(self, reply_id: str, event_id: int, actor: Asker, interaction: Interaction) -> Submitted:
        """Lets a private answer go on in a thread that only the asking person sees."""
        record = await self.record(reply_id)
        payload = Action(reply_id=reply_id, actor=actor, interaction=interaction).model_dump_json()
        return await self.submit(PRIVATELY, record.question.conversation_id, payload, event_id)

    async def changed(self, message_id: int, change: Change) -> bool:
        """Takes over what a message was changed to; whether its answer is known."""
        try:
            return await self.edits.changed(message_id, change)
        except RedisError as error:
            raise _away() from error

    async def report(self, reply_id: str, event_id: int, actor: Asker, reason: str, log_channel_id: int) -> None:
        """Shows an answer with its question in the guild's log channel."""
        record = await self.record(reply_id)
        if not log_channel_id:
            raise FailedPrecondition("the guild has no log channel", reason="LOG_CHANNEL_MISSING")
        version = record.versions[record.shown]
        body = message(
            in_locale("")(
                "reply.reported",
                name=escaped(shortened(actor.display_name, 80)),
                reason=escaped(shortened(reason, _QUOTED_CHARS)),
                question=escaped(shortened(record.question.prompt, _QUOTED_CHARS // 2)),
                answer=escaped(shortened(version.text, _QUOTED_CHARS // 2)),
                link=f"https://discord.com/channels/{record.question.guild_id or '@me'}/{record.channel_id}/"
                f"{record.message_ids[0] if record.message_ids else ''}",
            )
        )
        notice = Notice(guild_id=record.question.guild_id, channel_id=log_channel_id, body=body)
        await self.notify(event_id, notice)

    async def notify(self, event_id: int, notice: Notice) -> bool:
        """Takes a notice over; gives whether the event had one before."""
        submitted = await self.submit(
            notice_job.KIND, f"notice/{notice.channel_id}", notice.model_dump_json(), event_id
        )
        return submitted.duplicate

    async def submit(self, kind: str, key: str, payload: str, event_id: int) -> Submitted:
        """Takes a job over, once for each event. Raises Unavailable."""
        now = self._clock.now()
        carrier: dict[str, str] = {}
        try:
            with producer_span(f"executor.{kind}", carrier):
                job = Job(job_id=new_id(now), kind=kind, key=key, payload=payload.encode(), created=now, trace=carrier)
                job_id, duplicate = await self._store.submit(job, event_id=event_id)
        except RedisError as error:
            raise _away() from error
        return Submitted(job_id, duplicate)


def _away() -> Unavailable:
    return Unavailable("the job store does not answer", reason="STORE_UNAVAILABLE", retry_after=1.0)
