"""Who joins, leaves and changes is known to executor's mirror and to the board, whatever is restarted meanwhile."""

from __future__ import annotations

import asyncio
import time

import grpc
import pytest
import redis.asyncio as redis
from guildhall.board.v1 import request_pb2, request_pb2_grpc
from guildhall.executor.v1 import mirror_pb2, mirror_pb2_grpc

from chassis.caller import Caller, Person
from chassis.testing import channel_to
from sandbox.app import Sandbox
from sandbox.discord.core.guilds import add_member
from sandbox.discord.entities import User
from tests.mirror.conftest import World
from tests.support import eventually

pytestmark = pytest.mark.timeout(180)


async def board_request(world: World, key: str) -> request_pb2.Request:
    """A request that the member makes and the crafter claims."""
    draft = request_pb2.RequestDraft(item="Flask", quantity=1, profession="alchemy")
    made = await world.call(
        "board",
        request_pb2_grpc.RequestServiceStub,
        "CreateRequest",
        request_pb2.CreateRequestRequest(guild_id=world.guild, draft=draft, idempotency_key=key),
        Person(world.people["member"], world.guild, (), 0, "Mina"),
    )
    claimed = await claim(world, made.request.request_id, Person(world.people["crafter"], world.guild, (), 0, "Cass"))
    assert claimed.request.state == request_pb2.REQUEST_STATE_CLAIMED, claimed
    return claimed.request


async def claim(world: World, request_id: str, person: Person) -> request_pb2.TransitionRequestResponse:
    answer: request_pb2.TransitionRequestResponse = await world.call(
        "board",
        request_pb2_grpc.RequestServiceStub,
        "TransitionRequest",
        request_pb2.TransitionRequestRequest(
            guild_id=world.guild, request_id=request_id, action=request_pb2.REQUEST_ACTION_CLAIM
        ),
        person,
    )
    return answer


async def state_of(world: World, request_id: str) -> int:
    answer = await world.call(
        "board",
        request_pb2_grpc.RequestServiceStub,
        "GetRequest",
        request_pb2.GetRequestRequest(guild_id=world.guild, request_id=request_id),
        None,
    )
    return int(answer.request.state)


async def test_joining_a_role_and_leaving_are_known_and_free_what_was_claimed(world: World) -> None:
    await world.start("gateway")
    listed = await world.whole()
    assert {one.user_id for one in listed.members} >= set(world.people.values()) - {0}
    claimed = await board_request(world, "one")
    await eventually(lambda: world.status("board", "board")["members_known"] >= 5, timeout=15)
    newcomer = await world.join("newcomer")

    async def knows_newcomer() -> bool:
        return await world.roles_of("newcomer") == ()

    await eventually(knows_newcomer, timeout=10)
    raider = await world.role("Crafter")
    await world.give("newcomer", raider)

    async def has_role() -> bool:
        return await world.roles_of("newcomer") == (raider,)

    await eventually(has_role, timeout=10)
    found = await world.ask("GetMember", mirror_pb2.GetMemberRequest(guild_id=world.guild, user_id=newcomer))
    assert found.certain and list(found.member.role_ids) == [raider] and found.member.username == "newcomer"
    crafters = await world.ask("ListMembers", mirror_pb2.ListMembersRequest(guild_id=world.guild, role_id=raider))
    assert newcomer in {one.user_id for one in crafters.members}
    await world.kick("crafter")

    async def released() -> bool:
        return await state_of(world, claimed.request_id) == request_pb2.REQUEST_STATE_OPEN

    await eventually(released, timeout=15)
    assert await world.roles_of("crafter") is None
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await claim(world, claimed.request_id, Person(world.people["crafter"], 0, (), 0, "Cass"))
    assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED, "also by a button in a direct message"
    in_direct = await claim(world, claimed.request_id, Person(newcomer, 0, (), 0, "New"))
    assert in_direct.request.state == request_pb2.REQUEST_STATE_CLAIMED


async def test_what_happens_while_gateway_is_away_is_known_once_it_is_back(world: World) -> None:
    await world.start("gateway")
    await world.whole()
    claimed = await board_request(world, "two")
    before = (await world.whole()).certainty.generation
    await world.stop("gateway")
    await world.kick("crafter")
    await world.join("latecomer")
    await world.start("gateway")

    async def caught_up() -> bool:
        return (
            await world.roles_of("crafter") is None
            and await world.roles_of("latecomer") == ()
            and await state_of(world, claimed.request_id) == request_pb2.REQUEST_STATE_OPEN
        )

    await eventually(caught_up, timeout=20)
    assert (await world.whole()).certainty.generation == before, "the session went on, so nothing was read anew"


