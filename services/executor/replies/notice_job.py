"""The notice job: one message that has to be said besides answers, sent once."""

from __future__ import annotations

from typing import Any

import structlog
from pydantic import BaseModel, ConfigDict

from services.executor.discord.api import Scope
from services.executor.discord.errors import Refused
from services.executor.discord.permits import Priority
from services.executor.jobs.model import Job, Journal
from services.executor.replies.sending import JobMessages
from views.messages import NO_MENTIONS

_log = structlog.get_logger(__name__)

KIND = "notice"


class Notice(BaseModel):
    """The payload of a notice job."""

    model_config = ConfigDict(frozen=True)

    guild_id: int = 0
    channel_id: int
    reply_to: int = 0
    """The message that it replies to; 0 for none."""
    body: dict[str, Any]
    """The message as Discord's JSON."""


class NoticeJobs:
    """Runs notice jobs. Is a `JobKind`."""

    name = KIND

    def __init__(self, messages: JobMessages) -> None:
        self._messages = messages

    async def run(self, job: Job, journal: Journal) -> None:
        """Sends one notice. Where the channel is gone or closed to the bot, nobody is left to read it."""
        notice = Notice.model_validate_json(job.payload)
        body = {**notice.body, "allowed_mentions": NO_MENTIONS}
        if notice.reply_to:
            body["message_reference"] = {"message_id": str(notice.reply_to), "fail_if_not_exists": False}
        try:
            scope = Scope(journal.fence, notice.guild_id)
            await self._messages.send(job, journal, scope, notice.channel_id, body, mark="n", priority=Priority.FINAL)
        except Refused as refusal:
            _log.info("notice.refused", job_id=job.job_id, channel_id=notice.channel_id, why=str(refusal))

    async def give_up(self, job: Job, journal: Journal, reason: str) -> None:
        """There is nobody to tell that a notice failed, but the log."""
        _log.error("notice.given_up", job_id=job.job_id, reason=reason)
