"""Reading requests: one, and pages of many by keyset, so that page 1,000 costs what page 1 costs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from services.board.model import ACTIVE, Request, State
from services.board.store.connection import Connection
from services.board.store.rows import from_record
from services.board.store.schema import boards, idempotency, items, members, requests
from services.board.text import search_key

_LIKE_ESCAPE = "\\"
# Distinct item names that a search may match; more than a person would read.
_SEARCH_ITEMS = 200

# Made once: putting a statement together costs more than running it.
_GET = sa.select(requests).where(
    requests.c.request_id == sa.bindparam("of"), requests.c.guild_id == sa.bindparam("guild")
)
# One way to the database for all that a transition is decided on. The single row is there whatever else is.
_STANDING = sa.select(
    requests,
    idempotency.c.fingerprint.label("was_fingerprint"),
    idempotency.c.result.label("was_result"),
    members.c.blocked_at,
    members.c.blocked_reason,
).select_from(
    sa.select(sa.literal(1).label("one"))
    .subquery()
    .outerjoin(requests, (requests.c.request_id == sa.bindparam("of")) & (requests.c.guild_id == sa.bindparam("guild")))
    .outerjoin(
        idempotency,
        (idempotency.c.guild_id == sa.bindparam("guild")) & (idempotency.c.idempotency_key == sa.bindparam("key")),
    )
    .outerjoin(members, (members.c.guild_id == sa.bindparam("guild")) & (members.c.user_id == sa.bindparam("user")))
)
_EARLIER = sa.select(idempotency.c.fingerprint, idempotency.c.result).where(
    idempotency.c.guild_id == sa.bindparam("guild"), idempotency.c.idempotency_key == sa.bindparam("key")
)
_BY_NUMBER = sa.select(requests).where(
    requests.c.guild_id == sa.bindparam("guild"),
    requests.c.number == sa.bindparam("numbered"),
    requests.c.part == sa.bindparam("of_part"),
)
_ACTIVE_OF = sa.select(sa.func.count(sa.distinct(requests.c.number))).where(
    requests.c.guild_id == sa.bindparam("guild"),
    requests.c.requester_id == sa.bindparam("requester"),
    requests.c.closed_at.is_(None),
)
_GENERATION = sa.select(boards.c.generation).where(
    boards.c.guild_id == sa.bindparam("guild"), boards.c.profession == sa.bindparam("of")
)
_GENERATIONS = sa.select(sa.func.coalesce(sa.func.sum(boards.c.generation), 0)).where(
    boards.c.guild_id == sa.bindparam("guild")
)
_COUNTS = sa.select(boards).where(boards.c.guild_id == sa.bindparam("guild"))


@dataclass(frozen=True, slots=True)
class Filter:
    """What a list is narrowed to; every part that is given has to fit."""

    states: frozenset[State] = frozenset()
    profession: str = ""
    requester_id: int = 0
    crafter_id: int = 0
    query: str = ""
    number: int = 0


@dataclass(frozen=True, slots=True)
class Page:
    """One page; `after` is the keyset of its last row, None where nothing follows."""

    requests: tuple[Request, ...]
    after: tuple[int, ...] | None
    total: int


@dataclass(frozen=True, slots=True)
class Standing:
    """A request of a guild where there is one, what was answered under a key, and why a person is blocked."""

    request: Request | None
    earlier: tuple[str, str] | None
    blocked: str | None


async def get(connection: Connection, guild_id: int, request_id: str) -> Request | None:
    """A request of this guild by its id."""
    row = (await connection.execute(_GET, {"of": request_id, "guild": guild_id})).mappings().first()
    return None if row is None else from_record(row)  # type: ignore[arg-type]


async def standing(connection: Connection, guild_id: int, request_id: str, *, key: str, user_id: int) -> Standing:
    """What a transition is decided on."""
    parameters = {"guild": guild_id, "of": request_id, "key": key, "user": user_id}
    row = (await connection.execute(_STANDING, parameters)).mappings().one()
    return Standing(
        None if row[requests.c.request_id] is None else from_record(row),  # type: ignore[arg-type]
        None if row["was_result"] is None else (row["was_fingerprint"], row["was_result"]),
        None if row["blocked_at"] is None else str(row["blocked_reason"]),
    )


async def by_number(connection: Connection, guild_id: int, number: int, part: int = 0) -> Request | None:
    """A request of this guild by its number."""
    parameters = {"guild": guild_id, "numbered": number, "of_part": part}
    row = (await connection.execute(_BY_NUMBER, parameters)).mappings().first()
    return None if row is None else from_record(row)  # type: ignore[arg-type]


async def earlier_result(connection: Connection, guild_id: int, key: str) -> tuple[str, str] | None:
    """(fingerprint, result) of what was done under an idempotency key, None where nothing was."""
    row = (await connection.execute(_EARLIER, {"guild": guild_id, "key": key})).first()
    return None if row is None else (row[0], row[1])


async def count_active(connection: Connection, guild_id: int, requester_id: int) -> int:
    """How many active requests a person has; parts of one request count once."""
    parameters = {"guild": guild_id, "requester": requester_id}
    return int((await connection.execute(_ACTIVE_OF, parameters)).scalar_one())


async def generation(connection: Connection, guild_id: int, profession: str) -> int:
    """What lists of this profession hang on; of all professions where it is empty."""
    if profession:
        found = await connection.execute(_GENERATION, {"guild": guild_id, "of": profession})
    else:
        found = await connection.execute(_GENERATIONS, {"guild": guild_id})
    return int(found.scalar() or 0)


async def counts(connection: Connection, guild_id: int) -> dict[str, dict[State, int]]:
    """How many requests stand where, by profession."""
    rows = (await connection.execute(_COUNTS, {"guild": guild_id})).mappings().all()
    return {row["profession"]: {state: row[state.value] for state in State} for row in rows}


async def page(
    connection: Connection,
    guild_id: int,
    wanted: Filter,
    order: str,
    *,
    size: int,
    after: Sequence[int],
    counted: int,
    skip: int = 0,
) -> Page:
    """Up to `size` requests behind the keyset `after`. Order is newest, oldest or due."""
    conditions = await _conditions(connection, guild_id, wanted)
    total = await _total(connection, guild_id, wanted, conditions, counted)
    number, part = requests.c.number, requests.c.part
    keys: list[Any] = [requests.c.due_order, number, part] if order == "due" else [number, part]
    query = sa.select(requests).where(*conditions)
    if after:
        edge = sa.tuple_(*keys), sa.tuple_(*(sa.literal(value, sa.BigInteger) for value in after))
        query = query.where(edge[0] < edge[1] if order == "newest" else edge[0] > edge[1])
    query = query.order_by(*(key.desc() if order == "newest" else key.asc() for key in keys)).limit(size + 1)
    if skip:
        query = query.offset(skip)
    rows = (await connection.execute(query)).mappings().all()
    shown = rows[:size]
    edge_row = shown[-1] if len(rows) > size else None
    return Page(
        tuple(from_record(row) for row in shown),  # type: ignore[arg-type]
        None if edge_row is None else tuple(int(edge_row[key]) for key in keys),
        total,
    )


async def item_names(
    connection: Connection, guild_id: int, query: str, profession: str, limit: int
) -> list[tuple[str, str]]:
    """Items asked for in this guild that have `query` in their name, as (item, profession), most asked for first."""
    statement = sa.select(items.c.item, items.c.profession).where(items.c.guild_id == guild_id, *_like(query))
    if profession:
        statement = statement.where(items.c.profession == profession)
    statement = statement.order_by(items.c.requested.desc(), items.c.item_key).limit(limit)
    return [(row[0], row[1]) for row in (await connection.execute(statement)).all()]


def _like(query: str) -> list[sa.ColumnElement[bool]]:
    key = search_key(query)
    if not key:
        return []
    for character in (_LIKE_ESCAPE, "%", "_"):
        key = key.replace(character, _LIKE_ESCAPE + character)
    return [items.c.item_key.like(f"%{key}%", escape=_LIKE_ESCAPE)]


async def _conditions(connection: Connection, guild_id: int, wanted: Filter) -> list[sa.ColumnElement[bool]]:
    conditions: list[sa.ColumnElement[bool]] = [requests.c.guild_id == guild_id]
    if wanted.states:
        if wanted.states <= ACTIVE:
            # Said outright so that the partial indexes serve; where all active states are wanted it says everything.
            conditions.append(requests.c.closed_at.is_(None))
        if wanted.states != ACTIVE:
            conditions.append(requests.c.state.in_(sorted(state.value for state in wanted.states)))
    if wanted.profession:
        conditions.append(requests.c.profession == wanted.profession)
    if wanted.requester_id:
        conditions.append(requests.c.requester_id == wanted.requester_id)
    if wanted.crafter_id:
        conditions.append(requests.c.crafter_id == wanted.crafter_id)
    if wanted.number:
        conditions.append(requests.c.number == wanted.number)
    if search_key(wanted.query):
        # Names repeat far more than they differ, so the few that match are found first.
        names = sa.select(items.c.item_key).where(items.c.guild_id == guild_id, *_like(wanted.query))
        if wanted.profession:
            names = names.where(items.c.profession == wanted.profession)
        found = (await connection.execute(names.distinct().limit(_SEARCH_ITEMS))).scalars().all()
        conditions.append(requests.c.item_key.in_(found))
    return conditions


async def _total(
    connection: Connection,
    guild_id: int,
    wanted: Filter,
    conditions: Sequence[sa.ColumnElement[bool]],
    counted: int,
) -> int:
    if not (wanted.requester_id or wanted.crafter_id or wanted.number or search_key(wanted.query)):
        by_profession = await counts(connection, guild_id)
        chosen = [by_profession.get(wanted.profession, {})] if wanted.profession else list(by_profession.values())
        states = wanted.states or frozenset(State)
        return sum(entry.get(state, 0) for entry in chosen for state in states)
    some = sa.select(requests.c.request_id).where(*conditions).limit(counted).subquery()
    return int((await connection.execute(sa.select(sa.func.count()).select_from(some))).scalar_one())
