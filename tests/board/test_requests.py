"""Requests over gRPC, on both databases: what anybody who speaks the contract may rely on."""

import asyncio
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from guildhall.board.v1 import request_pb2 as pb

from chassis.errors import from_rpc_error
from tests.board.conftest import GUILD, Client, Start, World

TIMEOUT = 20


async def create(client: Client, key: str = "", **draft: Any) -> pb.Request:
    values: dict[str, Any] = {"item": "Flask of Power", "quantity": 4, **draft}
    answer = await client.requests.CreateRequest(
        pb.CreateRequestRequest(guild_id=GUILD, idempotency_key=key, draft=pb.RequestDraft(**values)), timeout=TIMEOUT
    )
    assert answer.HasField("request"), answer
    made: pb.Request = answer.request
    return made


async def transition(client: Client, request_id: str, action: str, **more: Any) -> pb.TransitionRequestResponse:
    number = pb.RequestAction.Value(f"REQUEST_ACTION_{action}")
    answer: pb.TransitionRequestResponse = await client.requests.TransitionRequest(
        pb.TransitionRequestRequest(guild_id=GUILD, request_id=request_id, action=number, **more), timeout=TIMEOUT
    )
    return answer


def at(seconds: float) -> Timestamp:
    moment = Timestamp()
    moment.FromMilliseconds(round(seconds * 1000))
    return moment


async def test_a_request_is_made_once_for_each_key(world: World) -> None:
    async with world.person(1, "Ann") as ann:
        first = await create(ann, "interaction 1", note="for the raid", tip="50g")
        again = await ann.requests.CreateRequest(
            pb.CreateRequestRequest(
                guild_id=GUILD,
                idempotency_key="interaction 1",
                draft=pb.RequestDraft(item="Flask of Power", quantity=4, note="for the raid", tip="50g"),
            ),
            timeout=TIMEOUT,
        )
        assert again.duplicate
        assert again.request == first
        assert (first.number, first.requester_name, first.profession) == (1, "Ann", "alchemy")
        second = await create(ann, "interaction 2")
        assert second.number == 2
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await create(ann, "interaction 1", item="Living Steel")
        assert from_rpc_error(caught.value).reason == "IDEMPOTENCY_KEY_REUSED"


async def test_a_key_used_by_many_at_once_makes_one_request(world: World) -> None:
    async with world.person(1) as ann:
        made = await asyncio.gather(*(create(ann, "the same") for _ in range(20)))
        assert len({request.request_id for request in made}) == 1
        listed = await ann.requests.ListRequests(pb.ListRequestsRequest(guild_id=GUILD), timeout=TIMEOUT)
        assert listed.total_size == len(listed.requests) == 1


async def test_every_wrong_field_is_named_at_once(world: World) -> None:
    async with world.person(1) as ann:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await create(
                ann,
                item="x" * 101,
                quantity=10**9,
                profession="Necromancy",
                note="n" * 1001,
                tip="t" * 101,
                due_time=at(world.clock.now() - 1),
            )
        error = from_rpc_error(caught.value)
        assert error.reason == "REQUEST_INVALID"
        assert set(error.fields) == {
            "draft.item", "draft.quantity", "draft.profession", "draft.note", "draft.tip", "draft.due_time",
        }  # fmt: skip
        assert "Alchemy" in error.fields["draft.profession"]
        longest = await create(ann, item="x" * 100, quantity=10_000, profession="bs", note="n" * 1000, tip="t" * 100)
        assert (len(longest.item), longest.quantity, longest.profession) == (100, 10_000, "smithing")


