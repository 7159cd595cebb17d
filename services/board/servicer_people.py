"""Characters and members: protobuf in, the board's domain, protobuf out."""

from typing import Any

import grpc
from guildhall.board.v1 import (
    character_pb2,
    character_pb2_grpc,
    member_pb2,
    member_pb2_grpc,
)

from chassis.errors import InvalidArgument
from services.board import convert
from services.board.characters import Character, Match, Skill
from services.board.departures import Departures
from services.board.finishing import finishing
from services.board.memberships import Memberships
from services.board.roster import Roster
from services.board.servicer import Acting
from services.board.storable import checked

Context = grpc.aio.ServicerContext[Any, Any]
_CRAFTERS = 25
_KINDS = {
    member_pb2.SUBSCRIPTION_KIND_PROFESSION: "profession",
    member_pb2.SUBSCRIPTION_KIND_ITEM: "item",
}
_KIND_OF = {name: number for number, name in _KINDS.items()}
_MATCHES = {
    Match.RECIPE: character_pb2.MATCH_RECIPE,
    Match.SKILL: character_pb2.MATCH_SKILL,
    Match.PROFESSION: character_pb2.MATCH_PROFESSION,
}


@finishing
@checked
class CharacterServicer(character_pb2_grpc.CharacterServiceServicer):
    """guildhall.board.v1.CharacterService."""

    def __init__(self, roster: Roster, memberships: Memberships, acting: Acting) -> None:
        self._roster = roster
        self._memberships = memberships
        self._acting = acting

    async def PutCharacter(
        self, request: character_pb2.PutCharacterRequest, context: Context
    ) -> character_pb2.PutCharacterResponse:
        """Adds or changes a character."""
        actor = await self._acting.person(request.guild_id)
        kept = await self._roster.put(_character(request.guild_id, request.character), actor)
        return character_pb2.PutCharacterResponse(character=_character_message(kept))

    async def RemoveCharacter(
        self, request: character_pb2.RemoveCharacterRequest, context: Context
    ) -> character_pb2.RemoveCharacterResponse:
        """Removes a character."""
        actor = await self._acting.person(request.guild_id)
        gone = await self._roster.remove(request.guild_id, request.character_id, actor)
        return character_pb2.RemoveCharacterResponse(character=_character_message(gone))

    async def ListCharacters(
        self, request: character_pb2.ListCharactersRequest, context: Context
    ) -> character_pb2.ListCharactersResponse:
        """Lists characters."""
        await self._acting.reader(request.guild_id)
        found, token = await self._roster.characters(
            request.guild_id,
            owner_id=request.owner_id,
            query=request.query,
            profession=request.profession,
            size=request.page_size,
            token=request.page_token,
        )
        return character_pb2.ListCharactersResponse(
            characters=[_character_message(character) for character in found], next_page_token=token
        )

    async def FindCrafters(
        self, request: character_pb2.FindCraftersRequest, context: Context
    ) -> character_pb2.FindCraftersResponse:
        """Says who can make something."""
        await self._acting.reader(request.guild_id)
        crafters, professions = await self._roster.crafters(
            request.guild_id, request.item, request.profession, min(request.limit or _CRAFTERS, 100)
        )
        return character_pb2.FindCraftersResponse(
            crafters=[
                character_pb2.Crafter(
                    character=_character_message(crafter.character),
                    skill=_skill_message(crafter.skill),
                    match=_MATCHES[crafter.match],
                    held=crafter.held,
                )
                for crafter in crafters
            ],
            professions=professions,
        )

    async def SetVacation(
        self, request: character_pb2.SetVacationRequest, context: Context
    ) -> character_pb2.SetVacationResponse:
        """Goes on vacation or comes back."""
        actor = await self._acting.person(request.guild_id)
        until = convert.milliseconds(request.until_time) if request.HasField("until_time") else None
        await self._memberships.set_vacation(request.guild_id, actor, until)
        return character_pb2.SetVacationResponse()


