"""The reply job: one question, or a burst of them, answered exactly once (see `reply`)."""

from __future__ import annotations

from collections.abc import Sequence

from services.executor.jobs.model import Job, Journal
from services.executor.replies import notices, reply
from services.executor.replies.attempt import Attempt
from services.executor.replies.question import Question
from services.executor.replies.state import load
from services.executor.replies.tools import Tools
from services.executor.replies.waiting import tell_place

KIND = "reply"


class ReplyJobs:
    """Runs reply jobs. Is a `JobKind`, `Gathering` and `Queueing`."""

    name = KIND

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    async def run(self, job: Job, journal: Journal) -> None:
        """Answers one question."""
        await reply.give(await self._attempt(job, [], journal))

    def gathers(self, job: Job, waiting: Sequence[Job]) -> int:
        """Messages that were written while an answer was given are one burst: they are answered together."""
        if not _part_of_burst(job):
            return 0
        count = 0
        for other in waiting[: self._tools.settings.burst_messages - 1]:
            if not _part_of_burst(other):
                break
            count += 1
        return count

    async def run_gathered(self, job: Job, gathered: Sequence[Job], journal: Journal) -> None:
        """Answers a burst of questions once."""
        await reply.give(await self._attempt(job, gathered, journal))

    async def queued(self, job: Job, journal: Journal, place: int, seconds: float) -> None:
        """Tells whoever asked their place in the queue."""
        await tell_place(await self._attempt(job, [], journal), place, seconds)

    async def give_up(self, job: Job, journal: Journal, reason: str) -> None:
        """Says that it failed."""
        attempt = await self._attempt(job, [], journal)
        attempt.state.text = notices.for_reason(attempt.text, "INTERNAL")
        attempt.state.failed = True
        await reply.give(attempt)

    async def _attempt(self, job: Job, gathered: Sequence[Job], journal: Journal) -> Attempt:
        questions = [Question.model_validate_json(each.payload) for each in (job, *gathered)]
        state = await load(journal)
        state.started = state.started or self._tools.clock.now()
        return Attempt(self._tools, job, journal, questions, state)


def _part_of_burst(job: Job) -> bool:
    """Whether a job is a plain message in a conversation, so that it can be answered together with its like."""
    if job.kind != KIND:
        return False
    question = Question.model_validate_json(job.payload)
    return (
        question.in_conversation
        and question.interaction is None
        and not question.replies_to
        and not question.attachments
        and not question.model
    )
