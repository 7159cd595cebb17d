"""Reading and writing characters, members, subscriptions and a guild's own professions."""

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from services.board.characters import Character, Skill
from services.board.model import HELD
from services.board.store.connection import Connection
from services.board.store.database import Database
from services.board.store.rows import dumps
from services.board.store.schema import characters, guild_professions, members, requests, skills, subscriptions
from services.board.text import search_key

_FIELDS = (
    "character_id", "guild_id", "owner_id", "owner_name", "name", "realm", "main", "note", "version", "created_at",
    "updated_at",
)  # fmt: skip


_MEMBER = sa.select(members).where(
    members.c.guild_id == sa.bindparam("guild"), members.c.user_id == sa.bindparam("user")
)


async def character_keys(connection: Connection, guild_id: int) -> set[tuple[str, str]]:
    """(name_key, realm_key) of every character that is kept."""
    statement = sa.select(characters.c.name_key, characters.c.realm_key).where(
        characters.c.guild_id == guild_id, characters.c.removed_at.is_(None)
    )
    return {(row[0], row[1]) for row in (await connection.execute(statement)).all()}


async def character_names(connection: Connection, character_ids: Collection[str]) -> dict[str, str]:
    """Names by id, with the realm where there is one; removed characters have kept theirs."""
    statement = sa.select(characters.c.character_id, characters.c.name, characters.c.realm).where(
        characters.c.character_id.in_(character_ids)
    )
    rows = (await connection.execute(statement)).all()
    return {row[0]: f"{row[1]}-{row[2]}" if row[2] else row[1] for row in rows}


async def why_blocked(connection: Connection, guild_id: int, user_id: int) -> str | None:
    """Why a person is blocked from the board; None where they are not."""
    row = await member(connection, guild_id, user_id)
    return None if row is None or row["blocked_at"] is None else str(row["blocked_reason"])


async def get_character(connection: Connection, guild_id: int, character_id: str) -> Character | None:
    """A character that was not removed."""
    found = await list_characters(connection, guild_id, character_id=character_id)
    return found[0] if found else None


async def list_characters(
    connection: Connection,
    guild_id: int,
    *,
    character_id: str = "",
    owner_id: int = 0,
    query: str = "",
    professions: Collection[str] = (),
    after: Sequence[str] = (),
    limit: int | None = None,
) -> list[Character]:
    """Characters by name, with their skills and their owners' vacations. `after` is (name_key, realm_key)."""
    c = characters.c
    statement = (
        sa.select(characters, members.c.vacation_until)
        .join_from(
            characters,
            members,
            (members.c.guild_id == c.guild_id) & (members.c.user_id == c.owner_id),
            isouter=True,
        )
        .where(c.guild_id == guild_id, c.removed_at.is_(None))
    )
    if character_id:
        statement = statement.where(c.character_id == character_id)
    if owner_id:
        statement = statement.where(c.owner_id == owner_id)
    if query:
        statement = statement.where(c.name_key.startswith(search_key(query), autoescape=True))
    if professions:
        having = sa.select(skills.c.character_id).where(
            skills.c.guild_id == guild_id, skills.c.profession.in_(professions)
        )
        statement = statement.where(c.character_id.in_(having))
    if after:
        statement = statement.where(sa.tuple_(c.name_key, c.realm_key) > sa.tuple_(*map(sa.literal, after)))
    statement = statement.order_by(c.name_key, c.realm_key).limit(limit)
    rows = (await connection.execute(statement)).mappings().all()
    known = await _skills(connection, [row["character_id"] for row in rows])
    return [_character(row, known.get(row["character_id"], ())) for row in rows]  # type: ignore[arg-type]


def character_record(character: Character) -> dict[str, Any]:
    """The character as plain values, for history and export."""
    return {
        **{name: getattr(character, name) for name in _FIELDS},
        "skills": [
            {
                "profession": skill.profession,
                "level": skill.level,
                "specialities": list(skill.specialities),
                "recipes": list(skill.recipes),
            }
            for skill in character.skills
        ],
    }


