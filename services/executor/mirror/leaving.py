"""Leaves guilds that the configuration does not allow: a line in the log, a notice in the guild's log channel."""

from __future__ import annotations

import json
from collections.abc import Callable

import structlog
from pydantic import BaseModel, ConfigDict

from chassis.clock import Clock
from chassis.guild_access import GuildAccess
from chassis.ids import new_id
from chassis.scoped import Place, ScopedSettings
from chassis.telemetry import producer_span
from services.executor.discord.api import DiscordApi, Scope
from services.executor.discord.errors import DiscordError, Refused
from services.executor.discord.permits import Priority
from services.executor.discord.rest import Call, RestClient
from services.executor.discord.routes import Route
from services.executor.guild_settings import LOG_CHANNEL
from services.executor.jobs.model import Job, Journal
from services.executor.jobs.redis_store import JobStore
from services.executor.mirror.departures import event_number
from services.executor.mirror.reading import MirrorReader
from views.catalogue import texts
from views.messages import message

_log = structlog.get_logger(__name__)

KIND = "guild.leave"
_SAID = "said"
_EVENT_SECONDS = 600


class Leave(BaseModel):
    """The payload."""

    model_config = ConfigDict(frozen=True)

    guild_id: int
    name: str


class Leaving:
    """Finds out which guilds are not allowed, and leaves them. Is a `JobKind`."""

    name = KIND

    def __init__(
        self,
        jobs: JobStore,
        *,
        rest: RestClient,
        access: Callable[[], GuildAccess],
        guild_settings: ScopedSettings,
        reader: MirrorReader,
        clock: Clock,
    ) -> None:
        self._jobs = jobs
        self._reader = reader
        self._rest = rest
        self._api = DiscordApi(rest)
        self._access = access
        self._guild_settings = guild_settings
        self._clock = clock

    async def look_at(self, guild_id: int) -> bool:
        """Takes over to leave a guild that is not allowed; says whether it is not."""
        if self._access().allows(guild_id):
            return False
        copy = await self._reader.guild(guild_id)
        name = str(json.loads(copy.guild).get("name") or "") if copy is not None else ""
        now = self._clock.now()
        order = Leave(guild_id=guild_id, name=name)
        carrier: dict[str, str] = {}
        with producer_span(f"executor.{KIND}", carrier):
            job = Job(new_id(now), KIND, f"guild/{guild_id}", order.model_dump_json().encode(), now, trace=carrier)
            # The bot may be brought back some minutes later, and has to leave again then.
            await self._jobs.submit(job, event_id=event_number(f"leave/{guild_id}/{now // _EVENT_SECONDS}"))
        return True

    async def run(self, job: Job, journal: Journal) -> None:
        """Says so and leaves. Nothing happens where the configuration allows the guild by now."""
        order = Leave.model_validate_json(job.payload)
        if self._access().allows(order.guild_id):
            return
        scope = Scope(journal.fence, order.guild_id)
        if _SAID not in await journal.read():
            _log.warning("guild.left_as_configured", guild_id=order.guild_id, guild_name=order.name[:100])
            await self._notice(scope, job.job_id)
            await journal.write({_SAID: "1"})
        route = Route.of("DELETE", "/users/@me/guilds/{guild_id}", guild_id=order.guild_id)
        try:
            await self._rest.call(
                Call(route, priority=Priority.FIRST, guild_id=order.guild_id, fence=journal.fence)
            )  # fmt: skip
        except Refused as refusal:
            if not refusal.gone:
                raise

    async def _notice(self, scope: Scope, job_id: str) -> None:
        channel = str(await self._guild_settings.value(Place(guild_id=scope.guild_id), LOG_CHANNEL) or "")
        if not channel.isdecimal():
            return
        copy = await self._reader.guild(scope.guild_id)
        locale = str(json.loads(copy.guild).get("preferred_locale") or "") if copy is not None else ""
        try:
            await self._api.send(
                scope,
                int(channel),
                message(texts().text(locale or "en", "guild.not_allowed")),
                nonce=f"{job_id}l",
                priority=Priority.FIRST,
            )
        except DiscordError as error:
            _log.info("guild.notice_not_sent", guild_id=scope.guild_id, why=str(error))

    async def give_up(self, job: Job, journal: Journal, reason: str) -> None:
        """It is looked at again when gateway is told of the guild the next time, and at the next start."""
        _log.error("guild.not_left", job_id=job.job_id, reason=reason)
