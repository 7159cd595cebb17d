"""The announcement job: what a scope holds in all services, posted as one message that only the bot can have made."""

from __future__ import annotations

import json

import structlog
from guildhall.settings.v1 import settings_pb2
from pydantic import BaseModel, ConfigDict

from chassis.clock import Clock
from services.executor.archive.scopes import SERVICES, Scopes
from services.executor.discord.api import DiscordApi, Scope
from services.executor.discord.errors import Refused
from services.executor.discord.identity import BotIdentity
from services.executor.discord.permits import Priority
from services.executor.jobs.model import Job, Journal
from services.executor.replies.sending import send_once
from services.executor.replies.settings import ReplySettings
from services.executor.replies.state import load
from views.announcement import Announcement, TooLarge, sign
from views.catalogue import texts
from views.markdown import escaped, shortened
from views.messages import message

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
        *,
        api: DiscordApi,
        identity: BotIdentity,
        scopes: Scopes,
        key: bytes,
        settings: ReplySettings,
        clock: Clock,
    ) -> None:
        self._api = api
        self._identity = identity
        self._scopes = scopes
        self._key = key
        self._settings = settings
        self._clock = clock

    async def run(self, job: Job, journal: Journal) -> None:
        """Posts one announcement. Its version is the time of the change, which grows even where a store was lost."""
        order = Announce.model_validate_json(job.payload)
        state = await load(journal)
        if state.opening.message_id:
            return
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
            await send_once(
                self._api,
                Scope(journal.fence, order.guild_id),
                journal,
                state,
                state.opening,
                channel_id=order.channel_id,
                body=message(_text(announcement, order.locale, line)),
                nonce=f"{job.job_id}n",
                priority=Priority.BULK,
                files=[],
                bot_id=self._identity.user_id,
                now=self._clock.now(),
                nonce_trust=self._settings.nonce_trust_seconds,
            )
        except Refused as refusal:
            _log.info("settings.not_announced", job_id=job.job_id, why=str(refusal))

    async def give_up(self, job: Job, journal: Journal, reason: str) -> None:
        """The settings stand in the store all the same; the log says that they stand nowhere else."""
        _log.error("settings.announcement_given_up", job_id=job.job_id, reason=reason)


def _text(announcement: Announcement, locale: str, line: str) -> str:
    shown = ", ".join(
        f"{key}: {value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}"
        for held in announcement.values.values()
        for key, value in held.items()
    )
    return texts().text(locale, "settings.announced", values=escaped(shortened(shown, _SHOWN_CHARS)) or "–", line=line)
