"""One attempt at one reply: the job with what is known of it so far, which the parts of a reply share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from services.executor.discord.api import Scope
from services.executor.jobs.model import Job, Journal
from services.executor.replies import notices
from services.executor.replies.question import Question, first_words
from services.executor.replies.record import ReplyRecord
from services.executor.replies.state import ReplyState, save
from services.executor.replies.tools import Tools
from views.markdown import escaped, shortened
from views.reply_controls import Named


class Attempt:
    """What the parts of a reply share. The question changes while its attachments are taken, the state all along."""

    def __init__(
        self, tools: Tools, job: Job, journal: Journal, questions: Sequence[Question], state: ReplyState
    ) -> None:
        """`questions` is one question, or a burst that is answered once."""
        self.tools = tools
        self.job = job
        self.journal = journal
        self.asked = tuple(questions)
        """The question and those that came in a burst behind it, each as it was asked."""
        self.question = questions[0].with_burst(questions[1:])
        self.state = state
        self.scope = Scope(journal.fence, self.question.guild_id)
        self.text = notices.in_locale(self.question.asker.locale)
        self.name = self.question.replies_to or job.job_id
        """The answer's name for good: the job that answered first."""
        self.named = Named(self.name, self.question.asker.user_id)
        self.before: ReplyRecord | None = None
        """The answer whose place this one takes."""
        self.remarks: list[str] = []
        """What people are told under the answer of what they attached."""
        self.in_force: Mapping[str, object] = {}
        """The settings of the place, by key."""
        self.plain_notice = False
        """Whether the answer is only a notice, for which a thread of its own would be too much."""
        problem = self.question.problem(tools.settings.max_prompt_chars)
        if problem:
            self.plain_notice = True
            if state.text is None:
                state.text = notices.for_reason(self.text, problem)
                state.failed = True

    @property
    def wants_thread(self) -> bool:
        """Whether the answer gets a thread of its own."""
        return self.question.opens_thread and not self.plain_notice

    @property
    def head(self) -> str:
        """What stands over the answer: the question, where nobody could read it otherwise."""
        if not self.question.unseen or self.plain_notice:
            return ""
        name = escaped(shortened(self.question.asker.display_name or self.text("reply.somebody"), 80))
        asked = escaped(first_words(self.question.prompt, self.tools.settings.quote_chars))
        return self.text("reply.asked", name=name, question=asked) + "\n"

    async def save(self) -> None:
        """Writes the state, on disk when it returns."""
        await save(self.journal, self.state)

    async def read_settings(self) -> None:
        """Learns what is set where the question was asked; what its channels had announced is brought back first."""
        question = self.question
        if not question.by_token:
            for channel_id in {question.channel_id, question.parent_channel_id} - {0}:
                await self.tools.recovery.look_at(question.guild_id, channel_id, self.journal.fence)
        in_force = await self.tools.guild_settings.in_force(question.place)
        self.in_force = {key: effective.value for key, effective in in_force.items()}
