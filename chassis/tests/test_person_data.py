"""What is kept about a person is given and forgotten for that person alone, in pieces where it is much."""

import json
from collections.abc import Mapping

import grpc
import pytest
from guildhall.person.v1 import person_pb2, person_pb2_grpc

from chassis.caller import Caller, Person
from chassis.errors import from_rpc_error
from chassis.person_data import CALLERS, Forgotten, PersonDataServicer
from chassis.runtime import JSON
from chassis.testing import channel_to, serve_in_process

ADD = person_pb2_grpc.add_PersonDataServiceServicer_to_server


class Notes:
    """Notes that people left, kept in memory."""

    def __init__(self, topic: str, notes: dict[int, list[str]]) -> None:
        self.topic = topic
        self.notes = notes

    async def of_person(self, user_id: int) -> Mapping[str, JSON]:
        return {self.topic: list(self.notes.get(user_id, []))}

    async def forget_person(self, user_id: int) -> Forgotten:
        return Forgotten({"notes": len(self.notes.pop(user_id, []))}, kept=(f"{self.topic}_index",))


async def test_all_parts_answer_for_the_person_alone() -> None:
    long = "ü" * 300_000
    mine, other = Notes("mine", {1: [long], 2: ["b"]}), Notes("other", {1: ["c", "d"]})
    async with (
        serve_in_process((ADD, PersonDataServicer([mine, other])), callers=CALLERS) as address,
        channel_to(address, Caller("gateway", Person(user_id=1))) as channel,
    ):
        stub = person_pb2_grpc.PersonDataServiceStub(channel)
        request = person_pb2.ExportPersonDataRequest(user_id=1)
        pieces = [piece.content async for piece in stub.ExportPersonData(request, timeout=5)]
        assert len(pieces) > 1
        assert json.loads(b"".join(pieces)) == {"mine": [long], "other": ["c", "d"]}
        for user_id in (0, 2):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await stub.DeletePersonData(person_pb2.DeletePersonDataRequest(user_id=user_id), timeout=5)
            assert from_rpc_error(caught.value).reason == "PERSON_FORBIDDEN"
        forgotten = await stub.DeletePersonData(person_pb2.DeletePersonDataRequest(user_id=1), timeout=5)
        assert dict(forgotten.forgotten) == {"notes": 3}
        assert list(forgotten.kept) == ["mine_index", "other_index"]
        assert mine.notes == {2: ["b"]}


async def test_only_gateway_may_ask_and_only_for_somebody() -> None:
    async with serve_in_process((ADD, PersonDataServicer([])), callers=CALLERS) as address:
        for caller, reason in (
            (Caller("llm", Person(user_id=1)), "CALLER_NOT_ALLOWED"),
            (Caller("gateway"), "PERSON_FORBIDDEN"),
        ):
            async with channel_to(address, caller) as channel:
                stub = person_pb2_grpc.PersonDataServiceStub(channel)
                with pytest.raises(grpc.aio.AioRpcError) as caught:
                    await stub.DeletePersonData(person_pb2.DeletePersonDataRequest(user_id=1), timeout=5)
                assert from_rpc_error(caught.value).reason == reason
