"""Connections: a pool on PostgreSQL; on SQLite (WAL, synchronous=FULL) one writer and several readers, in threads.

SQLite has one writer at a time in any case, so one thread has the only writing connection, and writers queue for it in
order. A whole transaction runs there at once: handing each statement over to a thread and back, as asynchronous
drivers for SQLite do, costs more than the statements themselves. Reads run outside of transactions: each statement sees
what was committed before it, which is all that the board's reads assume.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import sqlalchemy as sa
import structlog
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from chassis.errors import FailedPrecondition, Unavailable
from services.board.settings import DatabaseSettings
from services.board.store.connection import Connection
from services.board.store.engines import PostgresEngine, SqliteEngine

T = TypeVar("T")
_log = structlog.stdlib.get_logger(__name__)
_WRITE_ATTEMPTS = 5
# PostgreSQL: serialization failure, deadlock detected. Nothing was written, so the whole work may be done again.
_RETRY_STATES = frozenset({"40001", "40P01"})


class DuplicateError(Exception):
    """A unique constraint refused a row: somebody else wrote it first. Nothing of the transaction was kept."""


class Database:
    """The board's database, whichever it is."""

    def __init__(self, settings: DatabaseSettings) -> None:
        self.url = _normalized(settings.url.get_secret_value())
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self._engine: SqliteEngine | PostgresEngine = (
            SqliteEngine(self.url, settings) if self.is_sqlite else PostgresEngine(self.url, settings)
        )
        self._closing = False
        self._users = 0
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def name(self) -> str:
        """The database's address without its password."""
        return self.url.render_as_string(hide_password=True)

    def insert(self, table: sa.Table) -> "postgresql.Insert | sqlite.Insert":
        """An INSERT that knows ON CONFLICT; both databases write it alike."""
        return sqlite.insert(table) if self.is_sqlite else postgresql.insert(table)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Connection]:
        """A connection for reading. Unavailable (STORE_UNAVAILABLE) where the database does not answer."""
        with _told():
            async with self._in_use(), self._engine.reading() as connection:
                yield connection

    async def look(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """Runs several reads that belong together on one connection; on SQLite all of them in one go in one thread.

        `work` awaits its connection and nothing else. Unavailable as for `read`.
        """
        with _told():
            async with self._in_use():
                return await self._engine.look(work)

    async def write(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """Runs `work` in a transaction, all or nothing, again where the database asks for that.

        `work` awaits its connection and nothing else. DuplicateError where a unique
        constraint refused a row; Unavailable (STORE_UNAVAILABLE) where the database does not answer: then whether it
        was written is unknown, and the idempotency key is what makes a repeat safe.
        """
        attempt = 0
        while True:
            attempt += 1
            try:
                with _told():
                    async with self._in_use():
                        return await self._engine.write(work)
            except IntegrityError as error:
                raise DuplicateError(str(error.orig)) from error
            except DBAPIError as error:
                if attempt == _WRITE_ATTEMPTS or getattr(error.orig, "sqlstate", None) not in _RETRY_STATES:
                    raise

    async def run_sync(self, work: Callable[[sa.Connection], T]) -> T:
        """Runs `work` on a plain connection in one transaction: for migrations."""
        return await self._engine.run_sync(work)

    async def warm_up(self) -> None:
        """Makes ready what the first who ask would otherwise wait for. Unavailable as for `read`."""
        with _told():
            await self._engine.warm_up()

    async def ping(self) -> None:
        """Asks the database for nothing. Unavailable where it does not answer."""
        async with self.read() as connection:
            await connection.execute(sa.text("SELECT 1"))

    @asynccontextmanager
    async def _in_use(self) -> AsyncIterator[None]:
        if self._closing:
            raise Unavailable("the board is stopping", reason="STORE_UNAVAILABLE", retry_after=1.0)
        self._users += 1
        self._idle.clear()
        try:
            yield
        finally:
            self._users -= 1
            if self._users == 0:
                self._idle.set()

    async def close(self) -> None:
        """Takes no new work, waits for what is under way, and closes every connection."""
        self._closing = True
        await self._idle.wait()
        await self._engine.close()


class _told:  # noqa: N801 - reads as a phrase where it is used
    """Turns a database that is away into Unavailable, whichever driver says it in whichever way."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        away = isinstance(error, InterfaceError | PoolTimeoutError | OSError | asyncio.TimeoutError)
        if isinstance(error, OperationalError):
            away = True
        if isinstance(error, DBAPIError) and error.connection_invalidated:
            away = True
        # PostgreSQL classes 08 (connection), 53 (resources) and 57P (shutting down).
        state = str(getattr(getattr(error, "orig", None), "sqlstate", None) or "")
        if away or state.startswith(("08", "53", "57P")):
            _log.warning("the database does not answer", kind=type(error).__name__, error=_first_line(error))
            raise Unavailable(
                "the board's database does not answer", reason="STORE_UNAVAILABLE", retry_after=1.0
            ) from error


def _first_line(error: BaseException | None) -> str:
    """What the driver said, without the statement and its values."""
    return str(getattr(error, "orig", None) or error).partition("\n")[0]


def _normalized(address: str) -> URL:
    url = make_url(address)
    match url.get_backend_name():
        case "sqlite":
            return url.set(drivername="sqlite+pysqlite")
        case "postgresql" | "postgres":
            return url.set(drivername="postgresql+asyncpg")
        case other:
            raise FailedPrecondition(
                f"the board keeps its rows in sqlite or postgresql, not in {other}", reason="DATABASE_UNSUPPORTED"
            )
