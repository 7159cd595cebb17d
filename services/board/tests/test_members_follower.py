"""The copy follows executor: filled from pages, told of changes, uncertain while nobody tells, then whole again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from guildhall.executor.v1 import mirror_pb2, mirror_pb2_grpc

from chassis.caller import Caller
from chassis.errors import NotFound, Unavailable
from chassis.settings import Live
from chassis.testing import channel_to, serve_in_process
from services.board.members import Members
from services.board.members_follower import MembersFollower
from services.board.settings import BoardSettings
from tests.support import eventually

GUILD = 1


class Mirror(mirror_pb2_grpc.MirrorServiceServicer):
    """A guild's members, and what watchers are told."""

    def __init__(self) -> None:
        self.members: dict[int, tuple[int, ...]] = {1: (5,), 2: ()}
        self.generation = 1
        self.whole = True
        self.told: asyncio.Queue[mirror_pb2.WatchMembersResponse | None] = asyncio.Queue()
        self.listed = 0
        self.revisions: list[str] = []
        self.confirmed: list[int] = []

    async def ListMembers(
        self, request: mirror_pb2.ListMembersRequest, context: object
    ) -> mirror_pb2.ListMembersResponse:
        self.listed += 1
        users = sorted(self.members)
        first = int(request.page_token or 0)
        return mirror_pb2.ListMembersResponse(
            members=[mirror_pb2.Member(user_id=user, role_ids=self.members[user]) for user in users[first : first + 1]],
            next_page_token=str(first + 1) if first + 1 < len(users) else "",
            certainty=mirror_pb2.Certainty(members=self.whole, generation=self.generation),
        )

    async def GetMember(self, request: mirror_pb2.GetMemberRequest, context: object) -> mirror_pb2.GetMemberResponse:
        self.confirmed.append(request.user_id)
        if request.user_id not in self.members:
            raise NotFound("none", reason="MEMBER_UNKNOWN", metadata={"certain": "true"})
        return mirror_pb2.GetMemberResponse(member=mirror_pb2.Member(user_id=request.user_id), certain=True)

    async def WatchMembers(
        self, request: mirror_pb2.WatchMembersRequest, context: object
    ) -> AsyncIterator[mirror_pb2.WatchMembersResponse]:
        self.revisions.append(request.revision)
        if not request.revision:
            yield mirror_pb2.WatchMembersResponse(revision="t.0-0", reset=mirror_pb2.WatchReset())
        yield mirror_pb2.WatchMembersResponse(revision="t.0-0", current=mirror_pb2.WatchCurrent())
        while (told := await self.told.get()) is not None:
            yield told

    def tell(self, members: dict[int, tuple[int, ...]], removed: tuple[int, ...] = ()) -> None:
        """Something changed."""
        self.members.update(members)
        for user in removed:
            self.members.pop(user, None)
        changed = mirror_pb2.MembersChanged(
            guild_id=GUILD,
            generation=self.generation,
            members=[mirror_pb2.Member(user_id=user, role_ids=roles) for user, roles in members.items()],
            removed_user_ids=removed,
        )
        self.told.put_nowait(mirror_pb2.WatchMembersResponse(revision="t.1-0", changed=changed))
        self.told.put_nowait(mirror_pb2.WatchMembersResponse(revision="t.1-0", current=mirror_pb2.WatchCurrent()))


def a_mirror() -> Mirror:
    """One that knows a guild."""
    return Mirror()  # type: ignore[abstract]  # the other methods are never called


