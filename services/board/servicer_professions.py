"""The contract of a guild's professions: protobuf in, the board's domain, protobuf out."""

from typing import Any, TypeAlias

import grpc
from guildhall.board.v1 import profession_pb2, profession_pb2_grpc

from services.board.finishing import finishing
from services.board.guild_professions import GuildProfessions
from services.board.professions import Item, Profession
from services.board.rules import officers_only
from services.board.servicer import Acting
from services.board.storable import checked

Context: TypeAlias = grpc.aio.ServicerContext[Any, Any]


@finishing
@checked
class ProfessionServicer(profession_pb2_grpc.ProfessionServiceServicer):
    """guildhall.board.v1.ProfessionService."""

    def __init__(self, professions: GuildProfessions, acting: Acting) -> None:
        self._professions = professions
        self._acting = acting

    async def ListProfessions(
        self, request: profession_pb2.ListProfessionsRequest, context: Context
    ) -> profession_pb2.ListProfessionsResponse:
        """Lists a guild's professions."""
        await self._acting.reader(request.guild_id)
        own = await self._professions.customized(request.guild_id)
        found = await self._professions.of(request.guild_id)
        return profession_pb2.ListProfessionsResponse(
            professions=[
                _profession_message(profession, profession.key in own)
                for profession in found.entries.values()
                if profession.enabled or request.include_disabled
            ]
        )

    async def PutProfession(
        self, request: profession_pb2.PutProfessionRequest, context: Context
    ) -> profession_pb2.PutProfessionResponse:
        """Adds or changes a profession of a guild."""
        actor = await self._acting.person(request.guild_id)
        officers_only(actor)
        message = request.profession
        kept = await self._professions.put(
            request.guild_id,
            Profession(
                key=message.key,
                name=message.name,
                aliases=tuple(message.aliases),
                max_level=message.max_level,
                specialities=tuple(message.specialities),
                qualities=tuple(message.qualities),
                items=tuple(Item(item.name, item.level, item.speciality) for item in message.items),
                enabled=not message.disabled,
            ),
            actor,
        )
        return profession_pb2.PutProfessionResponse(profession=_profession_message(kept, customized=True))

    async def ResetProfession(
        self, request: profession_pb2.ResetProfessionRequest, context: Context
    ) -> profession_pb2.ResetProfessionResponse:
        """Takes a guild's own change back."""
        actor = await self._acting.person(request.guild_id)
        officers_only(actor)
        await self._professions.reset(request.guild_id, request.key, actor)
        return profession_pb2.ResetProfessionResponse()


def _profession_message(profession: Profession, customized: bool) -> profession_pb2.Profession:
    return profession_pb2.Profession(
        key=profession.key,
        name=profession.name,
        aliases=profession.aliases,
        max_level=profession.max_level,
        specialities=profession.specialities,
        qualities=profession.qualities,
        items=[
            profession_pb2.Item(name=item.name, level=item.level, speciality=item.speciality)
            for item in profession.items
        ],
        disabled=not profession.enabled,
        customized=customized,
    )
