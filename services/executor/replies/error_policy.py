"""What people see of an answer that failed, as their channel wants it: a reply, a reaction alone, or nothing.

Where people see nothing, those who run the guild do, in its log channel. Whoever used a command is always told.
"""

from __future__ import annotations

import structlog

from services.executor.discord.errors import Refused
from services.executor.discord.permits import Priority
from services.executor.guild_settings import ERROR_POLICY, LOG_CHANNEL
from services.executor.replies.attempt import Attempt
from services.executor.replies.marks import Marks
from views.messages import message

_log = structlog.get_logger(__name__)


async def failed_quietly(attempt: Attempt, marks: Marks) -> bool:
    """Keeps a failure out of the channel where that is set; whether nothing more has to be said."""
    policy = attempt.in_force.get(ERROR_POLICY)
    if policy == "reply" or not marks.possible or any(part.message_id for part in attempt.state.parts):
        return False
    if policy == "reaction":
        return await marks.failed_quietly()
    await marks.passed_over()
    await _log_in_guild(attempt)
    return True


async def _log_in_guild(attempt: Attempt) -> None:
    log_channel = str(attempt.in_force.get(LOG_CHANNEL) or "")
    if not log_channel.isdecimal():
        return
    question = attempt.question
    link = f"https://discord.com/channels/{question.guild_id}/{question.channel_id}/{question.message_id}"
    said = message(f"{link}\n{attempt.state.shown_text}")
    nonce = f"{attempt.job.job_id}l"
    try:
        await attempt.tools.api.send(attempt.scope, int(log_channel), said, nonce=nonce, priority=Priority.BULK)
    except Refused as refusal:
        _log.info("reply.not_logged", job_id=attempt.job.job_id, why=str(refusal))
