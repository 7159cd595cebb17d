"""A private answer that ended because its token did goes on in a thread that only the asking person and the bot see."""

from __future__ import annotations

import structlog

from services.executor.discord.api import Scope, snowflake_at, snowflake_time
from services.executor.discord.errors import Refused
from services.executor.discord.permits import Priority
from services.executor.jobs.model import Job, Journal
from services.executor.replies import notices
from services.executor.replies.acknowledged import edit_acknowledged
from services.executor.replies.action_jobs import Action
from services.executor.replies.question import first_words
from services.executor.replies.record import ReplyRecord
from services.executor.replies.sending import send_once
from services.executor.replies.state import Part, ReplyState, load, save
from services.executor.replies.threads import ThreadEntry
from services.executor.replies.tools import Tools
from views.messages import message
from views.reply_controls import Named, go_on
from views.splitter import split

_log = structlog.get_logger(__name__)

PRIVATELY = "reply.privately"
_CLOCK_SLACK_SECONDS = 10.0


class PrivateThreadJobs:
    """Opens private threads. Is a `JobKind`."""

    name = PRIVATELY

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    async def run(self, job: Job, journal: Journal) -> None:
        """Opens one thread, shows there what there is of the answer, and tells the person where it is."""
        action = Action.model_validate_json(job.payload)
        record = await self._tools.records.find(action.reply_id)
        if record is None:
            return
        state = await load(journal)
        text = notices.in_locale(action.actor.locale)
        scope = Scope(journal.fence, record.question.guild_id)
        try:
            await self._open(scope, record, journal, state)
            await self._tools.api.add_to_thread(scope, state.channel_id, action.actor.user_id)
            await self._show(job, journal, state, scope=scope, record=record, text=text)
            told = text("reply.goes_on_privately", thread=f"<#{state.channel_id}>")
        except Refused as refusal:
            _log.info("reply.no_private_thread", job_id=job.job_id, why=str(refusal))
            told = notices.for_reason(text, "PRIVATE_THREAD_FORBIDDEN")
        await self._tell(action, told, journal)

    async def give_up(self, job: Job, journal: Journal, reason: str) -> None:
        """Says that it failed."""
        action = Action.model_validate_json(job.payload)
        text = notices.in_locale(action.actor.locale)
        await self._tell(action, notices.for_reason(text, "INTERNAL"), journal)

    async def _open(self, scope: Scope, record: ReplyRecord, journal: Journal, state: ReplyState) -> None:
        """Opens the thread once: one that an earlier attempt may have opened is looked for first."""
        if state.channel_id:
            return
        question, tools = record.question, self._tools
        parent = question.parent_channel_id or question.channel_id
        name = first_words(question.prompt, tools.settings.title_chars)
        thread_id = await self._opened_before(scope, state.opening, name) if state.opening.intended else 0
        if not thread_id:
            state.opening = Part(intended=tools.clock.now())
            await save(journal, state)
            minutes = tools.settings.thread_archive_minutes
            thread_id = await tools.api.open_private_thread(scope, parent, name=name, archive_minutes=minutes)
        await tools.threads.remember(thread_id, ThreadEntry(question.conversation_id, parent))
        await tools.recovery.opened(thread_id)
        state.channel_id = thread_id
        await save(journal, state)

    async def _opened_before(self, scope: Scope, opening: Part, name: str) -> int:
        since = snowflake_time(snowflake_at(opening.intended - _CLOCK_SLACK_SECONDS))
        for thread in await self._tools.api.active_threads(scope):
            mine = int(thread.get("owner_id") or 0) == self._tools.identity.user_id
            if mine and thread["name"] == name and snowflake_time(int(thread["id"])) >= since:
                return int(thread["id"])
        return 0

    async def _show(
        self, job: Job, journal: Journal, state: ReplyState, *, scope: Scope, record: ReplyRecord, text: notices.Text
    ) -> None:
        tools = self._tools
        shown = record.versions[record.shown].text if record.versions else ""
        named = Named(record.job_id, record.question.asker.user_id)
        parts = split(shown or "…", tools.settings.message_limit)[: tools.settings.max_messages]
        for index, content in enumerate(parts):
            while len(state.parts) <= index:
                state.parts.append(Part())
            if state.parts[index].message_id:
                continue
            under = go_on(named, text) if index == len(parts) - 1 else []
            await send_once(
                tools.api,
                scope,
                journal,
                state,
                state.parts[index],
                channel_id=state.channel_id,
                body=message(content, components=under),
                nonce=f"{job.job_id}{index:02d}",
                priority=Priority.FIRST,
                files=[],
                bot_id=tools.identity.user_id,
                now=tools.clock.now(),
                nonce_trust=tools.settings.nonce_trust_seconds,
            )

    async def _tell(self, action: Action, said: str, journal: Journal) -> None:
        interaction = action.interaction
        if interaction is None:
            return
        try:
            await edit_acknowledged(
                self._tools.api,
                self._tools.clock,
                self._tools.settings,
                interaction,
                message(said),
                since=self._tools.clock.now(),
                fence=journal.fence,
            )
        except Refused as refusal:
            _log.info("reply.not_told", why=str(refusal))
