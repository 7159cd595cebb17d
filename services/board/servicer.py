"""The contract's methods: protobuf in, the board's domain, protobuf out."""

from collections.abc import Awaitable, Callable
from typing import Any

import grpc
from guildhall.board.v1 import request_pb2 as pb
from guildhall.board.v1 import request_pb2_grpc

from chassis.caller import Person, current_caller
from chassis.errors import InvalidArgument, NotFound, PermissionDenied
from chassis.settings import Live
from services.board import convert
from services.board.finishing import finishing
from services.board.lookup import Lookup
from services.board.machine import RULES, allowed
from services.board.model import Actor, Refused
from services.board.requests import Requests
from services.board.rules import RuleBook, actor_of
from services.board.settings import BoardSettings
from services.board.storable import checked

_SUGGESTIONS = 25

Departed = Callable[[int, int], Awaitable[bool]]
"""Whether somebody (guild, user) certainly is no member any more."""


class Acting:
    """Who acts, from the Caller of the RPC being served."""

    def __init__(self, rules: RuleBook, settings: Live[BoardSettings], departed: Departed) -> None:
        self._rules = rules
        self._settings = settings
        self._departed = departed

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
            # In a direct message Discord says nothing of the guild: neither whether the person is still in it, nor
            # which roles they have, so nobody is an officer there.
            if await self._departed(guild_id, person.user_id):
                raise PermissionDenied("the board is for members of the server", reason="LEFT_THE_GUILD")
            person = Person(person.user_id, guild_id, (), 0, person.display_name, person.locale)
        rules = await self._rules.of(guild_id)
        return actor_of(person, rules, self._settings.current.officer_permissions)


@finishing
@checked
class RequestServicer(request_pb2_grpc.RequestServiceServicer):
    """guildhall.board.v1.RequestService."""

    def __init__(self, requests: Requests, lookup: Lookup, acting: Acting) -> None:
        self._requests = requests
        self._lookup = lookup
        self._acting = acting

    async def CreateRequest(
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

    async def GetRequest(
        self, request: pb.GetRequestRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> pb.GetRequestResponse:
        """Gives one request."""
        actor = await self._acting.reader(request.guild_id)
        found = await self._lookup.get(request.guild_id, request.request_id, request.number, request.part)
        return pb.GetRequestResponse(
            request=convert.request_message(found, await self._lookup.character_names(found)),
            allowed=[] if actor is None else [convert.ACTIONS[action] for action in allowed(found, actor)],
        )

    async def ListRequests(
        self, request: pb.ListRequestsRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> pb.ListRequestsResponse:
        """Lists requests by pages."""
        await self._acting.reader(request.guild_id)
        page = await self._lookup.page(
            request.guild_id,
            convert.list_filter(request.filter),
            convert.ORDERS.get(request.order, "newest"),
            size=request.page_size,
            token=request.page_token,
            skip=request.skip,
        )
        return pb.ListRequestsResponse(
            requests=[convert.request_message(entry) for entry in page.requests],
            next_page_token=page.next_token,
            total_size=page.total,
        )

    async def TransitionRequest(
        self, request: pb.TransitionRequestRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> pb.TransitionRequestResponse:
        """Does one thing to one request."""
        actor = await self._acting.person(request.guild_id)
        return await self._transition(request.guild_id, request, actor)

    async def BatchTransitionRequests(
        self, request: pb.BatchTransitionRequestsRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> pb.BatchTransitionRequestsResponse:
        """Does several things, each on its own."""
        actor = await self._acting.person(request.guild_id)
        limit = self._requests.batch_limit
        if len(request.requests) > limit:
            raise InvalidArgument(
                f"at most {limit} at once", reason="BATCH_TOO_LARGE", fields={"requests": f"at most {limit}"}
            )
        if any(entry.guild_id not in (0, request.guild_id) for entry in request.requests):
            raise InvalidArgument("a batch is for one guild", reason="REQUEST_INVALID", fields={"guild_id": "differs"})
        return pb.BatchTransitionRequestsResponse(
            responses=[await self._one_of_several(request.guild_id, entry, actor) for entry in request.requests]
        )

    async def SuggestItems(
        self, request: pb.SuggestItemsRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> pb.SuggestItemsResponse:
        """Suggests items for autocomplete."""
        await self._acting.reader(request.guild_id)
        found = await self._lookup.suggest(
            request.guild_id, request.query, request.profession, min(request.limit or _SUGGESTIONS, _SUGGESTIONS)
        )
        return pb.SuggestItemsResponse(
            items=[pb.ItemSuggestion(item=item, profession=profession) for item, profession in found]
        )

    async def GetOverview(
        self, request: pb.GetOverviewRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> pb.GetOverviewResponse:
        """Counts requests by profession and state."""
        await self._acting.reader(request.guild_id)
        counts = await self._lookup.counts(request.guild_id)
        return pb.GetOverviewResponse(
            counts=[
                pb.StateCount(profession=profession, state=convert.STATES[state], count=count)
                for profession, by_state in sorted(counts.items())
                for state, count in by_state.items()
                if count
            ]
        )

    async def _one_of_several(
        self, guild_id: int, request: pb.TransitionRequestRequest, actor: Actor
    ) -> pb.TransitionRequestResponse:
        """As by itself, but that what cannot be asked for is this item's result: the others' must not be lost."""
        try:
            return await self._transition(guild_id, request, actor)
        except (InvalidArgument, NotFound) as error:
            return pb.TransitionRequestResponse(refusal=pb.Refusal(reason=pb.REFUSAL_REASON_INVALID, detail=str(error)))

    async def _transition(
        self, guild_id: int, request: pb.TransitionRequestRequest, actor: Actor
    ) -> pb.TransitionRequestResponse:
        action = convert.action_of(request.action)
        if action not in RULES:
            raise InvalidArgument("do what?", reason="REQUEST_INVALID", fields={"action": "cannot be asked for"})
        outcome = await self._requests.transition(
            guild_id,
            request.request_id,
            convert.command(request, action),
            actor,
            request.idempotency_key,
            raw=convert.raw_draft(request.draft) if request.HasField("draft") else None,
        )
        if isinstance(outcome.result, Refused):
            return pb.TransitionRequestResponse(refusal=convert.refusal_message(outcome.result))
        return pb.TransitionRequestResponse(
            request=convert.request_message(outcome.result, await self._lookup.character_names(outcome.result)),
            duplicate=outcome.duplicate,
            allowed=[convert.ACTIONS[entry] for entry in allowed(outcome.result, actor)],
        )
