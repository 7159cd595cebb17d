"""A guild of 500 members with many requests, put straight into the database."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from pydantic import SecretStr
from sqlalchemy.engine import make_url

from chassis.ids import new_id
from services.board.model import ACTIVE, HELD, State
from services.board.settings import DatabaseSettings
from services.board.store.connection import Connection
from services.board.store.database import Database
from services.board.store.migrate import migrate
from services.board.store.rows import NO_DUE_DATE
from services.board.store.schema import boards, guilds, items, requests
from services.board.text import search_key

GUILD = 1_191_168_914_227_199_999
MEMBERS = 500
PROFESSIONS = [
    "alchemy", "blacksmithing", "cooking", "enchanting", "engineering", "inscription", "jewelcrafting",
    "leatherworking", "tailoring",
]  # fmt: skip
_FIRST = ("Flask", "Elixir", "Blade", "Shield", "Feast", "Scroll", "Ring", "Amulet", "Bag", "Cloak")
_SECOND = ("of Power", "of the Owl", "of the Bear", "of Haste", "of Stamina", "of the Sea", "of Dawn", "of Dusk")
_THIRD = ("", " II", " III", " (Refined)", " (Sturdy)")
ITEMS = [f"{first} {second}{third}" for first in _FIRST for second in _SECOND for third in _THIRD]
_DAY = 86_400_000
_BATCH = 5_000
# A small guild has half of its requests active; one with a million has the same number, and a long past.
_MOST_ACTIVE = 5_000


def rows(guild_id: int, count: int) -> Iterator[dict[str, Any]]:
    """Requests by number, the oldest first; the newest are active."""
    now = round(time.time() * 1000)
    choose = random.Random(7)
    active = min(_MOST_ACTIVE, count // 2)
    for number in range(1, count + 1):
        created = now - (count - number) * min(60_000, 365 * _DAY // count)
        if number > count - active:
            state = choose.choices(list(ACTIVE), [20 if state is State.OPEN else 1 for state in ACTIVE])[0]
        else:
            state = choose.choices((State.COMPLETED, State.CANCELLED, State.EXPIRED), (8, 1, 1))[0]
        crafter = choose.randrange(1, MEMBERS + 1) if state in HELD | {State.COMPLETED} else None
        requester = choose.randrange(1, MEMBERS + 1)
        item = choose.choice(ITEMS)
        due = created + 7 * _DAY if choose.random() < 0.3 else None
        yield {
            "request_id": new_id(created / 1000), "guild_id": guild_id, "number": number, "part": 0, "parent_id": "",
            "item": item, "item_key": search_key(item), "quantity": choose.randrange(1, 20),
            "profession": choose.choice(PROFESSIONS), "quality": "", "materials": "crafter", "note": "", "tip": "",
            "requester_id": requester, "requester_name": f"Member {requester}", "character_id": "",
            "state": state.value, "version": 1, "crafter_id": crafter,
            "crafter_name": None if crafter is None else f"Member {crafter}",
            "crafter_character_id": None if crafter is None else "", "claimed_at": None if crafter is None else created,
            "nudged_at": None, "release_at": None, "due_at": due, "due_order": NO_DUE_DATE if due is None else due,
            "expires_at": None, "reminded_at": None, "created_at": created, "updated_at": created,
            "closed_at": None if state in ACTIVE else created + _DAY,
        }  # fmt: skip


async def fill(url: str, count: int, guild_id: int = GUILD) -> None:
    """Migrates the database and puts the requests in, with everything that counts them."""
    database = Database(DatabaseSettings(url=SecretStr(url)))
    try:
        await migrate(database)
        counts: dict[str, Counter[str]] = {profession: Counter() for profession in PROFESSIONS}
        asked: Counter[tuple[str, str]] = Counter()
        batch: list[dict[str, Any]] = []
        for row in rows(guild_id, count):
            counts[row["profession"]][row["state"]] += 1
            asked[row["item"], row["profession"]] += 1
            batch.append(row)
            if len(batch) == _BATCH:
                await _put(database, url, batch)
                batch = []
        if batch:
            await _put(database, url, batch)
        counted = [
            {"guild_id": guild_id, "profession": profession, "generation": 1}
            | {state.value: by_state[state.value] for state in State}
            for profession, by_state in counts.items()
        ]
        known = [
            {
                "guild_id": guild_id,
                "item_key": search_key(item),
                "profession": profession,
                "item": item,
                "requested": times,
            }
            for (item, profession), times in asked.items()
        ]

        async def count_all(connection: Connection) -> None:
            await connection.execute(sa.insert(guilds).values(guild_id=guild_id, sequence=0, last_number=count))
            await connection.execute(sa.insert(boards), counted)
            await connection.execute(sa.insert(items), known)

        await database.write(count_all)
        if not database.is_sqlite:
            # As one that has grown over months: what was loaded is vacuumed, known to the planner and on disk.
            async with database.read() as connection:
                await connection.execute(sa.text("VACUUM (ANALYZE, FREEZE)"))
                await connection.execute(sa.text("CHECKPOINT"))
    finally:
        await database.close()


async def _put(database: Database, url: str, batch: list[dict[str, Any]]) -> None:
    if database.is_sqlite:
        await database.write(lambda connection: connection.execute(sa.insert(requests), batch))
        return
    import asyncpg  # type: ignore[import-untyped]

    address = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    connection = await asyncpg.connect(address)
    try:
        names = list(batch[0])
        await connection.copy_records_to_table(
            "requests", columns=names, records=[tuple(row[name] for name in names) for row in batch]
        )
    finally:
        await connection.close()
