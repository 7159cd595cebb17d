"""Old and new versions side by side: the board answers services that say more, less or other things than it knows.

What a newer service adds is played by a field and by enum values that nobody knows.
"""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import grpc
import pytest
from google.protobuf.message import Message
from guildhall.board.v1 import request_pb2 as pb

from chassis.errors import InvalidArgument, from_rpc_error
from tests.board.conftest import GUILD, Start
from tests.board.test_requests import TIMEOUT

OF_TOMORROW = 99
M = TypeVar("M", bound=Message)


def grown(message: M) -> M:
    """The message with field 99 in it, a text, which no contract of today has."""
    return type(message).FromString(message.SerializeToString() + b"\x9a\x06\x01?")


async def test_what_a_newer_service_adds_is_passed_over_and_what_nobody_can_do_is_refused(
    start: Start, tmp_path: Path
) -> None:
    async with start(f"sqlite:///{tmp_path / 'board.db'}") as world, world.person(1, "Ann") as ann:
        draft = pb.RequestDraft(item="Flask of Power", quantity=4)
        draft.materials = OF_TOMORROW  # type: ignore[assignment]
        made = await ann.requests.CreateRequest(
            grown(pb.CreateRequestRequest(guild_id=GUILD, draft=grown(draft))), timeout=TIMEOUT
        )
        # A way to bring the materials that it does not know counts as none that was given.
        assert made.request.materials == pb.MATERIALS_CRAFTER

        listing = pb.ListRequestsRequest(guild_id=GUILD)
        listing.order = OF_TOMORROW  # type: ignore[assignment]
        listing.filter.states.append(OF_TOMORROW)  # type: ignore[arg-type]
        listing.filter.states.append(pb.REQUEST_STATE_OPEN)
        listed = await ann.requests.ListRequests(grown(listing), timeout=TIMEOUT)
        assert [request.request_id for request in listed.requests] == [made.request.request_id]

        ask = pb.TransitionRequestRequest(guild_id=GUILD, request_id=made.request.request_id)
        ask.action = OF_TOMORROW  # type: ignore[assignment]
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await ann.requests.TransitionRequest(grown(ask), timeout=TIMEOUT)
        assert isinstance(from_rpc_error(caught.value), InvalidArgument)
        found = await ann.requests.GetRequest(
            grown(pb.GetRequestRequest(guild_id=GUILD, request_id=made.request.request_id)), timeout=TIMEOUT
        )
        assert found.request == made.request