@finishing
@checked
class MemberServicer(member_pb2_grpc.MemberServiceServicer):
    """guildhall.board.v1.MemberService."""

    def __init__(self, memberships: Memberships, departures: Departures, acting: Acting) -> None:
        self._memberships = memberships
        self._departures = departures
        self._acting = acting

    async def SetSubscription(
        self, request: member_pb2.SetSubscriptionRequest, context: Context
    ) -> member_pb2.SetSubscriptionResponse:
        """Follows something or stops."""
        actor = await self._acting.person(request.guild_id)
        kind = _KINDS.get(request.subscription.kind)
        if kind is None:
            raise InvalidArgument(
                "follow what?", reason="SUBSCRIPTION_INVALID", fields={"subscription.kind": "a profession or an item"}
            )
        now = await self._memberships.set_subscription(
            request.guild_id, actor, kind, request.subscription.value, request.follow
        )
        return member_pb2.SetSubscriptionResponse(subscriptions=_subscriptions(now))

    async def ListSubscriptions(
        self, request: member_pb2.ListSubscriptionsRequest, context: Context
    ) -> member_pb2.ListSubscriptionsResponse:
        """Lists what the caller's person follows."""
        actor = await self._acting.person(request.guild_id)
        found = await self._memberships.subscriptions(request.guild_id, actor.user_id)
        return member_pb2.ListSubscriptionsResponse(subscriptions=_subscriptions(found))

    async def SetBlock(self, request: member_pb2.SetBlockRequest, context: Context) -> member_pb2.SetBlockResponse:
        """Blocks a person or lets them back."""
        actor = await self._acting.person(request.guild_id)
        await self._memberships.set_block(
            request.guild_id, actor, request.user_id, name=request.name, blocked=request.blocked, reason=request.reason
        )
        return member_pb2.SetBlockResponse()

    async def ListBlocks(
        self, request: member_pb2.ListBlocksRequest, context: Context
    ) -> member_pb2.ListBlocksResponse:
        """Lists who is blocked."""
        actor = await self._acting.person(request.guild_id)
        return member_pb2.ListBlocksResponse(
            blocks=[
                member_pb2.Block(
                    user_id=row["user_id"],
                    name=row["name"],
                    reason=row["blocked_reason"],
                    officer_id=row["blocked_by"] or 0,
                    block_time=convert.timestamp(row["blocked_at"]),
                )
                for row in await self._memberships.blocks(request.guild_id, actor)
            ]
        )

    async def ForgetMember(
        self, request: member_pb2.ForgetMemberRequest, context: Context
    ) -> member_pb2.ForgetMemberResponse:
        """Forgets a member who left."""
        released, cancelled = await self._departures.forget(request.guild_id, request.user_id)
        return member_pb2.ForgetMemberResponse(released=released, cancelled=cancelled)


def _skill_message(skill: Skill) -> character_pb2.Skill:
    return character_pb2.Skill(
        profession=skill.profession, level=skill.level, specialities=skill.specialities, recipes=skill.recipes
    )


def _character_message(character: Character) -> character_pb2.Character:
    return character_pb2.Character(
        character_id=character.character_id,
        owner_id=character.owner_id,
        owner_name=character.owner_name,
        name=character.name,
        realm=character.realm,
        main=character.main,
        note=character.note,
        skills=[_skill_message(skill) for skill in character.skills],
        version=character.version,
        update_time=convert.timestamp(character.updated_at),
        vacation_until_time=convert.timestamp(character.vacation_until),
    )


def _character(guild_id: int, message: character_pb2.Character) -> Character:
    return Character(
        character_id=message.character_id,
        guild_id=guild_id,
        owner_id=0,
        owner_name="",
        name=message.name,
        realm=message.realm,
        main=message.main,
        note=message.note,
        skills=tuple(
            Skill(skill.profession, skill.level, tuple(skill.specialities), tuple(skill.recipes))
            for skill in message.skills
        ),
        version=message.version,
        created_at=0,
        updated_at=0,
    )


def _subscriptions(found: list[tuple[str, str]]) -> list[member_pb2.Subscription]:
    return [member_pb2.Subscription(kind=_KIND_OF[kind], value=value) for kind, value in found]
