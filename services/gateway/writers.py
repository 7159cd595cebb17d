"""What somebody may who wrote a message.

Discord says a person's permissions with each interaction; a message carries their roles alone. What roles do not
settle, executor's copy of the guild says, or Discord when executor asks it.
"""

from dataclasses import replace

import structlog
from guildhall.executor.v1 import mirror_pb2, mirror_pb2_grpc

from chassis.caller import Person
from chassis.errors import GuildhallError
from chassis.scoped import Place
from chassis.settings import Live
from chassis.tiers import may
from services.gateway.context import Services
from services.gateway.guild_settings import GuildSettings
from services.gateway.handover import called
from services.gateway.settings import GatewaySettings

_log = structlog.get_logger(__name__)

# executor may have to ask Discord.
_DEADLINE = 5.0


class Writers:
    """Says what people may who write messages."""

    def __init__(self, services: Services, guild_settings: GuildSettings, settings: Live[GatewaySettings]) -> None:
        self._services = services
        self._guild_settings = guild_settings
        self._settings = settings

    async def granted(self, author: Person, place: Place, feature: str) -> Person | None:
        """Whoever wrote, where the configuration gives them a feature, else None.

        Where only their permissions bring it they come with these. Nobody is asked where their roles bring it.
        GuildhallError where the answer can't be had now.
        """
        if self._may(author, place, feature):
            return author
        permissions = await self._asked(author, place) if place.guild_id else None
        if permissions is None:
            return None
        known = replace(author, permissions=permissions)
        return known if self._may(known, place, feature) else None

    async def permissions(self, author: Person, place: Place) -> int | None:
        """What they may in the channel, as Discord's bit set; None where nobody says for certain."""
        try:
            return await self._asked(author, place)
        except GuildhallError as error:
            _log.info("permissions not known", reason=error.reason)
            return None

    async def _asked(self, author: Person, place: Place) -> int | None:
        request = mirror_pb2.GetPermissionsRequest(
            guild_id=place.guild_id,
            channel_id=place.channel_id,
            user_id=author.user_id,
            role_ids=author.role_ids,
        )
        stub = self._services.stub(mirror_pb2_grpc.MirrorServiceStub, "executor")
        answer = await called(stub.GetPermissions(request, timeout=_DEADLINE))
        return int(answer.permissions) if answer.certain else None

    def _may(self, person: Person, place: Place, feature: str) -> bool:
        granted = self._guild_settings.role_tiers(place.guild_id)
        return may(person, "features", feature, self._settings.current.roles, granted)
