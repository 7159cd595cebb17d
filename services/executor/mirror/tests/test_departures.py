"""Who left is forgotten by the board, once each, unless they are back; whatever dies in between."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

import pytest
from guildhall.board.v1 import member_pb2, member_pb2_grpc

from chassis.caller import Caller
from chassis.errors import Unavailable
from chassis.testing import channel_to, serve_in_process
from services.executor.jobs.model import Fence, Job
from services.executor.mirror.change import Change
from services.executor.mirror.departures import KIND, Departure, DepartureJobs
from services.executor.mirror.model import MemberRecord
from services.executor.mirror.tests.conftest import GUILD, Copies, person, snapshot


class Board(member_pb2_grpc.MemberServiceServicer):
    """Forgets, unless it is away."""

    def __init__(self) -> None:
        self.forgot: list[int] = []
        self.fails_at = 0

    async def ForgetMember(
        self, request: member_pb2.ForgetMemberRequest, context: object
    ) -> member_pb2.ForgetMemberResponse:
        if request.user_id == self.fails_at:
            raise Unavailable("away", reason="STORE_UNAVAILABLE")
        self.forgot.append(request.user_id)
        return member_pb2.ForgetMemberResponse(released=1)


@dataclass
class Kept:
    """A journal that the test can look into."""

    fields: dict[str, bytes] = field(default_factory=dict)

    @property
    def fence(self) -> Fence:
        raise NotImplementedError

    async def read(self) -> dict[str, bytes]:
        return dict(self.fields)

    async def write(self, fields: Mapping[str, bytes | str]) -> None:
        self.fields |= {
            name: value.encode() if isinstance(value, str) else value for name, value in fields.items()
        }  # fmt: skip


class Discord:
    """Says who is a member. Stands where REST is asked."""

    def __init__(self, *members: int) -> None:
        self.members = members
        self.asked: list[int] = []

    async def member(self, guild_id: int, user_id: int) -> MemberRecord | None:
        self.asked.append(user_id)
        return person(user_id) if user_id in self.members else None


@pytest.fixture
async def board() -> AsyncIterator[tuple[Board, member_pb2_grpc.MemberServiceStub]]:
    board = Board()  # type: ignore[abstract]  # the other methods are never called
    async with (
        serve_in_process((member_pb2_grpc.add_MemberServiceServicer_to_server, board), name="board") as address,
        channel_to(address, Caller("executor"), audience="board") as channel,
    ):
        yield board, channel  # type: ignore[misc]


def job(*users: int, confirm: bool = False) -> Job:
    order = Departure(guild_id=GUILD, user_ids=users, confirm=confirm)
    return Job("j", KIND, "departure", order.model_dump_json().encode(), 0.0)


async def test_who_came_back_keeps_everything(copies: Copies, board: tuple[Board, object]) -> None:
    feed = await copies.feeds.open("0/1", "s", gap=False, members_told=True)
    await copies.store.apply(feed, 1, Change(GUILD, snapshot=snapshot(), members=(person(2),)))
    jobs = DepartureJobs(copies.reader, Discord(), board[1])  # type: ignore[arg-type]
    await jobs.run(job(1, 2, 3), Kept())
    assert board[0].forgot == [1, 3]


async def test_a_departure_that_was_only_found_out_is_confirmed(copies: Copies, board: tuple[Board, object]) -> None:
    discord = Discord(1)
    jobs = DepartureJobs(copies.reader, discord, board[1])  # type: ignore[arg-type]
    await jobs.run(job(1, 2, confirm=True), Kept())
    assert board[0].forgot == [2] and discord.asked == [1, 2]


async def test_many_departures_go_on_where_they_stopped(copies: Copies, board: tuple[Board, object]) -> None:
    jobs = DepartureJobs(copies.reader, Discord(), board[1])  # type: ignore[arg-type]
    journal, everybody = Kept(), job(*range(1, 181))
    board[0].fails_at = 120
    with pytest.raises(Unavailable):
        await jobs.run(everybody, journal)
    board[0].fails_at = 0
    await jobs.run(everybody, journal)
    assert board[0].forgot == [*range(1, 120), *range(101, 181)], "only what came after the last note is repeated"
