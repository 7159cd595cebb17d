"""Taking a question over: what is refused at once, which conversation it belongs to, the durable append."""

from __future__ import annotations

from dataclasses import dataclass

from redis.exceptions import RedisError

from chassis.clock import Clock
from chassis.errors import InvalidArgument, Unavailable
from chassis.ids import new_id
from chassis.telemetry.propagation import producer_span
from services.executor.jobs.model import Job
from services.executor.jobs.redis_store import JobStore
from services.executor.replies.job import KIND
from services.executor.replies.question import Question
from services.executor.replies.settings import ReplySettings
from services.executor.replies.threads import ThreadDirectory

_PROBLEMS = {
    "EMPTY_PROMPT": "the prompt has nothing to read in it",
    "PROMPT_TOO_LONG": "the prompt is too long",
}


@dataclass(frozen=True)
class Submitted:
    """A question that is in durable hands."""

    job_id: str
    duplicate: bool


class Submission:
    """Takes questions over."""

    def __init__(self, store: JobStore, threads: ThreadDirectory, settings: ReplySettings, clock: Clock) -> None:
        self._store = store
        self._threads = threads
        self._settings = settings
        self._clock = clock

    async def submit(self, question: Question) -> Submitted:
        """Takes a question over. Raises `InvalidArgument`, and `Unavailable` where nothing was taken over.

        Whoever used a command reads at once, privately, what is wrong with it. A message has no such answer, so it is
        taken over all the same and its reply says what is wrong.
        """
        problem = question.problem(self._settings.max_prompt_chars)
        if problem and question.interaction is not None:
            limit = str(self._settings.max_prompt_chars)
            raise InvalidArgument(
                _PROBLEMS[problem],
                reason=problem,
                fields={"prompt": _PROBLEMS[problem]},
                metadata={"max_length": limit, "length": str(len(question.prompt))},
            )
        try:
            question = await self._placed(question)
            now = self._clock.now()
            carrier: dict[str, str] = {}
            with producer_span(f"executor.{KIND}", carrier):
                job = Job(
                    job_id=new_id(now),
                    kind=KIND,
                    key=question.conversation_id,
                    payload=question.model_dump_json().encode(),
                    created=now,
                    trace=carrier,
                )
                job_id, duplicate = await self._store.submit(job, event_id=question.event_id)
        except RedisError as error:
            raise Unavailable("the job store does not answer", reason="STORE_UNAVAILABLE", retry_after=1.0) from error
        return Submitted(job_id, duplicate)

    async def conversation_in(self, channel_id: int) -> str:
        """The conversation that stands in a thread or channel. Raises `Unavailable`."""
        try:
            known = await self._threads.find(channel_id)
        except RedisError as error:
            raise Unavailable("the job store does not answer", reason="STORE_UNAVAILABLE", retry_after=1.0) from error
        return str(channel_id) if known is None else known.conversation_id

    async def _placed(self, question: Question) -> Question:
        """The question with its conversation: the thread's, the channel's where that is one, the one of the answer that
        it replies to, else a new one.
        """
        if not question.in_conversation:
            chain = await self._threads.chain(question.reply_to) if question.reply_to else None
            if chain is None:
                return question.model_copy(update={"conversation_id": str(question.event_id)})
            # What it replies to stands in the conversation already.
            gone_on = {"conversation_id": chain, "in_conversation": True, "chained": True, "quoted_text": ""}
            return question.model_copy(update=gone_on)
        known = await self._threads.find(question.channel_id)
        if known is None:
            chain = await self._threads.chain(question.message_id) if question.message_id else None
            if chain is not None:
                return question.model_copy(update={"conversation_id": chain, "chained": True})
            return question.model_copy(update={"conversation_id": str(question.channel_id)})
        return question.model_copy(
            update={"conversation_id": known.conversation_id, "parent_channel_id": known.parent_channel_id}
        )
