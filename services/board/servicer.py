"""The contract's methods: protobuf in, the board's domain, protobuf out."""

from typing import Any

import grpc
from guildhall.board.v1 import request_pb2 as pb
from guildhall.board.v1 import request_pb2_grpc

from chassis.caller import Person, current_caller
from chassis.errors import InvalidArgument, PermissionDenied
from chassis.settings import Live
from services.board import convert
from services.board.model import Actor, Refused
from services.board.requests import Requests
from services.board.rules import RuleBook, actor_of
from services.board.settings import BoardSettings


class Acting:
    """Who acts, from the Caller of the RPC being served."""

    def __init__(self, rules: RuleBook, settings: Live[BoardSettings]) -> None:
        self._rules = rules
        self._settings = settings

    async def person(self, guild_id: int) -> Actor:
        """The person for whom the call is made, in this guild. PermissionDenied where it is nobody or elsewhere."""
        if not 0 < guild_id < 1 << 63:
            raise InvalidArgument("which guild?", reason="REQUEST_INVALID", fields={"guild_id": "a guild's snowflake"})
        person = current_caller().person
        if person is None:
            raise PermissionDenied("this is done for a person only", reason="PERSON_REQUIRED")
        return await self._as_actor(guild_id, person)

    async def reader(self, guild_id: int) -> Actor | None:
        """The person for whom is read; None for the system's own reading."""
        return None if current_caller().person is None else await self.person(guild_id)

    async def _as_actor(self, guild_id: int, person: Person) -> Actor:
        if person.guild_id not in (0, guild_id):
            raise PermissionDenied("that is another guild's board", reason="OTHER_GUILD")
        if person.guild_id == 0:
            # In a direct message Discord says nothing of roles, so nobody is an officer there.
            person = Person(person.user_id, guild_id, (), 0, person.display_name, person.locale)
        rules = await self._rules.of(guild_id)
        return actor_of(person, rules, self._settings.current.officer_permissions)


class RequestServicer(request_pb2_grpc.RequestServiceServicer):
    """guildhall.board.v1.RequestService."""

    def __init__(self, requests: Requests, acting: Acting) -> None:
        self._requests = requests
        self._acting = acting

    async def CreateRequest(  # noqa: N802
        self, request: pb.CreateRequestRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> pb.CreateRequestResponse:
        """Puts a request on the board."""
        actor = await self._acting.person(request.guild_id)
        outcome = await self._requests.create(
            request.guild_id, convert.raw_draft(request.draft), actor, request.idempotency_key
        )
        if isinstance(outcome.result, Refused):
            return pb.CreateRequestResponse(refusal=convert.refusal_message(outcome.result))
        return pb.CreateRequestResponse(request=convert.request_message(outcome.result), duplicate=outcome.duplicate)

    async def GetRequest(  # noqa: N802
        self, request: pb.GetRequestRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> pb.GetRequestResponse:
        """Gives one request."""
        await self._acting.reader(request.guild_id)
        found = await self._requests.get(request.guild_id, request.request_id, request.number)
        return pb.GetRequestResponse(request=convert.request_message(found))

    async def ListRequests(  # noqa: N802
        self, request: pb.ListRequestsRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> pb.ListRequestsResponse:
        """Lists requests by pages."""
        await self._acting.reader(request.guild_id)
        page = await self._requests.list(
            request.guild_id,
            convert.list_filter(request.filter),
            convert.ORDERS.get(request.order, "newest"),
            request.page_size,
            request.page_token,
        )
        return pb.ListRequestsResponse(
            requests=[convert.request_message(entry) for entry in page.requests],
            next_page_token=page.next_token,
            total_size=page.total,
        )
