"""What follows when a member leaves: what they held is free again, what they asked for is called off."""

from services.board.lookup import Lookup
from services.board.machine import Command
from services.board.memberships import Memberships
from services.board.model import ACTIVE, HELD, Action, Actor, ActorKind, Request
from services.board.requests import Requests
from services.board.store.listing import Filter

_PAGE = 100
_REASON = "left the server"


class Departures:
    """Ends what those who leave have to do with the board."""

    def __init__(self, lookup: Lookup, requests: Requests, memberships: Memberships) -> None:
        self._lookup = lookup
        self._requests = requests
        self._memberships = memberships

    async def forget(self, guild_id: int, user_id: int) -> tuple[int, int]:
        """Releases claims, cancels requests, forgets the rest; gives how many were released and cancelled.

        Each is a change of its own, so a repeat after an interruption goes on where it stopped. Of somebody who never
        had to do with the board nothing is written: most who leave are that.
        """
        released = await self._end(guild_id, Filter(states=HELD, crafter_id=user_id), Action.RELEASE)
        cancelled = await self._end(guild_id, Filter(states=ACTIVE, requester_id=user_id), Action.CANCEL)
        if await self._memberships.keeps(guild_id, user_id):
            await self._memberships.forget(guild_id, user_id)
        return released, cancelled

    async def _end(self, guild_id: int, wanted: Filter, action: Action) -> int:
        board, ended = Actor(0, "", ActorKind.OFFICER), 0
        for request in await self._all(guild_id, wanted):
            command = Command(action, reason=_REASON)
            outcome = await self._requests.transition(guild_id, request.request_id, command, board, "")
            ended += isinstance(outcome.result, Request)
        return ended

    async def _all(self, guild_id: int, wanted: Filter) -> list[Request]:
        found: list[Request] = []
        token = ""
        while True:
            page = await self._lookup.page(guild_id, wanted, "oldest", size=_PAGE, token=token)
            found.extend(page.requests)
            if not page.next_token:
                return found
            token = page.next_token
