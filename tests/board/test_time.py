"""What the board does by itself, when it is due, also after a restart; and the events that tell of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable

import grpc
import pytest
from guildhall.board.v1 import character_pb2, event_pb2, member_pb2
from guildhall.board.v1 import request_pb2 as pb

from chassis.errors import from_rpc_error
from tests.board.conftest import GUILD, Client, Start, World
from tests.board.test_requests import TIMEOUT, at, create, transition
from tests.support import eventually

HOUR = 3600.0
QUICKLY = {"GUILDHALL_BOARD__TIMING__POLL": "0.02", "GUILDHALL_BOARD__WATCH__POLL": "0.02"}


async def state_of(client: Client, request: pb.Request) -> str:
    answer = await client.requests.GetRequest(
        pb.GetRequestRequest(guild_id=GUILD, request_id=request.request_id), timeout=TIMEOUT
    )
    return pb.RequestState.Name(answer.request.state).removeprefix("REQUEST_STATE_")


async def actions(client: Client, since: int, count: int) -> list[str]:
    """The next events' actions, in order; each sequence one more than the last."""
    found: list[str] = []
    call = client.events.WatchEvents(
        event_pb2.WatchEventsRequest(cursors=[event_pb2.EventCursor(guild_id=GUILD, sequence=since)]), timeout=TIMEOUT
    )
    async for answer in call:
        assert answer.event.sequence == since + len(found) + 1
        found.append(pb.RequestAction.Name(answer.event.action).removeprefix("REQUEST_ACTION_"))
        if len(found) == count:
            break
    call.cancel()
    return found


async def test_a_stale_claim_is_nudged_then_released_and_a_request_expires_and_reopens(
    start: Start, database_url: str
) -> None:
    async with (
        start(database_url, **QUICKLY) as world,
        world.person(1) as ann,
        world.person(2) as bob,
        world.system() as system,
    ):
        request = await create(ann)
        await transition(bob, request.request_id, "CLAIM")
        world.clock.advance(48 * HOUR)
        assert await actions(system, 2, 1) == ["NUDGE"]
        world.clock.advance(24 * HOUR)
        assert await actions(system, 3, 1) == ["RELEASE"]
        assert await state_of(ann, request) == "OPEN"
        world.clock.advance(30 * 24 * HOUR)
        assert await actions(system, 4, 1) == ["EXPIRE"]
        assert await state_of(ann, request) == "EXPIRED"
        reopened = (await transition(ann, request.request_id, "REOPEN")).request
        assert reopened.state == pb.REQUEST_STATE_OPEN
        assert reopened.expire_time.ToSeconds() > world.clock.now() + 29 * 24 * HOUR


async def test_what_came_due_while_the_board_was_down_is_done_when_it_is_back(start: Start, database_url: str) -> None:
    async with start(database_url, **QUICKLY) as world, world.person(1) as ann:
        kept = await create(ann, due_time=at(world.clock.now() + 24 * HOUR))
        expiring = await create(ann)
        clock = world.clock
    clock.advance(31 * 24 * HOUR)
    async with start(database_url, **QUICKLY) as world, world.person(1) as ann, world.system() as system:
        assert sorted(await actions(system, 2, 3)) == ["EXPIRE", "EXPIRE", "REMIND"]
        assert await state_of(ann, kept) == await state_of(ann, expiring) == "EXPIRED"


async def test_a_moved_claim_is_left_alone(start: Start, database_url: str) -> None:
    async with start(database_url, **QUICKLY) as world, world.person(1) as ann, world.person(2) as bob:
        request = await create(ann)
        await transition(bob, request.request_id, "CLAIM")
        world.clock.advance(47 * HOUR)
        await transition(bob, request.request_id, "READY")
        world.clock.advance(1000 * HOUR)
        done = await create(ann)
        world.clock.advance(31 * 24 * HOUR)

        async def expired() -> bool:
            return await state_of(ann, done) == "EXPIRED"

        await eventually(expired)
        assert await state_of(ann, request) == "READY"


async def watched(call: AsyncIterable[event_pb2.WatchEventsResponse], count: int) -> list[event_pb2.BoardEvent]:
    found: list[event_pb2.BoardEvent] = []
    async for answer in call:
        found.append(answer.event)
        if len(found) == count:
            return found
    raise AssertionError(f"the watch ended after {len(found)} events")


