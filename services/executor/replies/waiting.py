"""Telling people their place in the queue while their question waits for others.

A command's response says it, and later shows the answer. In a conversation the first message of the answer says it, and
later becomes the answer. A message that gets a thread of its own has nothing yet that could say it.
"""

from __future__ import annotations

import structlog

from services.executor.discord.errors import DiscordError, NotPermitted
from services.executor.replies.answer import Answer
from services.executor.replies.attempt import Attempt
from services.executor.replies.speakers import Voice
from views.markdown import relative_time
from views.messages import message

_log = structlog.get_logger(__name__)


async def tell_place(attempt: Attempt, place: int, seconds: float) -> None:
    """Says it, as far as that can be said just now."""
    question, tools, state = attempt.question, attempt.tools, attempt.state
    if question.replies_to or attempt.plain_notice:
        return
    when = relative_time(tools.clock.now() + max(1.0, seconds))
    said = attempt.text("reply.waiting", place=place, when=when)
    try:
        if question.interaction is not None:
            if not state.opening.message_id:
                await tools.api.edit_original(
                    question.interaction.application_id,
                    question.interaction.token,
                    message(said),
                    fence=attempt.journal.fence,
                )
        elif question.in_conversation:
            state.channel_id = question.channel_id
            await Answer(
                tools.api,
                await tools.speakers.speaker(attempt.scope, Voice()),
                tools.speakers.renewal(attempt.scope, Voice()),
                question=question,
                job=attempt.job,
                journal=attempt.journal,
                state=state,
                settings=tools.settings,
                clock=tools.clock,
            ).preview(said)
    except (DiscordError, NotPermitted) as error:
        # Not acknowledged yet, or no room in the limits: the next time will do.
        _log.info("reply.place_not_told", job_id=attempt.job.job_id, why=str(error))