async def test_lists_page_by_page_in_every_order(world: World) -> None:
    async with world.person(1) as ann:
        for index in range(7):
            due: dict[str, Any] = {} if index % 3 == 0 else {"due_time": at(world.clock.now() + 10_000 - index)}
            await create(ann, item=f"Thing {index}", profession="alchemy" if index % 2 else "smithing", **due)

        async def numbers(size: int, **more: Any) -> list[int]:
            found: list[int] = []
            token = ""
            while True:
                page = await ann.requests.ListRequests(
                    pb.ListRequestsRequest(guild_id=GUILD, page_size=size, page_token=token, **more), timeout=TIMEOUT
                )
                found += [request.number for request in page.requests]
                assert len(page.requests) <= size
                token = page.next_page_token
                if not token:
                    return found

        for size in (1, 2, 3, 7, 50):
            assert await numbers(size) == [7, 6, 5, 4, 3, 2, 1]
            assert await numbers(size, order=pb.REQUEST_ORDER_OLDEST) == [1, 2, 3, 4, 5, 6, 7]
            assert await numbers(size, order=pb.REQUEST_ORDER_DUE) == [6, 5, 3, 2, 1, 4, 7]
            smithing = pb.RequestFilter(profession="smithing", states=[pb.REQUEST_STATE_OPEN])
            assert await numbers(size, filter=smithing) == [7, 5, 3, 1]
        assert await numbers(2, filter=pb.RequestFilter(query="HING 3")) == [4]
        assert await numbers(2, filter=pb.RequestFilter(query="%")) == []
        assert await numbers(2, filter=pb.RequestFilter(requester_id=2)) == []


async def test_a_page_token_serves_only_the_list_it_was_made_for(world: World) -> None:
    async with world.person(1) as ann:
        for _ in range(3):
            await create(ann)
        page = await ann.requests.ListRequests(pb.ListRequestsRequest(guild_id=GUILD, page_size=1), timeout=TIMEOUT)
        for token, order in (
            (page.next_page_token, pb.REQUEST_ORDER_OLDEST),
            ("nonsense", pb.REQUEST_ORDER_NEWEST),
            ("=", pb.REQUEST_ORDER_NEWEST),
        ):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await ann.requests.ListRequests(
                    pb.ListRequestsRequest(guild_id=GUILD, page_size=1, page_token=token, order=order), timeout=TIMEOUT
                )
            assert from_rpc_error(caught.value).reason == "PAGE_TOKEN_INVALID"


async def test_a_changed_request_shows_in_lists_at_once_although_they_are_cached(world: World) -> None:
    async with world.person(1) as ann, world.person(2, "Bob") as bob:
        request = await create(ann)
        open_ones = pb.ListRequestsRequest(guild_id=GUILD, filter=pb.RequestFilter(states=[pb.REQUEST_STATE_OPEN]))
        for _ in range(3):
            assert len((await bob.requests.ListRequests(open_ones, timeout=TIMEOUT)).requests) == 1
        await transition(bob, request.request_id, "CLAIM")
        assert len((await bob.requests.ListRequests(open_ones, timeout=TIMEOUT)).requests) == 0
        await transition(bob, request.request_id, "RELEASE")
        assert len((await bob.requests.ListRequests(open_ones, timeout=TIMEOUT)).requests) == 1


async def test_one_of_two_hundred_claims_wins_and_the_others_read_who(world: World) -> None:
    async with world.person(1) as ann:
        request = await create(ann)

        async def claim(user_id: int) -> pb.TransitionRequestResponse:
            async with world.person(user_id) as client:
                return await transition(client, request.request_id, "CLAIM", idempotency_key=f"click {user_id}")

        answers = await asyncio.gather(*(claim(user_id) for user_id in range(1000, 1200)))
        won = [answer.request for answer in answers if answer.HasField("request")]
        lost = [answer.refusal for answer in answers if answer.HasField("refusal")]
        assert (len(won), len(lost)) == (1, 199)
        winner = won[0].claim
        for refusal in lost:
            assert refusal.reason == pb.REFUSAL_REASON_ALREADY_CLAIMED
            assert (refusal.holder_id, refusal.holder_name) == (winner.crafter_id, winner.crafter_name)
            assert refusal.request == won[0]
            assert refusal.since_time == winner.claim_time


