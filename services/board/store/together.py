"""PostgreSQL: the writes of a transaction that do not depend on one another, as one statement, in one way and back.

A change to a request writes to eight tables. One after the other, most of the time of a change would be the way to the
database and back, and while the guild's lock is held nobody else's change gets on. So they go as one statement, each
in a WITH of its own (PostgreSQL's manual, "Data-Modifying Statements in WITH"): all of them see the rows as they were
before, which is why none may touch what another one touches. The first one's rows are counted by the statement around
it, so it runs before the others.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.board.store.connection import Result, Write, runs

# More than these are many rows of few tables, which go as one statement for each table.
_MOST = 16
_KEPT = 256
_NUMBERED = re.compile(r"\$(\d+)")

Shape = tuple[tuple[sa.Executable, tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True)
class _Combined:
    """A statement's text and, for each of its parameters, the write and the name that it comes from, or its value."""

    text: str
    takes: tuple[tuple[int, str, Any], ...]


class Combiner:
    """Puts writes together; what was put together once is kept, since that costs more than running it."""

    def __init__(self, dialect: sa.Dialect) -> None:
        self._dialect = dialect
        self._kept: dict[Shape, _Combined] = {}

    def combined(self, writes: Sequence[Write]) -> tuple[str, tuple[Any, ...]]:
        """One statement that does them all and counts the rows of the first, with its parameters."""
        shape = tuple((statement, tuple(parameters)) for statement, parameters in writes)
        found = self._kept.get(shape)
        if found is None:
            if len(self._kept) >= _KEPT:
                self._kept.clear()
            found = self._kept[shape] = self._put_together(shape)
        return found.text, tuple(writes[place][1].get(name, value) for place, name, value in found.takes)

    def _put_together(self, shape: Shape) -> _Combined:
        parts: list[str] = []
        takes: list[tuple[int, str, Any]] = []
        for place, (statement, names) in enumerate(shape):
            compiled = statement.compile(dialect=self._dialect, column_keys=list(names))  # type: ignore[attr-defined]
            text, first = str(compiled), len(takes)
            takes += [(place, name, compiled.params[name]) for name in compiled.positiontup]
            parts.append(f"w{place} AS ({_renumbered(text, first)}{' RETURNING 1' if place == 0 else ''})")
        text = f"WITH {', '.join(parts)} SELECT count(*) FROM w0"  # noqa: S608 - values are parameters, as compiled
        return _Combined(text, tuple(takes))


def _renumbered(text: str, first: int) -> str:
    """A statement whose first parameter is the one behind `first` others."""
    return _NUMBERED.sub(lambda found: f"${int(found[1]) + first}", text)


class PostgresConnection:
    """Statements on a connection to PostgreSQL."""

    def __init__(self, connection: AsyncConnection, combiner: Combiner) -> None:
        self._connection = connection
        self._combiner = combiner

    async def execute(self, statement: sa.Executable, parameters: Mapping[str, Any] | None = None, /) -> Result:
        """Runs one statement."""
        return await self._connection.execute(statement, parameters)

    async def together(self, writes: Sequence[Write], /) -> int:
        """Runs writes in as few ways there and back as can be."""
        if len(writes) > _MOST:
            counts = [(await self._connection.execute(*run)).rowcount for run in runs(writes)]
            return counts[0]
        text, parameters = self._combiner.combined(writes)
        return int((await self._connection.exec_driver_sql(text, parameters)).scalar_one())
