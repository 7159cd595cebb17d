"""One reply from its question to the last edit: the order of its parts.

The question's message is shown, a thread is opened from it, the answer streams into the thread. Title, model and
Discord work at the same time. Every step is either idempotent in Discord (edits, a thread from a message) or sent once
by nonce and journal, so a reply can be begun again after any crash and goes on where it was.
"""

from __future__ import annotations

import asyncio

import structlog
from guildhall.llm.v1 import generation_pb2

from services.executor.discord.errors import DiscordError, NotPermitted, Refused
from services.executor.discord.permits import Priority
from services.executor.guild_settings import REACTIONS
from services.executor.replies import notices, outcome
from services.executor.replies.attempt import Attempt
from services.executor.replies.drawing import Drawing
from services.executor.replies.error_policy import failed_quietly
from services.executor.replies.generation import Generation
from services.executor.replies.history import attachments, turns
from services.executor.replies.marks import Marks
from services.executor.replies.place import AnswerPlace
from services.executor.replies.question import visible
from services.executor.replies.record import ReplyRecord
from services.executor.replies.sending import PlaceGone
from services.executor.replies.speakers import Voice
from services.executor.replies.streaming import Streaming
from services.executor.replies.title import Title
from views.reply_controls import while_streaming

_log = structlog.get_logger(__name__)


async def give(attempt: Attempt) -> None:
    """Gives one reply."""
    state, tools = attempt.state, attempt.tools
    await attempt.read_settings()
    if state.text is None:
        await _take_attachments(attempt)
    if attempt.question.replies_to:
        attempt.before = await tools.records.find(attempt.name)
    marks = Marks(tools.api, attempt.scope, attempt.asked, wanted=bool(attempt.in_force.get(REACTIONS)))
    generation = _generation(attempt) if state.text is None else None
    title = Title(tools.titles, attempt.question, tools.settings) if attempt.wants_thread and not state.titled else None
    tasks = [asyncio.create_task(part.run()) for part in (generation, title) if part is not None]
    seen = asyncio.create_task(marks.seen())
    place = AnswerPlace(attempt)
    try:
        answer = await place.open(title)
        if answer is None:
            return
        if generation is not None:
            streaming = Streaming(attempt, generation)
            tasks += [asyncio.create_task(streaming.stop_when_asked()), asyncio.create_task(streaming.type_meanwhile())]
            answer.while_streaming(while_streaming(attempt.named, attempt.text))
            await streaming.show(answer, tasks[0])
            outcome.settle(attempt, generation)
            await attempt.save()
        await seen
        if state.failed and await failed_quietly(attempt, marks):
            return
        # Whoever presses a button the moment it appears finds the answer; its last messages are noted afterwards.
        record = outcome.record(attempt)
        await tools.records.put(record)
        await _remember_chain(attempt, record)
        pictures = generation.pictures if generation is not None else ()
        await answer.finish(state.shown_text or state.text or "", outcome.controls(attempt, record), pictures)
        record = outcome.record(attempt)
        await tools.records.put(record)
        await tools.edits.answered(record)
        await _remember_chain(attempt, record)
        await marks.settled(failed=state.failed)
        if title is not None:
            await _name_thread(attempt, title)
    except Refused as refusal:
        tools.speakers.forget(Voice(state.persona, state.hook_channel_id), refusal)
        raise
    except PlaceGone as gone:
        await place.say_gone(gone)
    finally:
        for task in (*tasks, seen):
            task.cancel()
        await asyncio.gather(*tasks, seen, return_exceptions=True)


async def _take_attachments(attempt: Attempt) -> None:
    tools = attempt.tools
    question = await tools.attachments.look_up(tools.api, attempt.scope, attempt.question)
    taken = await tools.attachments.take(question)
    attempt.question = taken.question
    attempt.remarks = [notices.for_reason(attempt.text, reason) for reason in dict.fromkeys(taken.reasons)]
    if visible(attempt.question.prompt):
        return
    if attempt.question.attachment_ids:
        attempt.question = attempt.question.model_copy(update={"prompt": attempt.text("reply.attachment_prompt")})
    else:
        attempt.state.text = "\n".join(attempt.remarks) or notices.for_reason(attempt.text, "EMPTY_PROMPT")
        attempt.state.failed = attempt.plain_notice = True


def _generation(attempt: Attempt) -> Generation:
    question, tools = attempt.question, attempt.tools
    deadline = question.event_time + tools.settings.token_seconds if question.by_token else None

    async def history() -> list[generation_pb2.HistoryTurn]:
        return await _history(attempt)

    return Generation(
        tools.llm,
        question,
        turn_id=attempt.job.job_id,
        settings=tools.settings,
        clock=tools.clock,
        deadline=deadline,
        text=attempt.text,
        history=history if question.in_conversation and not question.chained else None,
        reminded=question.parent_channel_id != 0,
        drawing=_drawing(attempt) if question.pictures else None,
    )


async def _remember_chain(attempt: Attempt, record: ReplyRecord) -> None:
    """Lets people go on by a reply where the answer stands in a channel that is no conversation as a whole."""
    question = attempt.question
    if question.by_token or attempt.state.channel_id != question.channel_id:
        return
    if question.chained or not question.in_conversation:
        for message_id in record.message_ids:
            await attempt.tools.threads.remember_chain(message_id, question.conversation_id)


def _drawing(attempt: Attempt) -> Drawing:
    tools = attempt.tools
    return Drawing(
        tools.pictures,
        guild_id=attempt.question.guild_id,
        turn_id=attempt.job.job_id,
        at_most=tools.settings.pictures_per_answer,
    )


async def _history(attempt: Attempt) -> list[generation_pb2.HistoryTurn]:
    """The turns before this question where it was asked; none where they can't be read."""
    question, settings = attempt.question, attempt.tools.settings
    try:
        messages = await attempt.tools.api.latest(attempt.scope, question.channel_id, limit=settings.history_messages)
    except DiscordError as error:
        _log.warning("reply.no_history", job_id=attempt.job.job_id, why=str(error))
        return []
    before = question.message_id or question.event_id
    found = turns(
        messages, bot_id=attempt.tools.identity.user_id, before=before, command_prefix=question.command_prefix
    )
    await attempt.tools.attachments.bring(attachments(messages, found, settings.history_attachments), question.asker)
    return found


async def _name_thread(attempt: Attempt, title: Title) -> None:
    """Gives the thread its title where it came too late for the opening."""
    state, tools = attempt.state, attempt.tools
    if state.titled or state.channel_id == attempt.question.channel_id:
        return
    name = await title.within(tools.settings.title_timeout_seconds)
    if name is not None:
        try:
            await tools.api.edit_channel(
                attempt.scope, state.channel_id, {"name": name}, priority=Priority.PREVIEW, max_wait=0.0
            )
        except (NotPermitted, Refused) as error:
            _log.info("reply.untitled", job_id=attempt.job.job_id, why=str(error))
    state.titled = True
    await attempt.save()
