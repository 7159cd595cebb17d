"""Guilds: which ones the bot stays in, what is known of them, and what is fetched where nothing was told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import grpc
import pytest
import redis.asyncio as redis
from google.protobuf.struct_pb2 import Value
from guildhall.executor.v1 import mirror_pb2, mirror_pb2_grpc
from guildhall.settings.v1 import settings_pb2, settings_pb2_grpc

from chassis.caller import Caller
from chassis.testing import channel_to
from tests.mirror.conftest import World
from tests.support import eventually

pytestmark = pytest.mark.timeout(180)


async def guilds_of_bot(world: World) -> set[int]:
    """Where the bot is, as Discord says."""
    found = set()
    for guild in await world.sandbox.call("GET", "/control/as/owner/guilds"):
        members = await world.sandbox.rest("owner", "GET", f"/guilds/{guild['id']}/members", limit=100)
        if any(member["user"]["username"] == "guildhall" for member in members):
            found.add(int(guild["id"]))
    return found


async def test_channels_roles_and_emoji_are_known_as_they_change(world: World) -> None:
    await world.start("gateway")
    await world.whole()
    path = f"/guilds/{world.guild}"
    made = await world.sandbox.rest("owner", "POST", f"{path}/channels", {"name": "new", "type": 0})
    role = await world.sandbox.rest("owner", "POST", f"{path}/roles", {"name": "Raider"})
    request = mirror_pb2.GetGuildRequest(guild_id=world.guild, as_is=True)

    async def both_known() -> mirror_pb2.GetGuildResponse:
        copy = await world.ask("GetGuild", request, service="gateway")
        assert copy.certainty.guild
        assert int(made["id"]) in {one.id for one in copy.channels}
        assert int(role["id"]) in {one.id for one in copy.roles}
        return copy  # type: ignore[no-any-return]

    copy = await eventually(both_known, timeout=10)
    told = {one.id: json.loads(one.discord_json) for one in copy.channels}
    read = {int(one["id"]): one for one in await world.sandbox.rest("owner", "GET", f"{path}/channels")}
    assert {number: raw["name"] for number, raw in told.items()} == {n: raw["name"] for n, raw in read.items()}
    assert all(told[number]["permission_overwrites"] == read[number]["permission_overwrites"] for number in read)
    await world.sandbox.rest("owner", "DELETE", f"/channels/{made['id']}")
    await world.sandbox.rest("owner", "DELETE", f"{path}/roles/{role['id']}")
    await world.sandbox.rest("owner", "PATCH", path, {"name": "Renamed"})

    async def gone() -> bool:
        copy = await world.ask("GetGuild", request, service="gateway")
        kept = {one.id for one in (*copy.channels, *copy.roles)}
        return not {int(made["id"]), int(role["id"])} & kept and json.loads(copy.guild_json)["name"] == "Renamed"

    await eventually(gone, timeout=10)


async def test_a_new_guild_works_at_once(world: World) -> None:
    await world.start("gateway")
    await world.whole()
    made = await world.sandbox.call("POST", "/control/as/owner/guilds", {"name": "New", "bots": True})
    listed = await world.whole(int(made["id"]))
    assert world.people["owner"] in {one.user_id for one in listed.members}


async def test_what_somebody_may_is_certain_in_a_channel_that_nobody_told_of(world: World) -> None:
    made = await world.sandbox.rest("owner", "POST", f"/guilds/{world.guild}/channels", {"name": "new", "type": 0})

    async def permissions(person: str, channel: int) -> mirror_pb2.GetPermissionsResponse:
        request = mirror_pb2.GetPermissionsRequest(
            guild_id=world.guild, channel_id=channel, user_id=world.people[person]
        )
        return await world.ask("GetPermissions", request, service="gateway")  # type: ignore[no-any-return]

    manage_channels = 1 << 4
    owner = await permissions("owner", int(made["id"]))
    assert owner.certain and owner.permissions & manage_channels
    crafter = await permissions("crafter", int(made["id"]))
    assert crafter.certain and not crafter.permissions & manage_channels
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await permissions("owner", world.guild + 1)
    assert refused.value.code() is grpc.StatusCode.NOT_FOUND


class TestAllowed:
    """Only one of the two guilds is allowed."""

    @pytest.fixture
    def options(self, tmp_path: Path) -> dict[str, str]:
        """A configuration that can be changed."""
        file = tmp_path / "guildhall.yaml"
        file.write_text("guilds: {allowed: []}\n")
        return {"GUILDHALL_CONFIG": str(file)}

    async def test_a_guild_that_is_not_allowed_is_left_also_after_a_reload(
        self, world: World, options: dict[str, str]
    ) -> None:
        await world.start("gateway")
        await world.whole()
        before = await guilds_of_bot(world)
        assert len(before) == 2
        (other,) = before - {world.guild}
        lobby = (await world.sandbox.rest("owner", "GET", f"/guilds/{other}/channels"))[0]["id"]
        # The one that will be left hears of it where its log channel is.
        await world.call(
            "executor",
            settings_pb2_grpc.SettingsServiceStub,
            "UpdateSettings",
            settings_pb2.UpdateSettingsRequest(
                scope=settings_pb2.Scope(kind=settings_pb2.SCOPE_KIND_GUILD, guild_id=other, id=other),
                values={"log_channel": Value(string_value=str(lobby))},
            ),
            None,
        )
        Path(options["GUILDHALL_CONFIG"]).write_text(f"guilds: {{allowed: [{world.guild}]}}\n")

        async def left() -> bool:
            return await guilds_of_bot(world) == {world.guild}

        await eventually(left, timeout=20, interval=0.2)
        made = await world.sandbox.call("POST", "/control/as/owner/guilds", {"name": "New", "bots": True})
        assert int(made["id"]) not in {world.guild}
        await eventually(left, timeout=20, interval=0.2)
        said = await world.sandbox.messages("owner", str(lobby))
        assert [message for message in said if "guilds.allowed" in message["content"]], said

        async def forgotten() -> bool:
            try:
                await world.ask("GetGuild", mirror_pb2.GetGuildRequest(guild_id=other, as_is=True), service="gateway")
            except grpc.aio.AioRpcError as error:
                return error.code() is grpc.StatusCode.NOT_FOUND
            return False

        await eventually(forgotten, timeout=10)
        async with redis.Redis.from_url(world.environment["REDIS_URL"]) as store:
            noted: list[Any] = list(await store.zrange("executor:mirror:gone", 0, -1))
        assert any(raw.startswith(f"{other}/1/{other} ".encode()) for raw in noted), "to be cleaned up after a while"


class TestOnDemand:
    """Members are fetched when somebody wants them."""

    @pytest.fixture
    def options(self) -> dict[str, str]:
        """The bot does without the intent."""
        return {"GUILDHALL_EXECUTOR__MIRROR__MEMBERS": "demand", "GUILDHALL_GATEWAY__INTENTS__MEMBERS": "off"}

    async def test_members_are_fetched_and_never_certain_without_the_intent(self, world: World) -> None:
        await world.start("gateway")

        async def guild_known() -> bool:
            copy = await world.ask("GetGuild", mirror_pb2.GetGuildRequest(guild_id=world.guild), service="gateway")
            return bool(copy.certainty.guild)

        await eventually(guild_known, timeout=15)
        member = mirror_pb2.GetMemberRequest(guild_id=world.guild, user_id=world.people["crafter"])
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await world.ask("GetMember", member)
        assert refused.value.code() is grpc.StatusCode.NOT_FOUND
        member.ask_discord = True
        found = await world.ask("GetMember", member)
        assert found.certain and found.member.username == "crafter"
        listed = await world.ask(
            "ListMembers", mirror_pb2.ListMembersRequest(guild_id=world.guild, ask_discord=True)
        )  # fmt: skip
        assert {one.username for one in listed.members} >= {"owner", "member", "crafter"}
        assert not listed.certainty.members
        stranger = mirror_pb2.GetMemberRequest(guild_id=world.guild, user_id=4242, ask_discord=True)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await world.ask("GetMember", stranger)
        assert refused.value.code() is grpc.StatusCode.NOT_FOUND

    async def test_who_uses_the_bot_is_seen(self, world: World) -> None:
        await world.start("gateway")
        await world.sandbox.wait("commands", names=["help"], timeout=20)
        await world.sandbox.wait("session", count=1, timeout=20)
        await world.sandbox.command("crafter", "general", "help", wait=5)
        member = mirror_pb2.GetMemberRequest(guild_id=world.guild, user_id=world.people["crafter"])

        async def seen() -> mirror_pb2.GetMemberResponse:
            try:
                return await world.ask("GetMember", member)  # type: ignore[no-any-return]
            except grpc.aio.AioRpcError as error:
                raise AssertionError(error.code()) from error

        found = await eventually(seen, timeout=15)
        assert found.member.username == "crafter" and not found.certain


async def test_a_gap_is_filled_from_discord(world: World) -> None:
    await world.start("gateway")
    await world.whole()
    await world.stop("gateway")
    # What a gateway says that had to let go what it was told: the same session goes on, with a gap.
    async with (
        redis.Redis.from_url(world.environment["REDIS_URL"]) as store,
        channel_to(world.address("executor"), Caller("gateway"), audience="executor") as channel,
    ):
        session = json.loads(await store.get("executor:mirror:feed:0/1") or "{}")["session"]
        feed = mirror_pb2_grpc.MirrorFeedServiceStub(channel)
        opened = await feed.OpenFeed(
            mirror_pb2.OpenFeedRequest(shard_count=1, session=session, gap=True, members_told=True), timeout=5
        )
        assert world.guild in opened.wanted_guild_ids
        await feed.ApplyChanges(
            mirror_pb2.ApplyChangesRequest(shard_count=1, epoch=opened.epoch, number=1), timeout=5
        )  # fmt: skip
    stale = await world.ask("GetGuild", mirror_pb2.GetGuildRequest(guild_id=world.guild, as_is=True))
    assert not stale.certainty.guild and not stale.certainty.members
    made = await world.sandbox.rest("owner", "POST", f"/guilds/{world.guild}/channels", {"name": "missed", "type": 0})
    fresh = await world.ask("GetGuild", mirror_pb2.GetGuildRequest(guild_id=world.guild))
    assert fresh.certainty.guild and int(made["id"]) in {one.id for one in fresh.channels}
    await world.join("unheard")
    request = mirror_pb2.ListMembersRequest(guild_id=world.guild, ask_discord=True)
    listed = await world.ask("ListMembers", request)
    assert listed.certainty.members and world.people["unheard"] in {one.user_id for one in listed.members}