async def test_what_happens_while_there_is_no_session_is_found_out(world: World) -> None:
    await world.start("gateway")
    before = (await world.whole()).certainty.generation
    claimed = await board_request(world, "three")
    (other,) = {int(guild["id"]) for guild in await world.sandbox.call("GET", "/control/as/owner/guilds")} - {
        world.guild
    }
    await world.whole(other)
    await world.stop("gateway")
    await world.kick("crafter")
    members = await world.sandbox.rest("owner", "GET", f"/guilds/{other}/members", limit=100)
    bot = next(one["user"]["id"] for one in members if one["user"]["username"] == "guildhall")
    await world.sandbox.rest("owner", "DELETE", f"/guilds/{other}/members/{bot}")
    async with redis.Redis.from_url(world.environment["REDIS_URL"]) as store:
        # The session cannot be resumed: the next gateway identifies anew.
        async for key in store.scan_iter(match="gateway:*session"):
            await store.delete(key)
    await world.start("gateway")

    async def found_out() -> bool:
        listed = await world.whole()
        return (
            listed.certainty.generation > before
            and await state_of(world, claimed.request_id) == request_pb2.REQUEST_STATE_OPEN
        )

    await eventually(found_out, timeout=30)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await world.ask("GetGuild", mirror_pb2.GetGuildRequest(guild_id=other, as_is=True))
    assert refused.value.code() is grpc.StatusCode.NOT_FOUND, "the bot was removed from there meanwhile"


async def test_what_happens_while_executor_is_away_is_told_when_it_is_back(world: World) -> None:
    await world.start("gateway")
    await world.whole()
    claimed = await board_request(world, "four")
    await world.stop("executor")
    await world.kick("crafter")
    crafter = await world.role("Crafter")
    await world.give("member", crafter)
    assert world.status("gateway", "discord")["shards"][0]["connected"]
    await world.start("executor")

    async def caught_up() -> bool:
        return (
            crafter in (await world.roles_of("member") or ())
            and await world.roles_of("crafter") is None
            and await state_of(world, claimed.request_id) == request_pb2.REQUEST_STATE_OPEN
        )

    await eventually(caught_up, timeout=30)
    await world.whole()
    await eventually(lambda: world.status("gateway", "discord")["shards"][0]["mirror_waiting"] == 0, timeout=10)


async def test_two_gateways_tell_each_of_their_own_shards_guilds(world: World) -> None:
    guilds = [int(guild["id"]) for guild in await world.sandbox.call("GET", "/control/as/owner/guilds")]
    shards = {(guild >> 22) % 2 for guild in guilds}
    if len(shards) == 1:
        made = await world.sandbox.call("POST", "/control/as/owner/guilds", {"name": "Elsewhere", "bots": True})
        while (int(made["id"]) >> 22) % 2 in shards:
            made = await world.sandbox.call("POST", "/control/as/owner/guilds", {"name": "Elsewhere", "bots": True})
        guilds.append(int(made["id"]))
    for shard in (0, 1):
        await world.start(
            f"gateway {shard}",
            "gateway",
            GUILDHALL_GATEWAY__SHARDS__COUNT="2",
            GUILDHALL_GATEWAY__SHARDS__FIRST=str(shard),
            GUILDHALL_GATEWAY__SHARDS__LAST=str(shard),
            GUILDHALL_RPC__PORTS__GATEWAY="0",
        )
    for guild in guilds:
        await world.whole(guild)
    for guild in guilds:
        await world.join(f"both{guild}", guild)
    for guild in guilds:

        async def known(guild: int = guild) -> bool:
            return await world.roles_of(f"both{guild}", guild) == ()

        await eventually(known, timeout=15)


