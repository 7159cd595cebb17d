"""What the store's functions need of a connection."""

from collections.abc import Awaitable
from typing import Any, Protocol

import sqlalchemy as sa


class Connection(Protocol):
    """Runs statements: SQLAlchemy's AsyncConnection, or a SQLite connection in a thread of ours."""

    def execute(
        self, statement: sa.Executable, parameters: Any = None, /
    ) -> Awaitable[sa.CursorResult[*tuple[Any, ...]]]:
        """Runs one statement."""
        ...
