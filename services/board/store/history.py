"""The guild's history, the outbox that leaves it, and the index of what is due."""

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from services.board.store.connection import Connection
from services.board.store.schema import due, events, guilds, idempotency, outbox, requests

# Made once: these are asked for after every change, and putting a statement together costs more than running it.
_ALL_HEADS = sa.select(guilds.c.guild_id, guilds.c.sequence)
_LEAVING = (
    sa.select(
        outbox.c.sequence,
        outbox.c.at,
        outbox.c.payload,
        events.c.actor_id,
        events.c.actor_name,
        events.c.actor_kind,
    )
    .join_from(outbox, events, (events.c.guild_id == outbox.c.guild_id) & (events.c.sequence == outbox.c.sequence))
    .where(outbox.c.guild_id == sa.bindparam("guild"), outbox.c.sequence > sa.bindparam("after"))
    .order_by(outbox.c.sequence)
    .limit(sa.bindparam("most", type_=sa.Integer))
)
_DUE = (
    sa.select(due)
    .where(due.c.at <= sa.bindparam("now"))
    .order_by(due.c.at)
    .limit(sa.bindparam("most", type_=sa.Integer))
)
_NEXT_DUE = sa.select(sa.func.min(due.c.at))


async def entries(
    connection: Connection,
    guild_id: int,
    *,
    subject_id: str = "",
    actor_id: int = 0,
    before: int | None = None,
    limit: int | None = None,
) -> Sequence[Mapping[str, Any]]:
    """Changes, the latest first, with the number and item of the request that each is about; `before` is a sequence."""
    of_request = (events.c.subject == "request") & (requests.c.request_id == events.c.subject_id)
    statement = (
        sa.select(events, requests.c.number, requests.c.part, requests.c.item)
        .join_from(events, requests, of_request, isouter=True)
        .where(events.c.guild_id == guild_id)
    )
    if subject_id:
        statement = statement.where(events.c.subject == "request", events.c.subject_id == subject_id)
    if actor_id:
        statement = statement.where(events.c.actor_id == actor_id)
    if before is not None:
        statement = statement.where(events.c.sequence < before)
    statement = statement.order_by(events.c.sequence.desc()).limit(limit)
    return (await connection.execute(statement)).mappings().all()  # type: ignore[return-value]


async def afters(connection: Connection, guild_id: int, request_id: str) -> list[dict[str, Any]]:
    """What each event of a request made of it, oldest first: what replaying takes."""
    statement = (
        sa.select(events.c.after)
        .where(events.c.guild_id == guild_id, events.c.subject == "request", events.c.subject_id == request_id)
        .order_by(events.c.sequence)
    )
    return [json.loads(after) for after in (await connection.execute(statement)).scalars().all()]


async def heads(connection: Connection, guild_ids: Collection[int] | None) -> dict[int, int]:
    """The last sequence of guilds; of all where None is given."""
    statement = _ALL_HEADS if guild_ids is None else _ALL_HEADS.where(guilds.c.guild_id.in_(guild_ids))
    return {int(row[0]): int(row[1]) for row in (await connection.execute(statement)).all()}


async def leaving(connection: Connection, guild_id: int, after: int, limit: int) -> Sequence[Mapping[str, Any]]:
    """What leaves through the outbox behind a sequence, with who did it, in order."""
    parameters = {"guild": guild_id, "after": after, "most": limit}
    return (await connection.execute(_LEAVING, parameters)).mappings().all()  # type: ignore[return-value]


async def due_now(connection: Connection, now: int, limit: int) -> Sequence[Mapping[str, Any]]:
    """What is due, the most overdue first."""
    return (await connection.execute(_DUE, {"now": now, "most": limit})).mappings().all()  # type: ignore[return-value]


async def next_due(connection: Connection) -> int | None:
    """When something is due next (Unix milliseconds)."""
    value = (await connection.execute(_NEXT_DUE)).scalar()
    return None if value is None else int(value)


async def drop_due(connection: Connection, request_id: str, action: str, at: int) -> None:
    """Takes one entry off the index, unless it was set to another time meanwhile."""
    await connection.execute(
        sa.delete(due).where(due.c.request_id == request_id, due.c.action == action, due.c.at == at)
    )


async def clean_up(connection: Connection, outbox_before: int, keys_before: int) -> int:
    """Removes what only served deliveries; gives how many rows."""
    gone = await connection.execute(sa.delete(outbox).where(outbox.c.at < outbox_before))
    keys = await connection.execute(sa.delete(idempotency).where(idempotency.c.at < keys_before))
    return int(gone.rowcount) + int(keys.rowcount)
