"""What the store's functions need of a connection."""

from collections.abc import Awaitable
from typing import Any, Protocol, TypeAlias

import sqlalchemy as sa

Result: TypeAlias = sa.CursorResult[*tuple[Any, ...]]


class Connection(Protocol):
    """Runs statements: SQLAlchemy's AsyncConnection, or a SQLite connection in a thread of ours."""

    def execute(self, statement: sa.Executable, parameters: Any = None, /) -> Awaitable[Result]:
        """Runs one statement."""
        ...