async def test_whoever_lost_a_race_does_not_claim_by_repeating_it(world: World) -> None:
    async with world.person(1, "Ann") as ann, world.person(2, "Bea") as bea, world.person(3, "Cid") as cid:
        request = await create(ann)
        await transition(bea, request.request_id, "CLAIM", idempotency_key="bea")
        lost = await transition(cid, request.request_id, "CLAIM", idempotency_key="cid")
        assert lost.refusal.holder_name == "Bea" and lost.refusal.request.state == pb.REQUEST_STATE_CLAIMED
        world.clock.advance(60)
        freed = await transition(bea, request.request_id, "RELEASE")
        again = await transition(cid, request.request_id, "CLAIM", idempotency_key="cid")
        assert again.refusal.reason == pb.REFUSAL_REASON_ALREADY_CLAIMED
        assert (again.refusal.holder_id, again.refusal.holder_name) == (2, "Bea")
        assert again.refusal.since_time == lost.refusal.since_time
        assert again.refusal.request == freed.request, "as it is now"
        assert pb.REQUEST_ACTION_CLAIM in again.refusal.allowed
        meant = await transition(cid, request.request_id, "CLAIM", idempotency_key="cid, pressed again")
        assert meant.request.claim.crafter_id == 3
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await transition(cid, request.request_id, "CANCEL", idempotency_key="cid")
        assert from_rpc_error(caught.value).reason == "IDEMPOTENCY_KEY_REUSED"


async def test_a_no_is_one_answer_to_all_who_ask_at_once_under_its_key(world: World) -> None:
    async with world.person(1) as ann, world.person(2) as bea, world.person(3) as cid:
        request = await create(ann)
        await transition(bea, request.request_id, "CLAIM")
        answers = await asyncio.gather(
            *(transition(cid, request.request_id, "CLAIM", idempotency_key="cid") for _ in range(20))
        )
        assert {answer.refusal.reason for answer in answers} == {pb.REFUSAL_REASON_ALREADY_CLAIMED}
        assert {answer.refusal.holder_id for answer in answers} == {2}


async def test_the_whole_life_of_a_request(world: World) -> None:
    async with world.person(1, "Ann") as ann, world.person(2, "Bob") as bob, world.person(3, "Cat") as cat:
        request = await create(ann, materials=pb.MATERIALS_REQUESTER)
        part = (await transition(bob, request.request_id, "CLAIM", quantity=3)).request
        assert (part.number, part.part, part.quantity, part.claim.crafter_name) == (1, 1, 3, "Bob")
        rest = (await ann.requests.GetRequest(pb.GetRequestRequest(guild_id=GUILD, number=1), timeout=TIMEOUT)).request
        assert (rest.quantity, rest.state, rest.version) == (1, pb.REQUEST_STATE_OPEN, 2)
        for action, state in (
            ("AWAIT_MATERIALS", pb.REQUEST_STATE_WAITING_MATERIALS),
            ("RECEIVE_MATERIALS", pb.REQUEST_STATE_CLAIMED),
            ("READY", pb.REQUEST_STATE_READY),
        ):
            part = (await transition(bob, part.request_id, action)).request
            assert part.state == state
        handed_over = (await transition(ann, part.request_id, "COMPLETE", quantity=2)).request
        assert (handed_over.part, handed_over.quantity, handed_over.state) == (2, 2, pb.REQUEST_STATE_COMPLETED)
        moved = (await transition(bob, part.request_id, "TRANSFER", heir_id=3, heir_name="Cat")).request
        assert moved.claim.crafter_id == 3
        done = (await transition(cat, part.request_id, "COMPLETE")).request
        assert done.state == pb.REQUEST_STATE_COMPLETED
        refused = (await transition(ann, part.request_id, "CANCEL")).refusal
        assert refused.reason == pb.REFUSAL_REASON_NOT_FROM_HERE
        assert list(refused.allowed) == []
        cancelled = (await transition(ann, rest.request_id, "CANCEL", reason="no longer needed")).request
        assert cancelled.state == pb.REQUEST_STATE_CANCELLED
        completed = (await transition(ann, rest.request_id, "COMPLETE")).refusal
        assert completed.reason == pb.REFUSAL_REASON_NOT_FROM_HERE