async def test_events_come_in_order_with_whom_they_concern(world: World) -> None:
    async with (
        world.person(1, "Ann") as ann,
        world.person(2, "Bob") as bob,
        world.person(3) as cat,
        world.person(4) as dan,
        world.system() as system,
    ):
        for client, kind, value in (
            (cat, member_pb2.SUBSCRIPTION_KIND_PROFESSION, "Alch"),
            (dan, member_pb2.SUBSCRIPTION_KIND_ITEM, "POWER"),
            (bob, member_pb2.SUBSCRIPTION_KIND_ITEM, "sword"),
        ):
            await client.members.SetSubscription(
                member_pb2.SetSubscriptionRequest(
                    guild_id=GUILD, subscription=member_pb2.Subscription(kind=kind, value=value), follow=True
                ),
                timeout=TIMEOUT,
            )
        call = system.events.WatchEvents(event_pb2.WatchEventsRequest(all_guilds=True), timeout=TIMEOUT)
        reading = asyncio.create_task(watched(call, 3))
        request = await create(ann)
        await transition(bob, request.request_id, "CLAIM")
        await transition(ann, request.request_id, "CANCEL", reason="found one")
        # Whoever goes away before an event is dealt with is not told of it.
        events = await reading
        await dan.characters.SetVacation(
            character_pb2.SetVacationRequest(guild_id=GUILD, until_time=at(world.clock.now() + 99)), timeout=TIMEOUT
        )
        events += await watched(call, 1)
        call.cancel()
        assert [event.sequence for event in events] == [1, 2, 3, 4]
        concerns = [
            {one.user_id: event_pb2.Concern.Name(one.concern).removeprefix("CONCERN_") for one in event.audience}
            for event in events
        ]
        assert concerns == [{3: "SUBSCRIBER", 4: "SUBSCRIBER"}, {1: "REQUESTER"}, {2: "CRAFTER"}, {}]
        assert events[1].previous_state == pb.REQUEST_STATE_OPEN
        assert (events[2].previous_crafter_id, events[2].detail) == (2, "found one")
        assert events[3].action == pb.REQUEST_ACTION_UNSPECIFIED, "a vacation is counted, and nobody's business"
        await create(ann)
        after = system.events.WatchEvents(
            event_pb2.WatchEventsRequest(cursors=[event_pb2.EventCursor(guild_id=GUILD, sequence=4)]), timeout=TIMEOUT
        )
        (fifth,) = await watched(after, 1)
        after.cancel()
        assert [one.user_id for one in fifth.audience] == [3], "who is away is not told"


async def test_a_cursor_before_what_is_kept_is_told_so(start: Start, database_url: str) -> None:
    async with (
        start(database_url, GUILDHALL_BOARD__RETENTION__OUTBOX="60", GUILDHALL_BOARD__RETENTION__EVERY="0.02") as world,
        world.person(1) as ann,
        world.system() as system,
    ):
        await create(ann)
        await create(ann)
        world.clock.advance(61)

        async def told() -> bool:
            call = system.events.WatchEvents(event_pb2.WatchEventsRequest(all_guilds=True), timeout=TIMEOUT)
            try:
                await watched(call, 1)
            except grpc.aio.AioRpcError as error:
                failure = from_rpc_error(error)
                assert failure.reason == "EVENTS_GONE"
                assert failure.metadata == {"guild_id": str(GUILD), "head": "2"}
                return True
            finally:
                call.cancel()
            return False

        await eventually(told)


@pytest.mark.parametrize("replicas", [2])
async def test_two_replicas_are_one_board(start: Start, postgres_url: str, replicas: int) -> None:
    async with start(postgres_url, **QUICKLY) as one, start(postgres_url, **QUICKLY) as two:
        async with one.person(1) as ann:
            request = await create(ann)

        async def claim(user_id: int) -> pb.TransitionRequestResponse:
            world = (one, two)[user_id % replicas]
            async with world.person(user_id) as client:
                return await transition(client, request.request_id, "CLAIM")

        answers = await asyncio.gather(*(claim(user_id) for user_id in range(1000, 1200)))
        won = [answer.request for answer in answers if answer.HasField("request")]
        lost = [answer.refusal for answer in answers if answer.HasField("refusal")]
        assert (len(won), len(lost)) == (1, 199)
        winner = won[0].claim
        for refusal in lost:
            assert refusal.reason == pb.REFUSAL_REASON_ALREADY_CLAIMED
            assert (refusal.holder_id, refusal.holder_name) == (winner.crafter_id, winner.crafter_name)
            assert refusal.request == won[0], "both replicas show the fresh state"
        one.clock.advance(72 * HOUR + 1)
        async with two.system() as system:
            assert await actions(system, 2, 2) == ["NUDGE", "RELEASE"], "done once, whichever replica did it"
        async with two.person(1) as ann:
            page = await ann.requests.ListRequests(
                pb.ListRequestsRequest(guild_id=GUILD, filter=pb.RequestFilter(states=[pb.REQUEST_STATE_OPEN])),
                timeout=TIMEOUT,
            )
            assert len(page.requests) == 1