@asynccontextmanager
async def following(
    mirror: Mirror, fill: str = "start", away: int = 0
) -> AsyncIterator[tuple[Members, MembersFollower]]:
    """A follower; its database is away for the first `away` times that it is asked for guilds."""
    members = Members(lambda: 10)
    settings = Live(BoardSettings.model_validate({"members": {"fill": fill, "look_again": 0.05}}))

    failures = iter(range(away))

    async def guilds() -> list[int]:
        if next(failures, None) is not None:
            raise Unavailable("away", reason="STORE_UNAVAILABLE")
        return [GUILD]

    async with (
        serve_in_process((mirror_pb2_grpc.add_MirrorServiceServicer_to_server, mirror), name="executor") as address,
        channel_to(address, Caller("board"), audience="executor") as channel,
    ):
        follower = MembersFollower(channel, members, settings, guilds)
        tasks = [asyncio.create_task(work()) for work in (follower.follow, follower.load)]
        yield members, follower
        mirror.told.put_nowait(None)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_members_are_read_at_the_start_and_told_of_from_then_on() -> None:
    mirror = a_mirror()
    async with following(mirror) as (members, follower):
        await eventually(lambda: members.knows(GUILD), timeout=10)
        assert members.roles(GUILD, 1) == (5,)
        mirror.tell({3: (), 1: (5, 6)}, removed=(2,))
        await eventually(lambda: members.is_member(GUILD, 2) is False, timeout=5)
        assert members.roles(GUILD, 1) == (5, 6) and members.is_member(GUILD, 3)
        assert await follower.left(GUILD, 2) and not await follower.left(GUILD, 3)
        assert mirror.confirmed == [2], "only who seems to have left is asked about"


async def test_on_demand_nothing_is_read_until_somebody_asks() -> None:
    mirror = a_mirror()
    async with following(mirror, "demand") as (members, follower):
        await eventually(lambda: bool(mirror.revisions), timeout=5)
        assert not await follower.left(GUILD, 1) and not await follower.left(GUILD, 99)
        await eventually(lambda: members.knows(GUILD), timeout=10)
        assert await follower.left(GUILD, 99)


async def test_a_guild_that_is_filled_anew_is_read_anew_and_one_that_is_gone_forgotten() -> None:
    mirror = a_mirror()
    async with following(mirror) as (members, _):
        await eventually(lambda: members.knows(GUILD), timeout=10)
        mirror.members, mirror.generation = {7: ()}, 2
        refilled = mirror_pb2.MembersRefilled(guild_id=GUILD, generation=2)
        mirror.told.put_nowait(mirror_pb2.WatchMembersResponse(revision="t.2-0", refilled=refilled))
        await eventually(lambda: members.is_member(GUILD, 1) is False, timeout=10)
        assert members.is_member(GUILD, 7)
        gone = mirror_pb2.MembersRefilled(guild_id=GUILD, generation=0)
        mirror.told.put_nowait(mirror_pb2.WatchMembersResponse(revision="t.3-0", refilled=gone))
        await eventually(lambda: members.guilds == [], timeout=5)


async def test_what_was_uncertain_while_gateway_was_silent_is_whole_once_it_speaks() -> None:
    mirror = a_mirror()
    mirror.whole = False
    async with following(mirror) as (members, _):
        await eventually(lambda: members.doubtful == [GUILD], timeout=10)
        mirror.whole = True
        await eventually(lambda: members.knows(GUILD), timeout=5)


async def test_a_database_that_is_away_ends_nothing() -> None:
    async with following(a_mirror(), away=3) as (members, _):
        await eventually(lambda: members.knows(GUILD), timeout=30)


async def test_a_watch_that_ends_goes_on_from_the_last_revision() -> None:
    mirror = a_mirror()
    async with following(mirror) as (members, _):
        await eventually(lambda: members.knows(GUILD), timeout=10)
        mirror.tell({3: ()})
        mirror.told.put_nowait(None)
        await eventually(lambda: len(mirror.revisions) == 2, timeout=5)
        assert mirror.revisions == ["", "t.1-0"] and members.is_member(GUILD, 3)


@pytest.mark.parametrize("fill", ["start", "demand"])
async def test_while_executor_is_away_nobody_is_turned_away(fill: str) -> None:
    members = Members(lambda: 10)
    async with channel_to("127.0.0.1:1", Caller("board"), audience="executor") as channel:
        settings = Live(BoardSettings.model_validate({"members": {"fill": fill}}))

        async def guilds() -> list[int]:
            return [GUILD]

        follower = MembersFollower(channel, members, settings, guilds)
        assert not await follower.left(GUILD, 1)
