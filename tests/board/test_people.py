"""Characters, members, professions over gRPC, on both databases."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from guildhall.board.v1 import character_pb2, history_pb2, member_pb2, profession_pb2
from guildhall.board.v1 import request_pb2 as pb

from chassis.errors import from_rpc_error
from tests.board.conftest import GUILD, Client, World
from tests.board.test_requests import TIMEOUT, at, create, transition


async def add(client: Client, name: str, *skills: character_pb2.Skill, **more: Any) -> character_pb2.Character:
    answer = await client.characters.PutCharacter(
        character_pb2.PutCharacterRequest(
            guild_id=GUILD, character=character_pb2.Character(name=name, skills=skills, **more)
        ),
        timeout=TIMEOUT,
    )
    kept: character_pb2.Character = answer.character
    return kept


async def reason(call: Any) -> str:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return from_rpc_error(caught.value).reason


async def test_characters_are_kept_by_their_owners(world: World) -> None:
    async with world.person(1, "Ann") as ann, world.person(2) as bob, world.person(9, officer=True) as officer:
        main = await add(ann, "Thrall", character_pb2.Skill(profession="Alch", level=70), realm="Silvermoon", main=True)
        assert (main.owner_id, main.skills[0].profession, main.version) == (1, "alchemy", 1)
        alt = await add(ann, "Jaina", main=True)
        listed = await ann.characters.ListCharacters(
            character_pb2.ListCharactersRequest(guild_id=GUILD, owner_id=1), timeout=TIMEOUT
        )
        assert [(one.name, one.main) for one in listed.characters] == [("Jaina", True), ("Thrall", False)]
        assert await reason(add(bob, "thrall", realm="SILVERMOON")) == "CHARACTER_TAKEN"
        main.note, main.version = "mine", 0
        assert (
            await reason(
                bob.characters.PutCharacter(
                    character_pb2.PutCharacterRequest(guild_id=GUILD, character=main), timeout=TIMEOUT
                )
            )
            == "NOT_YOURS"
        )
        main.version = 99
        assert (
            await reason(
                ann.characters.PutCharacter(
                    character_pb2.PutCharacterRequest(guild_id=GUILD, character=main), timeout=TIMEOUT
                )
            )
            == "CHARACTER_CHANGED"
        )
        await officer.characters.RemoveCharacter(
            character_pb2.RemoveCharacterRequest(guild_id=GUILD, character_id=alt.character_id), timeout=TIMEOUT
        )
        assert (await add(bob, "Jaina")).owner_id == 2, "a name that was given up is free"


async def test_every_wrong_field_of_a_character_is_named(world: World) -> None:
    async with world.person(1) as ann:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await add(
                ann,
                "n" * 51,
                character_pb2.Skill(profession="Alchemy", level=101, specialities=["Baking"]),
                character_pb2.Skill(profession="Necromancy"),
                realm="r" * 51,
            )
        assert set(from_rpc_error(caught.value).fields) == {
            "character.name", "character.realm", "character.skills[0].level", "character.skills[0].specialities",
            "character.skills[1].profession",
        }  # fmt: skip


async def test_who_can_make_this(world: World) -> None:
    async with world.person(1) as ann, world.person(2) as bob, world.person(3) as cat:
        await add(ann, "Novice", character_pb2.Skill(profession="alchemy", level=20))
        await add(ann, "Adept", character_pb2.Skill(profession="alchemy", level=80))
        await add(bob, "Knower", character_pb2.Skill(profession="alchemy", level=5, recipes=["flask of power"]))
        await add(cat, "Master", character_pb2.Skill(profession="alchemy", level=100))

        async def who(item: str, profession: str = "") -> list[tuple[str, str]]:
            answer = await ann.characters.FindCrafters(
                character_pb2.FindCraftersRequest(guild_id=GUILD, item=item, profession=profession), timeout=TIMEOUT
            )
            return [
                (one.character.name, character_pb2.Match.Name(one.match).removeprefix("MATCH_"))
                for one in answer.crafters
            ]

        assert await who("Flask of Power") == [("Knower", "RECIPE"), ("Master", "SKILL"), ("Adept", "SKILL")]
        await cat.characters.SetVacation(
            character_pb2.SetVacationRequest(guild_id=GUILD, until_time=at(world.clock.now() + 1000)), timeout=TIMEOUT
        )
        assert [name for name, _ in await who("Flask of Power")] == ["Knower", "Adept", "Master"], "away comes last"
        assert await who("Living Steel") == [], "it takes a speciality that nobody has"
        assert [name for name, _ in await who("Odd Draught", "alchemy")] == ["Adept", "Novice", "Knower", "Master"]
        assert await who("Odd Draught") == []


async def test_blocked_people_can_neither_ask_nor_claim(world: World) -> None:
    async with world.person(1) as ann, world.person(2, "Bob") as bob, world.person(9, officer=True) as officer:
        request = await create(ann)
        block = member_pb2.SetBlockRequest(guild_id=GUILD, user_id=2, name="Bob", blocked=True, reason="spam")
        assert await reason(ann.members.SetBlock(block, timeout=TIMEOUT)) == "OFFICERS_ONLY"
        await officer.members.SetBlock(block, timeout=TIMEOUT)
        refusal = (await transition(bob, request.request_id, "CLAIM")).refusal
        assert (refusal.reason, refusal.detail) == (pb.REFUSAL_REASON_BLOCKED, "spam")
        answer = await bob.requests.CreateRequest(
            pb.CreateRequestRequest(guild_id=GUILD, draft=pb.RequestDraft(item="Flask of Power")), timeout=TIMEOUT
        )
        assert answer.refusal.reason == pb.REFUSAL_REASON_BLOCKED
        blocks = await officer.members.ListBlocks(member_pb2.ListBlocksRequest(guild_id=GUILD), timeout=TIMEOUT)
        assert [(one.user_id, one.reason, one.officer_id) for one in blocks.blocks] == [(2, "spam", 9)]
        block.blocked = False
        await officer.members.SetBlock(block, timeout=TIMEOUT)
        assert (await transition(bob, request.request_id, "CLAIM")).HasField("request")


async def test_officers_change_the_guilds_professions(world: World) -> None:
    async with world.person(1) as ann, world.person(9, officer=True) as officer:
        runes = profession_pb2.Profession(
            key="runes", name="Rune Carving", aliases=["Runes"], max_level=10, items=[profession_pb2.Item(name="Rune")]
        )
        put = profession_pb2.PutProfessionRequest(guild_id=GUILD, profession=runes)
        assert await reason(ann.professions.PutProfession(put, timeout=TIMEOUT)) == "OFFICERS_ONLY"
        assert (await officer.professions.PutProfession(put, timeout=TIMEOUT)).profession.customized
        request = await create(ann, item="rune", profession="")
        assert request.profession == "runes"
        reset = profession_pb2.ResetProfessionRequest(guild_id=GUILD, key="runes")
        assert await reason(officer.professions.ResetProfession(reset, timeout=TIMEOUT)) == "PROFESSION_IN_USE"
        put.profession.disabled = True
        await officer.professions.PutProfession(put, timeout=TIMEOUT)
        listed = await ann.professions.ListProfessions(
            profession_pb2.ListProfessionsRequest(guild_id=GUILD), timeout=TIMEOUT
        )
        assert [one.key for one in listed.professions] == ["alchemy", "smithing", "cooking"]
        stolen = profession_pb2.Profession(key="other", name="ALCH")
        assert (
            await reason(
                officer.professions.PutProfession(
                    profession_pb2.PutProfessionRequest(guild_id=GUILD, profession=stolen), timeout=TIMEOUT
                )
            )
            == "PROFESSION_INVALID"
        )


async def test_a_member_who_left_leaves_nothing_hanging(world: World) -> None:
    async with world.person(1) as ann, world.person(2, "Bob") as bob, world.system() as system:
        wanted, own = await create(ann), await create(bob)
        await transition(bob, wanted.request_id, "CLAIM")
        await add(bob, "Thrall")
        gone = await system.members.ForgetMember(
            member_pb2.ForgetMemberRequest(guild_id=GUILD, user_id=2), timeout=TIMEOUT
        )
        assert (gone.released, gone.cancelled) == (1, 1)
        states = [
            (
                await ann.requests.GetRequest(
                    pb.GetRequestRequest(guild_id=GUILD, request_id=one.request_id), timeout=TIMEOUT
                )
            ).request.state
            for one in (wanted, own)
        ]
        assert states == [pb.REQUEST_STATE_OPEN, pb.REQUEST_STATE_CANCELLED]
        assert not (
            await ann.characters.ListCharacters(character_pb2.ListCharactersRequest(guild_id=GUILD), timeout=TIMEOUT)
        ).characters


async def test_every_change_is_audited_by_whom(world: World) -> None:
    async with world.person(1, "Ann") as ann, world.person(9, "Olaf", officer=True) as officer:
        request = await create(ann)
        await transition(officer, request.request_id, "EDIT", draft=pb.RequestDraft(item="Living Steel", quantity=4))
        await add(ann, "Thrall")
        await officer.members.SetBlock(
            member_pb2.SetBlockRequest(guild_id=GUILD, user_id=7, blocked=True), timeout=TIMEOUT
        )
        assert (
            await reason(ann.history.ListHistory(history_pb2.ListHistoryRequest(guild_id=GUILD), timeout=TIMEOUT))
            == "OFFICERS_ONLY"
        )
        found = await officer.history.ListHistory(
            history_pb2.ListHistoryRequest(guild_id=GUILD, page_size=3), timeout=TIMEOUT
        )
        rest = await officer.history.ListHistory(
            history_pb2.ListHistoryRequest(guild_id=GUILD, page_size=3, page_token=found.next_page_token),
            timeout=TIMEOUT,
        )
        entries = [*found.entries, *rest.entries]
        assert [(one.subject, one.action, one.actor_id, one.as_officer) for one in entries] == [
            ("member", "block", 9, True),
            ("character", "add", 1, False),
            ("request", "edit", 9, True),
            ("request", "create", 1, False),
        ]
        assert [one.sequence for one in entries] == [4, 3, 2, 1]
        assert '"item":"Flask of Power"' in entries[2].before_json
        assert '"item":"Living Steel"' in entries[2].after_json
