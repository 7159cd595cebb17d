"""What the store's functions need of a connection."""

from collections.abc import Awaitable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, Protocol, TypeAlias

import sqlalchemy as sa

Result: TypeAlias = sa.CursorResult[*tuple[Any, ...]]
Write: TypeAlias = tuple[sa.Executable, Mapping[str, Any]]
"""A statement that gives nothing back, made once for the process, and its parameters."""


class Connection(Protocol):
    """Runs statements."""

    def execute(self, statement: sa.Executable, parameters: Any = None, /) -> Awaitable[Result]:
        """Runs one statement."""
        ...

    def together(self, writes: Sequence[Write], /) -> Awaitable[int]:
        """Runs writes of which none touches a row that another one touches; gives how many rows the first one wrote."""
        ...


def runs(writes: Sequence[Write]) -> Iterator[tuple[sa.Executable, Any]]:
    """The writes with those of the same statement as one, with the parameters of all."""
    for statement, same in groupby(writes, key=lambda write: write[0]):
        parameters = [entry for _, entry in same]
        yield statement, parameters[0] if len(parameters) == 1 else parameters
