"""The numbers, counted by the database."""

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from services.board.model import State
from services.board.store.connection import Connection
from services.board.store.schema import requests

DAY = 86_400_000
WEEK = 7 * DAY
# 1970-01-01 was a Thursday, so weeks that begin on Mondays begin three days before its multiples.
MONDAY = 3 * DAY


@dataclass(frozen=True, slots=True)
class Span:
    """Of which guild, which profession ('' for all), from when up to and not with when (Unix milliseconds)."""

    guild_id: int
    profession: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Share:
    """What one person made, or was given, in one profession. `waited` is the mean in milliseconds."""

    profession: str
    user_id: int
    name: str
    requests: int
    quantity: int
    waited: float


def _within(span: Span, column: sa.Column[int]) -> list[sa.ColumnElement[bool]]:
    conditions = [requests.c.guild_id == span.guild_id, column >= span.start, column < span.end]
    if span.profession:
        conditions.append(requests.c.profession == span.profession)
    return conditions


async def closed(connection: Connection, span: Span) -> dict[State, tuple[int, int]]:
    """How many were closed in each way, with how many pieces."""
    statement = (
        sa.select(requests.c.state, sa.func.count(), sa.func.sum(requests.c.quantity))
        .where(*_within(span, requests.c.closed_at))
        .group_by(requests.c.state)
    )
    return {State(row[0]): (int(row[1]), int(row[2])) for row in (await connection.execute(statement)).all()}


async def created(connection: Connection, span: Span) -> int:
    """How many were made; parts of one count once."""
    statement = sa.select(sa.func.count()).where(*_within(span, requests.c.created_at), requests.c.part == 0)
    return int((await connection.execute(statement)).scalar_one())


async def shares(connection: Connection, span: Span, of: str) -> list[Share]:
    """What each crafter completed, or each requester was given (`of` names which), by profession."""
    person, name = (
        (requests.c.crafter_id, requests.c.crafter_name)
        if of == "crafter"
        else (requests.c.requester_id, requests.c.requester_name)
    )
    statement = (
        sa.select(
            requests.c.profession,
            person,
            sa.func.max(name),
            sa.func.count(),
            sa.func.sum(requests.c.quantity),
            sa.func.avg(requests.c.closed_at - requests.c.created_at),
        )
        .where(*_within(span, requests.c.closed_at), requests.c.state == State.COMPLETED.value, person.is_not(None))
        .group_by(requests.c.profession, person)
    )
    return [
        Share(row[0], int(row[1]), row[2], int(row[3]), int(row[4]), float(row[5]))
        for row in (await connection.execute(statement)).all()
    ]


async def wait_at(connection: Connection, span: Span, ranks: Sequence[int]) -> dict[int, int]:
    """The waits (milliseconds) at some ranks, counted from 0, of all that were completed, shortest first."""
    wait = (requests.c.closed_at - requests.c.created_at).label("wait")
    statement = (
        sa.select(wait)
        .where(*_within(span, requests.c.closed_at), requests.c.state == State.COMPLETED.value)
        .order_by(wait)
    )
    found = {}
    for rank in ranks:
        value = (await connection.execute(statement.offset(rank).limit(1))).scalar()
        if value is not None:
            found[rank] = int(value)
    return found


async def weeks(connection: Connection, span: Span) -> dict[int, tuple[int, int]]:
    """(created, completed) by the week's Monday, for weeks in which something happened."""
    found: dict[int, tuple[int, int]] = {}
    for index, column, more in (
        (0, requests.c.created_at, requests.c.part == 0),
        (1, requests.c.closed_at, requests.c.state == State.COMPLETED.value),
    ):
        week = ((column + sa.literal_column(str(MONDAY))) // sa.literal_column(str(WEEK))).label("week")
        statement = sa.select(week, sa.func.count()).where(*_within(span, column), more).group_by(week)
        for row in (await connection.execute(statement)).all():
            monday = int(row[0]) * WEEK - MONDAY
            made, done = found.get(monday, (0, 0))
            found[monday] = (made + int(row[1]), done) if index == 0 else (made, done + int(row[1]))
    return found


async def open_items(connection: Connection, guild_id: int, profession: str) -> list[tuple[str, str, int]]:
    """What is asked for now, as (item, profession, how many open requests)."""
    statement = (
        sa.select(sa.func.max(requests.c.item), requests.c.profession, sa.func.count())
        .where(
            requests.c.guild_id == guild_id,
            requests.c.closed_at.is_(None),
            requests.c.state == State.OPEN.value,
        )
        .group_by(requests.c.item_key, requests.c.profession)
    )
    if profession:
        statement = statement.where(requests.c.profession == profession)
    return [(row[0], row[1], int(row[2])) for row in (await connection.execute(statement)).all()]


async def first_request(connection: Connection, guild_id: int) -> int | None:
    """When the guild's first request was made."""
    statement = sa.select(sa.func.min(requests.c.created_at)).where(
        requests.c.guild_id == guild_id, requests.c.number <= 1
    )
    value = (await connection.execute(statement)).scalar()
    return None if value is None else int(value)