async def put_character(connection: Connection, character: Character, expected_version: int) -> bool:
    """Writes a character whole; False where it is not at the expected version any more. 0 expects it to be new."""
    values = {name: getattr(character, name) for name in _FIELDS}
    values |= {"name_key": search_key(character.name), "realm_key": search_key(character.realm), "removed_at": None}
    if expected_version == 0:
        await connection.execute(sa.insert(characters).values(**values))
    else:
        statement = sa.update(characters).where(
            characters.c.character_id == character.character_id,
            characters.c.version == expected_version,
            characters.c.removed_at.is_(None),
        )
        if (await connection.execute(statement.values(**values))).rowcount != 1:
            return False
    await connection.execute(sa.delete(skills).where(skills.c.character_id == character.character_id))
    rows = [
        {
            "character_id": character.character_id,
            "profession": skill.profession,
            "guild_id": character.guild_id,
            "level": skill.level,
            "specialities": dumps(skill.specialities),
            "recipes": dumps(skill.recipes),
        }
        for skill in character.skills
    ]
    if rows:
        await connection.execute(sa.insert(skills), rows)
    return True


async def unmark_mains(connection: Connection, guild_id: int, owner_id: int, but: str) -> None:
    """Leaves an owner one main."""
    await connection.execute(
        sa.update(characters)
        .where(
            characters.c.guild_id == guild_id,
            characters.c.owner_id == owner_id,
            characters.c.character_id != but,
            characters.c.main.is_(True),
        )
        .values(main=False, version=characters.c.version + 1)
    )


async def remove_character(connection: Connection, character_id: str, now: int) -> bool:
    """Takes a character out of use; its row stays for the history. False where it was gone already."""
    statement = sa.update(characters).where(
        characters.c.character_id == character_id, characters.c.removed_at.is_(None)
    )
    gone = (await connection.execute(statement.values(removed_at=now, main=False))).rowcount == 1
    await connection.execute(sa.delete(skills).where(skills.c.character_id == character_id))
    return gone


async def count_characters(connection: Connection, guild_id: int, owner_id: int) -> int:
    """How many characters a person has."""
    statement = sa.select(sa.func.count()).where(
        characters.c.guild_id == guild_id, characters.c.owner_id == owner_id, characters.c.removed_at.is_(None)
    )
    return int((await connection.execute(statement)).scalar_one())


async def held_by(connection: Connection, guild_id: int) -> dict[int, int]:
    """How many requests each crafter holds now."""
    statement = (
        sa.select(requests.c.crafter_id, sa.func.count())
        .where(
            requests.c.guild_id == guild_id,
            requests.c.closed_at.is_(None),
            requests.c.state.in_([state.value for state in HELD]),
        )
        .group_by(requests.c.crafter_id)
    )
    return {int(row[0]): int(row[1]) for row in (await connection.execute(statement)).all()}


async def member(connection: Connection, guild_id: int, user_id: int) -> Mapping[str, Any] | None:
    """What is kept of a member."""
    return (await connection.execute(_MEMBER, {"guild": guild_id, "user": user_id})).mappings().first()  # type: ignore[return-value]


async def put_member(database: Database, connection: Connection, guild_id: int, user_id: int, **values: object) -> None:
    """Sets some of what is kept of a member."""
    empty: dict[str, object] = {"name": "", "blocked_reason": ""}
    statement = database.insert(members).values(guild_id=guild_id, user_id=user_id, **(empty | values))
    await connection.execute(
        statement.on_conflict_do_update(index_elements=[members.c.guild_id, members.c.user_id], set_=values)
    )


async def blocked(connection: Connection, guild_id: int, limit: int) -> Sequence[Mapping[str, Any]]:
    """Who is blocked, the latest first."""
    statement = sa.select(members).where(members.c.guild_id == guild_id, members.c.blocked_at.is_not(None))
    statement = statement.order_by(members.c.blocked_at.desc()).limit(limit)
    return (await connection.execute(statement)).mappings().all()  # type: ignore[return-value]


