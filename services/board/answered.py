"""What was answered under an idempotency key: what came of it or, where the answer was no, that no.

A no is kept too. Whoever lost a race was told so; were the same interaction tried again after the winner had let go, it
would claim behind the back of the person who read that somebody else had it.
"""

import hashlib

from chassis.errors import InvalidArgument
from services.board.machine import allowed
from services.board.model import Actor, Claim, Refused, Request, Why
from services.board.store import history, listing
from services.board.store.connection import Connection
from services.board.store.rows import dumps
from services.board.store.transaction import Transaction

LONGEST_KEY = 64
_NO = "!"
# What another change of the request could turn into a yes. Anything else is refused again by itself.
KEPT = frozenset({Why.ALREADY_CLAIMED, Why.STALE, Why.NOT_FROM_HERE, Why.NOT_PERMITTED})


def fingerprint(*parts: object) -> str:
    """What tells one use of a key from another: the same for the same parts."""
    return hashlib.blake2s(dumps(parts).encode(), digest_size=16).hexdigest()


def check_key(key: str) -> None:
    """InvalidArgument (REQUEST_INVALID) for a key that is too long."""
    if len(key) > LONGEST_KEY:
        raise InvalidArgument(
            "the idempotency key is too long",
            reason="REQUEST_INVALID",
            fields={"idempotency_key": f"at most {LONGEST_KEY} characters"},
        )


async def earlier(
    connection: Connection, guild_id: int, key: str, mark: str, *, request_id: str = "", actor: Actor
) -> Request | Refused | None:
    """What was answered under a key, with the request as it is now; None where the key is new, or ''.

    `request_id` is the request that a no was about. InvalidArgument (IDEMPOTENCY_KEY_REUSED) where the key was used for
    something else.
    """
    found = await listing.earlier_result(connection, guild_id, key) if key else None
    if found is None:
        return None
    return await again(connection, guild_id, found, mark, request_id=request_id, actor=actor)


async def again(
    connection: Connection, guild_id: int, found: tuple[str, str], mark: str, *, request_id: str, actor: Actor
) -> Request | Refused | None:
    """The same where what is kept under the key, as (mark, result), has been read already."""
    if found[0] != mark:
        raise InvalidArgument("this idempotency key was used for something else", reason="IDEMPOTENCY_KEY_REUSED")
    if not found[1].startswith(_NO):
        return await listing.get(connection, guild_id, found[1])
    why, _, holder = found[1].removeprefix(_NO).partition(" ")
    request = await listing.get(connection, guild_id, request_id)
    return Refused(
        Why(why),
        request,
        () if request is None else allowed(request, actor),
        faster=await _claim(connection, guild_id, request_id, holder) if holder else None,
    )


async def remember(transaction: Transaction, refused: Refused) -> None:
    """Keeps a no."""
    faster = refused.faster
    await transaction.remember(
        f"{_NO}{refused.why.value}" + (f" {faster.crafter_id} {faster.claimed_at}" if faster else "")
    )


async def _claim(connection: Connection, guild_id: int, request_id: str, holder: str) -> Claim:
    """A claim that may have ended since, with its crafter's name from the request's history."""
    crafter_id, claimed_at = map(int, holder.split())
    name = ""
    for after in await history.afters(connection, guild_id, request_id):
        if after.get("crafter_id") == crafter_id and after.get("crafter_name"):
            name = after["crafter_name"]
    return Claim(crafter_id, name, "", claimed_at)
