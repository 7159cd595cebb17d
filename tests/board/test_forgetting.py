"""What the board keeps of a person is given to them, and their name goes where they ask for it; on both databases."""

from __future__ import annotations

import json
from typing import Any

from guildhall.board.v1 import history_pb2, member_pb2
from guildhall.board.v1 import request_pb2 as pb
from guildhall.person.v1 import person_pb2

from tests.board.conftest import GUILD, Client, World
from tests.board.test_people import add, reason
from tests.board.test_requests import TIMEOUT, create, transition

# Long enough to stand nowhere by chance.
BOB = 987_654_321_012


async def kept(client: Client, user_id: int) -> dict[str, Any]:
    request = person_pb2.ExportPersonDataRequest(user_id=user_id)
    pieces = [piece.content async for piece in client.data.ExportPersonData(request, timeout=TIMEOUT)]
    found: dict[str, Any] = json.loads(b"".join(pieces))["board"]
    return found


async def forget(client: Client, user_id: int) -> person_pb2.DeletePersonDataResponse:
    answer: person_pb2.DeletePersonDataResponse = await client.data.DeletePersonData(
        person_pb2.DeletePersonDataRequest(user_id=user_id), timeout=TIMEOUT
    )
    return answer


async def history(officer: Client, guild_id: int = GUILD) -> str:
    found = await officer.history.ListHistory(
        history_pb2.ListHistoryRequest(guild_id=guild_id, page_size=100), timeout=TIMEOUT
    )
    return str(found)


async def test_a_persons_data_is_given_to_them_alone(world: World) -> None:
    async with world.person(1, "Ann") as ann, world.person(2, "Bob") as bob:
        wanted = await create(ann)
        await add(bob, "Thrall")
        await transition(bob, wanted.request_id, "CLAIM")
        follow = member_pb2.Subscription(kind=member_pb2.SUBSCRIPTION_KIND_ITEM, value="steel")
        await bob.members.SetSubscription(
            member_pb2.SetSubscriptionRequest(guild_id=GUILD, subscription=follow, follow=True), timeout=TIMEOUT
        )
        anns, bobs = await kept(ann, 1), await kept(bob, 2)
        assert [one["number"] for one in anns["requests"]] == [wanted.number]
        assert not anns["characters"]
        assert [one["name"] for one in bobs["characters"]] == ["Thrall"]
        assert [one["number"] for one in bobs["crafted"]] == [wanted.number]
        assert [one["value"] for one in bobs["followed"]] == ["steel"]
        assert {one["guild_id"] for one in bobs["characters"]} == {str(GUILD)}
        assert await reason(forget(bob, 1)) == "PERSON_FORBIDDEN"
        assert (await kept(ann, 1))["requests"]


async def test_what_is_over_stays_without_the_persons_name(world: World) -> None:
    async with (
        world.person(1, "Ann Onymous") as ann,
        world.person(BOB, "Bob Ross") as bob,
        world.person(9, "Olaf", officer=True) as officer,
    ):
        done, held, own = await create(ann), await create(ann), await create(bob)
        await add(bob, "Thrall the Brave")
        await transition(bob, done.request_id, "CLAIM")
        await transition(bob, done.request_id, "READY")
        await transition(ann, done.request_id, "COMPLETE")
        await transition(bob, held.request_id, "CLAIM")
        assert "Bob Ross" in await history(officer)
        forgotten = await forget(bob, BOB)
        assert forgotten.forgotten["requests_ended"] == 2
        assert forgotten.forgotten["history_entries"] > 0
        assert list(forgotten.kept) == ["board_blocks"]
        assert not any((await kept(bob, BOB)).values())
        after = await history(officer)
        for trace in ("Bob Ross", str(BOB), "Thrall the Brave"):
            assert trace not in after
        assert "Ann Onymous" in after
        states = {}
        for one in (done, held, own):
            request = pb.GetRequestRequest(guild_id=GUILD, request_id=one.request_id)
            found = (await officer.requests.GetRequest(request, timeout=TIMEOUT)).request
            states[one.number] = found.state
            assert "Bob" not in str(found)
        assert states == {
            done.number: pb.REQUEST_STATE_COMPLETED,
            held.number: pb.REQUEST_STATE_OPEN,
            own.number: pb.REQUEST_STATE_CANCELLED,
        }
        again = await forget(bob, BOB)
        assert not any(again.forgotten.values())


async def test_a_block_is_not_lifted_by_forgetting(world: World) -> None:
    async with world.person(103, "Cy") as cy, world.person(9, "Olaf", officer=True) as officer:
        await create(cy)
        await officer.members.SetBlock(
            member_pb2.SetBlockRequest(guild_id=GUILD, user_id=103, blocked=True, reason="spam"), timeout=TIMEOUT
        )
        await forget(cy, 103)
        listed = await officer.members.ListBlocks(member_pb2.ListBlocksRequest(guild_id=GUILD), timeout=TIMEOUT)
        assert [block.user_id for block in listed.blocks] == [103]
