"""Everything that the database says of one person, over all guilds: read for them, and made nameless when they ask.

What is over stays as the guild's record, with nobody's name in it: requests, claims and the history keep their numbers,
so that statistics stay right. A block stays whole, or forgetting would lift it.
"""

import json
from typing import Any

import sqlalchemy as sa

from services.board.store.connection import Connection
from services.board.store.rows import dumps
from services.board.store.schema import characters, claims, events, members, requests, subscriptions

NOBODY = 0
_BATCH = 500
_PLACES = (
    (characters, characters.c.owner_id),
    (requests, requests.c.requester_id),
    (requests, requests.c.crafter_id),
    (claims, claims.c.crafter_id),
    (events, events.c.actor_id),
    (subscriptions, subscriptions.c.user_id),
    (members, members.c.user_id),
)


async def guilds_of(connection: Connection, user_id: int) -> list[int]:
    """The guilds in which something is kept of a person."""
    found: set[int] = set()
    for table, column in _PLACES:
        statement = sa.select(table.c.guild_id).where(column == user_id).distinct()
        found |= {int(guild_id) for guild_id in (await connection.execute(statement)).scalars().all()}
    return sorted(found)


async def of_person(connection: Connection, user_id: int) -> dict[str, list[dict[str, Any]]]:
    """What is kept of a person, by topic, as the rows say it."""
    r = requests.c
    about = (r.guild_id, r.number, r.item, r.quantity, r.profession, r.state, r.created_at, r.closed_at)
    c = characters.c
    statements = {
        "requests": sa.select(*about, r.note, r.tip).where(r.requester_id == user_id),
        "crafted": sa.select(*about).where(r.crafter_id == user_id),
        "characters": sa.select(c.guild_id, c.name, c.realm, c.main, c.note, c.created_at).where(
            c.owner_id == user_id, c.removed_at.is_(None)
        ),
        "followed": sa.select(subscriptions.c.guild_id, subscriptions.c.kind, subscriptions.c.value).where(
            subscriptions.c.user_id == user_id
        ),
        "membership": sa.select(
            members.c.guild_id, members.c.name, members.c.vacation_until, members.c.blocked_at, members.c.blocked_reason
        ).where(members.c.user_id == user_id),
    }
    found = {}
    for topic, statement in statements.items():
        rows = (await connection.execute(statement)).mappings().all()
        found[topic] = [{**row, "guild_id": str(row["guild_id"])} for row in rows]
    return found


async def make_nameless(connection: Connection, guild_id: int, user_id: int) -> int:
    """Takes a person's name out of what is over in a guild; gives how many entries of the history it stood in."""
    r, c = requests.c, characters.c
    here = r.guild_id == guild_id
    asked = sa.update(requests).where(here, r.requester_id == user_id)
    await connection.execute(asked.values(requester_id=NOBODY, requester_name="", note="", tip=""))
    crafted = sa.update(requests).where(here, r.crafter_id == user_id)
    await connection.execute(crafted.values(crafter_id=NOBODY, crafter_name=""))
    held = sa.update(claims).where(claims.c.guild_id == guild_id, claims.c.crafter_id == user_id)
    await connection.execute(held.values(crafter_id=NOBODY))
    owned = sa.update(characters).where(c.guild_id == guild_id, c.owner_id == user_id, c.removed_at.is_not(None))
    await connection.execute(
        owned.values(owner_id=NOBODY, owner_name="", name="", name_key="", realm="", realm_key="", note="")
    )
    return await _rewrite_history(connection, guild_id, user_id)


async def _rewrite_history(connection: Connection, guild_id: int, user_id: int) -> int:
    e = events.c
    mentioned = f"%{user_id}%"
    statement = (
        sa.select(e.sequence, e.actor_id, e.actor_name, e.subject_id, e.before, e.after, e.detail)
        .where(
            e.guild_id == guild_id,
            sa.or_(
                e.actor_id == user_id, e.before.like(mentioned), e.after.like(mentioned), e.subject_id == str(user_id)
            ),
        )
        .order_by(e.sequence)
        .limit(_BATCH)
    )
    done, last = 0, -1
    while rows := (await connection.execute(statement.where(e.sequence > last))).mappings().all():
        for row in rows:
            last = int(row["sequence"])
            own = row["actor_id"] == user_id
            await connection.execute(
                sa.update(events)
                .where(e.guild_id == guild_id, e.sequence == last)
                .values(
                    actor_id=NOBODY if own else row["actor_id"],
                    actor_name="" if own else row["actor_name"],
                    subject_id=str(NOBODY) if row["subject_id"] == str(user_id) else row["subject_id"],
                    before=_nameless(row["before"], user_id),
                    after=_nameless(row["after"], user_id),
                    detail="" if own else row["detail"],
                )
            )
        done += len(rows)
    return done


def _nameless(text: str, user_id: int) -> str:
    """A record of the history without a person: their id, their name beside it, and what they wrote of a request."""
    record = json.loads(text) if text else None
    if not isinstance(record, dict):
        return text
    theirs = {key for key, value in record.items() if key.endswith("_id") and str(value) == str(user_id)}
    for key in theirs:
        record[key] = NOBODY
        if (name := f"{key.removesuffix('_id')}_name") in record:
            record[name] = ""
    if theirs & {"requester_id", "owner_id"}:
        record |= {key: "" for key in ("note", "tip", "name", "realm") if key in record}
    return dumps(record)
