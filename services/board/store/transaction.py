"""One transaction of the board's: its sequence numbers, its history, what leaves, and its idempotency key.

Either all of it is there or none.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from services.board.machine import Policy
from services.board.model import Actor
from services.board.store.connection import Connection, Write
from services.board.store.database import Database
from services.board.store.rows import dumps
from services.board.store.schema import events, guilds, idempotency, outbox

INSERTS: dict[bool, Callable[[sa.Table], Any]] = {True: sqlite.insert, False: postgresql.insert}
"""An INSERT that knows ON CONFLICT, by whether the database is SQLite."""


def _reserving(is_sqlite: bool) -> sa.Executable:
    taken, numbered = sa.bindparam("taken", type_=sa.BigInteger), sa.bindparam("numbered", type_=sa.BigInteger)
    statement = INSERTS[is_sqlite](guilds).values(guild_id=sa.bindparam("guild"), sequence=taken, last_number=numbered)
    made: sa.Executable = statement.on_conflict_do_update(
        index_elements=[guilds.c.guild_id],
        set_={"sequence": guilds.c.sequence + taken, "last_number": guilds.c.last_number + numbered},
    ).returning(guilds.c.sequence, guilds.c.last_number)
    return made


# Statements are made once: putting one together costs more than running it.
_RESERVE = {is_sqlite: _reserving(is_sqlite) for is_sqlite in (True, False)}
_REMEMBER = sa.insert(idempotency)
_INSERT_EVENTS, _INSERT_OUTBOX = sa.insert(events), sa.insert(outbox)


@dataclass(frozen=True, slots=True)
class Origin:
    """Who writes, when (Unix milliseconds), and under which idempotency key ('' for none)."""

    actor: Actor
    at: int
    key: str = ""
    fingerprint: str = ""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One line of the guild's history, before it has its sequence."""

    subject: str
    subject_id: str
    action: str
    version: int
    before: object
    after: object
    detail: str = ""
    payload: object = None
    """What goes out with it; None where only the count matters outside."""


class Transaction:
    """One write to one guild, by one actor, on an open connection; nothing holds before that commits."""

    def __init__(
        self, database: Database, connection: Connection, guild_id: int, origin: Origin, policy: Policy
    ) -> None:
        self._database = database
        self._connection = connection
        self._guild_id = guild_id
        self._origin = origin
        self._policy = policy

    async def reserve(self, *, sequences: int, numbers: int = 0) -> tuple[int, int]:
        """Takes event sequences and request numbers; gives the last of each. Holds the guild's lock from here on."""
        parameters = {"guild": self._guild_id, "taken": sequences, "numbered": numbers}
        row = (await self._connection.execute(_RESERVE[self._database.is_sqlite], parameters)).one()
        return int(row[0]), int(row[1])

    def recorded(self, last_sequence: int, entries: Sequence[AuditEntry]) -> list[Write]:
        """History and outbox under the sequences that `reserve` gave."""
        first = last_sequence - len(entries) + 1
        origin = self._origin
        rows = [
            {
                "guild_id": self._guild_id,
                "sequence": first + index,
                "subject": entry.subject,
                "subject_id": entry.subject_id,
                "action": entry.action,
                "version": entry.version,
                "actor_kind": origin.actor.kind.value,
                "actor_id": origin.actor.user_id,
                "actor_name": origin.actor.name,
                "at": origin.at,
                "before": dumps(entry.before),
                "after": dumps(entry.after),
                "detail": entry.detail,
                "idempotency_key": origin.key,
            }
            for index, entry in enumerate(entries)
        ]
        # Every sequence leaves, so that a reader can tell a gap from a change that is none of its business.
        leaving = [
            {"guild_id": self._guild_id, "sequence": first + index, "at": origin.at, "payload": dumps(entry.payload)}
            for index, entry in enumerate(entries)
        ]
        return [(_INSERT_EVENTS, row) for row in rows] + [(_INSERT_OUTBOX, row) for row in leaving]

    async def audit(self, *entries: AuditEntry) -> None:
        """Writes history of changes that are not to requests."""
        last, _ = await self.reserve(sequences=len(entries))
        await self._connection.together(self.recorded(last, entries))

    async def remember(self, result: str) -> None:
        """Keeps what was done under the idempotency key; a second writer with the same key fails on it."""
        for statement, values in self.remembered(result):
            await self._connection.execute(statement, values)

    def remembered(self, result: str) -> list[Write]:
        """The same, to be written together with something else."""
        origin = self._origin
        if not origin.key:
            return []
        values = {
            "guild_id": self._guild_id,
            "idempotency_key": origin.key,
            "fingerprint": origin.fingerprint,
            "result": result,
            "at": origin.at,
        }
        return [(_REMEMBER, values)]