async def test_only_gateway_may_tell_and_only_who_is_named_may_read(world: World) -> None:
    tell = mirror_pb2.ApplyChangesRequest(shard_count=1, epoch=1, number=1)
    for service in ("board", "llm", "ratelimit", "executor"):
        async with channel_to(world.address("executor"), Caller(service), audience="executor") as channel:
            feed = mirror_pb2_grpc.MirrorFeedServiceStub(channel)
            for call in (
                feed.ApplyChanges(tell, timeout=5, wait_for_ready=True),
                feed.OpenFeed(mirror_pb2.OpenFeedRequest(shard_count=1, session="s"), timeout=5),
            ):
                with pytest.raises(grpc.aio.AioRpcError) as refused:
                    await call
                assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED, service
    for method, request in (
        ("ListMembers", mirror_pb2.ListMembersRequest(guild_id=world.guild)),
        ("GetMember", mirror_pb2.GetMemberRequest(guild_id=world.guild, user_id=1)),
        ("GetGuild", mirror_pb2.GetGuildRequest(guild_id=world.guild)),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await world.ask(method, request, service="llm")
        assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED, method


async def test_fifty_thousand_members_are_told_while_others_are_served(world: World) -> None:
    guild = 77 << 22
    people = [
        mirror_pb2.Member(user_id=(number + 10**9) << 22, username=f"player_{number}", role_ids=[5, 6][: number % 3])
        for number in range(50_000)
    ]
    async with channel_to(world.address("executor"), Caller("gateway"), audience="executor") as channel:
        feed = mirror_pb2_grpc.MirrorFeedServiceStub(channel)
        opened = await feed.OpenFeed(
            mirror_pb2.OpenFeedRequest(shard_id=1, shard_count=2, session="big", members_told=True), timeout=10
        )
        snapshot = mirror_pb2.GuildSnapshot(guild_json=b"{}", member_count=50_000)
        first = mirror_pb2.GuildChange(guild_id=guild, snapshot=snapshot)
        request = mirror_pb2.ApplyChangesRequest(
            shard_id=1, shard_count=2, epoch=opened.epoch, number=1, changes=[first]
        )
        assert list((await feed.ApplyChanges(request, timeout=10)).wanted_guild_ids) == [guild]
        started = time.monotonic()
        slowest = 0.0
        for index in range(50):
            page = mirror_pb2.MemberPage(
                nonce="big", index=index, count=50, members=people[index * 1000 : index * 1000 + 1000]
            )
            request = mirror_pb2.ApplyChangesRequest(
                shard_id=1,
                shard_count=2,
                epoch=opened.epoch,
                number=index + 2,
                changes=[mirror_pb2.GuildChange(guild_id=guild, pages=[page])],
            )
            telling = asyncio.ensure_future(feed.ApplyChanges(request, timeout=30))
            asked = time.monotonic()
            await world.ask("ListMembers", mirror_pb2.ListMembersRequest(guild_id=guild, page_size=64))
            slowest = max(slowest, time.monotonic() - asked)
            await telling
        assert time.monotonic() - started < 60 and slowest < 2.0
    users: set[int] = set()
    token = ""
    while True:
        listed = await world.ask(
            "ListMembers", mirror_pb2.ListMembersRequest(guild_id=guild, page_size=5000, page_token=token)
        )
        users.update(one.user_id for one in listed.members)
        token = listed.next_page_token
        if not token:
            break
    assert len(users) == 50_000 and listed.certainty.members


async def test_a_large_guild_is_learned_by_chunks_without_holding_up_anything(
    world: World, sandbox_server: Sandbox
) -> None:
    town = sandbox_server.world.guilds[world.guild]
    for number in range(12_000):
        user = User((number + 10**8) << 22, f"player_{number}")
        sandbox_server.world.users[user.id] = user
        add_member(sandbox_server.world, town, user.id, [], joined_at=1_700_000_000, quiet=True)
    started = time.monotonic()
    await world.start("gateway")
    await world.sandbox.wait("session", count=1, timeout=20)
    connected = time.monotonic() - started
    raider = await world.role("Crafter")
    await world.give("member", raider)
    await world.whole()
    whole = time.monotonic() - started
    assert connected < whole < 60, "being connected does not wait for members"
    users: dict[int, tuple[int, ...]] = {}
    token = ""
    while True:
        request = mirror_pb2.ListMembersRequest(guild_id=world.guild, page_size=5000, page_token=token)
        listed = await world.ask("ListMembers", request)
        users.update({one.user_id: tuple(one.role_ids) for one in listed.members})
        token = listed.next_page_token
        if not token:
            break
    assert set(users) == set(town.members) and raider in users[world.people["member"]]