async def test_who_may_do_what(world: World) -> None:
    async with world.person(1) as ann, world.person(2) as bob, world.person(9, officer=True) as officer:
        request = await create(ann)
        for client, action in ((bob, "CANCEL"), (bob, "EDIT"), (bob, "EXTEND"), (bob, "SPLIT")):
            answer = await transition(client, request.request_id, action, draft=pb.RequestDraft(item="x"))
            assert answer.refusal.reason == pb.REFUSAL_REASON_NOT_PERMITTED, action
        await transition(bob, request.request_id, "CLAIM")
        assert (await transition(ann, request.request_id, "RELEASE")).refusal.reason == pb.REFUSAL_REASON_NOT_PERMITTED
        freed = await transition(officer, request.request_id, "RELEASE", reason="away")
        assert freed.request.state == pb.REQUEST_STATE_OPEN
        given = await transition(officer, request.request_id, "TRANSFER", heir_id=2, heir_name="Bob")
        assert given.request.claim.crafter_id == 2
        stale = await transition(bob, request.request_id, "READY", expected_version=1)
        assert stale.refusal.reason == pb.REFUSAL_REASON_STALE
        assert stale.refusal.request.version == given.request.version
        for forbidden in ("EXPIRE", "NUDGE", "REMIND", "CREATE"):
            if forbidden == "CREATE":
                with pytest.raises(grpc.aio.AioRpcError):
                    await transition(officer, request.request_id, forbidden)
            else:
                assert (await transition(officer, request.request_id, forbidden)).HasField("refusal")


async def test_a_batch_answers_for_each(world: World) -> None:
    async with world.person(1) as ann, world.person(2) as bob:
        made = [await create(ann) for _ in range(3)]
        await transition(ann, made[1].request_id, "CANCEL")
        answer = await bob.requests.BatchTransitionRequests(
            pb.BatchTransitionRequestsRequest(
                guild_id=GUILD,
                requests=[
                    pb.TransitionRequestRequest(
                        request_id=request.request_id,
                        action=pb.REQUEST_ACTION_CLAIM,
                        idempotency_key=f"batch:{index}",
                    )
                    for index, request in enumerate([*made, pb.Request(request_id="0" * 22)])
                ],
            ),
            timeout=TIMEOUT,
        )
        kinds = [entry.WhichOneof("outcome") for entry in answer.responses]
        assert kinds == ["request", "refusal", "request", "refusal"]
        assert answer.responses[1].refusal.reason == pb.REFUSAL_REASON_NOT_FROM_HERE
        assert answer.responses[3].refusal.reason == pb.REFUSAL_REASON_UNKNOWN_REQUEST


async def test_what_cannot_be_asked_for_costs_a_batch_nothing_else(world: World) -> None:
    async with world.person(1) as ann, world.person(2) as bob:
        first, second = await create(ann), await create(ann)
        wanted = (
            (first, pb.REQUEST_ACTION_CLAIM, "several"),
            (second, pb.REQUEST_ACTION_CLAIM, "several"),
            (second, pb.REQUEST_ACTION_UNSPECIFIED, "nothing"),
            (second, pb.REQUEST_ACTION_CLAIM, "once more"),
        )
        answer = await bob.requests.BatchTransitionRequests(
            pb.BatchTransitionRequestsRequest(
                guild_id=GUILD,
                requests=[
                    pb.TransitionRequestRequest(request_id=one.request_id, action=action, idempotency_key=key)
                    for one, action, key in wanted
                ],
            ),
            timeout=TIMEOUT,
        )
        assert [entry.WhichOneof("outcome") for entry in answer.responses] == [
            "request",
            "refusal",
            "refusal",
            "request",
        ]
        assert answer.responses[1].refusal.reason == pb.REFUSAL_REASON_INVALID
        assert "idempotency key" in answer.responses[1].refusal.detail


