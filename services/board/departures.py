"""What follows when a member leaves: what they held is free again, what they asked for is called off."""

from services.board.machine import Command
from services.board.model import ACTIVE, HELD, Action, Actor, ActorKind, Request
from services.board.requests import Requests
from services.board.roster import Roster
from services.board.store.listing import Filter

_PAGE = 100
_REASON = "left the server"


async def forget_member(requests: Requests, roster: Roster, guild_id: int, user_id: int) -> tuple[int, int]:
    """Releases claims, cancels requests, forgets the rest; gives how many were released and cancelled.

    Each is a change of its own, so a repeat after an interruption goes on where it stopped. Of somebody who never had
    to do with the board nothing is written: most who leave are that.
    """
    board = Actor(0, "", ActorKind.OFFICER)
    released = cancelled = 0
    for held in await _all(requests, guild_id, Filter(states=HELD, crafter_id=user_id)):
        outcome = await requests.transition(
            guild_id, held.request_id, Command(Action.RELEASE, reason=_REASON), board, ""
        )
        released += isinstance(outcome.result, Request)
    for asked in await _all(requests, guild_id, Filter(states=ACTIVE, requester_id=user_id)):
        outcome = await requests.transition(
            guild_id, asked.request_id, Command(Action.CANCEL, reason=_REASON), board, ""
        )
        cancelled += isinstance(outcome.result, Request)
    if await roster.keeps(guild_id, user_id):
        await roster.forget(guild_id, user_id)
    return released, cancelled


async def _all(requests: Requests, guild_id: int, wanted: Filter) -> list[Request]:
    found: list[Request] = []
    token = ""
    while True:
        page = await requests.page(guild_id, wanted, "oldest", size=_PAGE, token=token)
        found.extend(page.requests)
        if not page.next_token:
            return found
        token = page.next_token
