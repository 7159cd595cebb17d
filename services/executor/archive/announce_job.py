"""The announcement job: what a scope holds in all services, posted as one message that only the bot can have made."""

from __future__ import annotations

from functools import partial

import structlog
from guildhall.settings.v1 import settings_pb2
from pydantic import BaseModel, ConfigDict

from services.executor.archive.scopes import SERVICES, Scopes
from services.executor.discord.api import Scope
from services.executor.discord.errors import Refused
from services.executor.discord.permits import Priority
from services.executor.jobs.model import Job, Journal
from services.executor.replies.sending import JobMessages
from views.announcement import Announcement, TooLarge, sign
from views.catalogue import texts
from views.markdown import shortened
from views.messages import message
from views.setting_texts import name_text, value_text

_log = structlog.get_logger(__name__)

KIND = "settings.announce"
_SHOWN_CHARS = 300


class Announce(BaseModel):
    """The payload."""

    model_config = ConfigDict(frozen=True)

    guild_id: int
    scope_kind: int
    scope_id: int
    channel_id: int
    locale: str = ""


class AnnounceJobs:
    """Runs announcement jobs. Is a `JobKind`."""

    name = KIND

    def __init__(
        self,
        messages: JobMessages,
        *,
        scopes: Scopes,
        key: bytes,
    ) -> None:
        self._messages = messages
        self._scopes = scopes
        self._key = key

    async def run(self, job: Job, journal: Journal) -> None:
        """Posts one announcement. Its version is the time of the change, which grows even where a store was lost."""
        order = Announce.model_validate_json(job.payload)
        scope = settings_pb2.Scope(kind=order.scope_kind, guild_id=order.guild_id, id=order.scope_id)  # type: ignore[arg-type]
        values = {service: dict(await self._scopes.held(service, scope)) for service in SERVICES}
        announcement = Announcement(
            guild_id=order.guild_id,
            channel_id=order.channel_id,
            scope_kind=order.scope_kind,
            scope_id=order.scope_id,
            version=int(job.created * 1000),
            values={service: held for service, held in values.items() if held},
        )
        try:
            line = sign(announcement, self._key)
        except TooLarge as error:
            _log.error("settings.not_announced", job_id=job.job_id, why=str(error))
            return
        try:
            body = message(_text(announcement, order.locale, line))
            where = Scope(journal.fence, order.guild_id)
            await self._messages.send(job, journal, where, order.channel_id, body, mark="n", priority=Priority.BULK)
        except Refused as refusal:
            _log.info("settings.not_announced", job_id=job.job_id, why=str(refusal))

    async def give_up(self, job: Job, journal: Journal, reason: str) -> None:
        """The settings stand in the store all the same; the log says that they stand nowhere else."""
        _log.error("settings.announcement_given_up", job_id=job.job_id, reason=reason)


def _text(announcement: Announcement, locale: str, line: str) -> str:
    text = partial(texts().text, locale)
    shown = ", ".join(
        f"{name_text(text, key)}: {value_text(text, key, value)}"
        for held in announcement.values.values()
        for key, value in held.items()
    )
    return text("settings.announced", values=shortened(shown, _SHOWN_CHARS) or "–", line=line)