async def subscriptions_of(connection: Connection, guild_id: int, user_id: int) -> list[tuple[str, str]]:
    """What a person follows, as (kind, value)."""
    s = subscriptions.c
    statement = sa.select(s.kind, s.value).where(s.guild_id == guild_id, s.user_id == user_id)
    return [(row[0], row[1]) for row in (await connection.execute(statement.order_by(s.kind, s.value))).all()]


async def set_subscription(database: Database, connection: Connection, row: Mapping[str, object], follow: bool) -> None:
    """Follows or stops following."""
    s = subscriptions.c
    if follow:
        await connection.execute(database.insert(subscriptions).values(**row).on_conflict_do_nothing())
    else:
        await connection.execute(
            sa.delete(subscriptions).where(
                s.guild_id == row["guild_id"],
                s.user_id == row["user_id"],
                s.kind == row["kind"],
                s.value == row["value"],
            )
        )


async def followers(connection: Connection, guild_id: int, profession: str, item: str, now: int) -> list[int]:
    """Who follows a profession or a piece of an item's name and is not away."""
    s = subscriptions.c
    in_name = sa.literal(search_key(item)).contains(s.value)
    statement = (
        sa.select(s.user_id)
        .distinct()
        .join_from(
            subscriptions,
            members,
            (members.c.guild_id == s.guild_id) & (members.c.user_id == s.user_id),
            isouter=True,
        )
        .where(
            s.guild_id == guild_id,
            ((s.kind == "profession") & (s.value == profession)) | ((s.kind == "item") & in_name),
            members.c.vacation_until.is_(None) | (members.c.vacation_until <= now),
        )
        .order_by(s.user_id)
    )
    return [int(value) for value in (await connection.execute(statement)).scalars().all()]


async def forget(connection: Connection, guild_id: int, user_id: int) -> None:
    """Removes subscriptions and what is kept of a member, a block apart: coming back does not lift it."""
    s = subscriptions.c
    await connection.execute(sa.delete(subscriptions).where(s.guild_id == guild_id, s.user_id == user_id))
    here = (members.c.guild_id == guild_id) & (members.c.user_id == user_id)
    await connection.execute(sa.delete(members).where(here, members.c.blocked_at.is_(None)))


async def own_professions(connection: Connection, guild_id: int) -> list[dict[str, Any]]:
    """A guild's own professions, oldest change first."""
    g = guild_professions.c
    statement = sa.select(g.body).where(g.guild_id == guild_id).order_by(g.updated_at, g.key)
    return [json.loads(body) for body in (await connection.execute(statement)).scalars().all()]


async def put_profession(
    database: Database, connection: Connection, guild_id: int, body: Mapping[str, Any], now: int
) -> None:
    """Keeps a guild's own profession."""
    values = {"body": dumps(body), "updated_at": now}
    statement = database.insert(guild_professions).values(guild_id=guild_id, key=body["key"], **values)
    await connection.execute(
        statement.on_conflict_do_update(
            index_elements=[guild_professions.c.guild_id, guild_professions.c.key], set_=values
        )
    )


async def reset_profession(connection: Connection, guild_id: int, key: str) -> bool:
    """Takes a guild's own profession back; False where there is none."""
    g = guild_professions.c
    gone = await connection.execute(sa.delete(guild_professions).where(g.guild_id == guild_id, g.key == key))
    return gone.rowcount == 1


async def _skills(connection: Connection, ids: Sequence[str]) -> dict[str, tuple[Skill, ...]]:
    found: dict[str, tuple[Skill, ...]] = {}
    # Both databases bound the number of parameters; a guild may have more characters than that.
    for start in range(0, len(ids), 500):
        statement = sa.select(skills).where(skills.c.character_id.in_(ids[start : start + 500]))
        for row in (await connection.execute(statement.order_by(skills.c.profession))).mappings():
            skill = Skill(
                row["profession"],
                row["level"],
                tuple(json.loads(row["specialities"])),
                tuple(json.loads(row["recipes"])),
            )
            found[row["character_id"]] = (*found.get(row["character_id"], ()), skill)
    return found


def _character(row: Mapping[str, Any], known: tuple[Skill, ...]) -> Character:
    return Character(**{name: row[name] for name in _FIELDS}, skills=known, vacation_until=row["vacation_until"])