BEYOND = (1 << 64) - 1


@pytest.mark.parametrize(
    ("method", "message", "field"),
    [
        ("GetRequest", pb.GetRequestRequest(guild_id=GUILD, number=BEYOND), "number"),
        (
            "ListRequests",
            pb.ListRequestsRequest(guild_id=GUILD, filter=pb.RequestFilter(requester_id=BEYOND)),
            "filter.requester_id",
        ),
        (
            "CreateRequest",
            pb.CreateRequestRequest(
                guild_id=GUILD, draft=pb.RequestDraft(item="x", due_time=Timestamp(seconds=10**15))
            ),
            "draft.due_time",
        ),
        (
            "TransitionRequest",
            pb.TransitionRequestRequest(
                guild_id=GUILD,
                request_id="x",
                action=pb.REQUEST_ACTION_EXTEND,
                expire_time=Timestamp(seconds=9, nanos=-1),
            ),
            "expire_time",
        ),
        (
            "BatchTransitionRequests",
            pb.BatchTransitionRequestsRequest(
                guild_id=GUILD, requests=[pb.TransitionRequestRequest(request_id="x", expected_version=BEYOND)]
            ),
            "requests.expected_version",
        ),
    ],
)
async def test_what_no_database_keeps_is_named(world: World, method: str, message: Any, field: str) -> None:
    async with world.person(1) as ann:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await getattr(ann.requests, method)(message, timeout=TIMEOUT)
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert field in from_rpc_error(caught.value).fields


async def test_edit_extend_and_the_cap(start: Start, database_url: str) -> None:
    async with (
        start(database_url, GUILDHALL_BOARD__OPEN_PER_PERSON="2") as world,
        world.person(1) as ann,
        world.person(2) as bob,
    ):
        request = await create(ann)
        edited = await transition(
            ann, request.request_id, "EDIT", draft=pb.RequestDraft(item="Living Steel", quantity=2, note="new")
        )
        assert (edited.request.item, edited.request.quantity, edited.request.note) == ("Living Steel", 2, "new")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await transition(ann, request.request_id, "EDIT", draft=pb.RequestDraft(item=""))
        assert "draft.item" in from_rpc_error(caught.value).fields
        later = at(world.clock.now() + 90 * 86400)
        extended = (await transition(ann, request.request_id, "EXTEND", due_time=later)).request
        assert extended.due_time == later
        assert extended.expire_time.ToSeconds() >= later.ToSeconds()
        await transition(bob, request.request_id, "CLAIM")
        fixed = await transition(ann, request.request_id, "EDIT", draft=pb.RequestDraft(item="Iron Sword"))
        assert fixed.refusal.reason == pb.REFUSAL_REASON_INVALID
        await create(ann)
        over = await ann.requests.CreateRequest(
            pb.CreateRequestRequest(guild_id=GUILD, draft=pb.RequestDraft(item="Iron Sword")), timeout=TIMEOUT
        )
        assert (over.refusal.reason, over.refusal.limit) == (pb.REFUSAL_REASON_TOO_MANY_OPEN, 2)


async def test_another_guild_and_nobody_are_turned_away(world: World) -> None:
    async with world.person(1) as ann, world.person(1, guild_id=501) as elsewhere, world.system() as system:
        request = await create(ann)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await elsewhere.requests.GetRequest(
                pb.GetRequestRequest(guild_id=GUILD, request_id=request.request_id), timeout=TIMEOUT
            )
        assert from_rpc_error(caught.value).reason == "OTHER_GUILD"
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await elsewhere.requests.GetRequest(
                pb.GetRequestRequest(guild_id=501, request_id=request.request_id), timeout=TIMEOUT
            )
        assert from_rpc_error(caught.value).reason == "REQUEST_UNKNOWN"
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await create(system)
        assert from_rpc_error(caught.value).reason == "PERSON_REQUIRED"
