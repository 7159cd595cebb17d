"""Connections: one writer and several readers on SQLite (WAL, synchronous=FULL), a pool on PostgreSQL.

SQLite has one writer at a time in any case; a single connection that begins with BEGIN IMMEDIATE queues writers here,
in order, instead of letting them poll for SQLite's lock. Reads run outside of transactions: each statement sees what
was committed before it, which is all that the board's reads assume.
"""

import asyncio
import fcntl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO, Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from chassis.errors import FailedPrecondition, Unavailable
from services.board.settings import DatabaseSettings

T = TypeVar("T")
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
        self._lock_file: IO[str] | None = None
        self._closing = False
        self._users = 0
        self._idle = asyncio.Event()
        self._idle.set()
        if self.is_sqlite:
            self._lock_file = _sole_owner(self.url)
            self._writer = _sqlite_engine(self.url, settings, pool=1, begin="BEGIN IMMEDIATE")
            self._reader = _sqlite_engine(self.url, settings, pool=settings.pool, begin=None)
        else:
            self._writer = create_async_engine(
                self.url,
                pool_size=settings.pool,
                max_overflow=0,
                pool_timeout=settings.timeout,
                pool_pre_ping=False,
                connect_args={"timeout": settings.timeout, "command_timeout": 60.0},
            )
            self._reader = self._writer.execution_options(isolation_level="AUTOCOMMIT")

    @property
    def name(self) -> str:
        """The database's address without its password."""
        return self.url.render_as_string(hide_password=True)

    @property
    def writer(self) -> AsyncEngine:
        """For migrations."""
        return self._writer

    def insert(self, table: sa.Table) -> "postgresql.Insert | sqlite.Insert":
        """An INSERT that knows ON CONFLICT; both databases write it alike."""
        return sqlite.insert(table) if self.is_sqlite else postgresql.insert(table)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A connection for reading. Unavailable (STORE_UNAVAILABLE) where the database does not answer."""
        with _told():
            async with self._in_use(), self._reader.connect() as connection:
                yield connection

    async def write(self, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        """Runs `work` in one transaction, all or nothing, again where the database asks for that.

        DuplicateError where a unique constraint refused a row; Unavailable (STORE_UNAVAILABLE) where the database
        does not answer: then whether it was written is unknown, and the idempotency key is what makes a repeat safe.
        """
        attempt = 0
        while True:
            attempt += 1
            try:
                with _told():
                    async with self._in_use(), self._writer.begin() as connection:
                        return await work(connection)
            except IntegrityError as error:
                raise DuplicateError(str(error.orig)) from error
            except DBAPIError as error:
                if attempt == _WRITE_ATTEMPTS or getattr(error.orig, "sqlstate", None) not in _RETRY_STATES:
                    raise

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
        await self._reader.dispose()
        await self._writer.dispose()
        if self._lock_file is not None:
            self._lock_file.close()


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
            raise Unavailable(
                "the board's database does not answer", reason="STORE_UNAVAILABLE", retry_after=1.0
            ) from error


def _normalized(address: str) -> URL:
    url = make_url(address)
    match url.get_backend_name():
        case "sqlite":
            return url.set(drivername="sqlite+aiosqlite")
        case "postgresql" | "postgres":
            return url.set(drivername="postgresql+asyncpg")
        case other:
            raise FailedPrecondition(
                f"the board keeps its rows in sqlite or postgresql, not in {other}", reason="DATABASE_UNSUPPORTED"
            )


def _sole_owner(url: URL) -> IO[str] | None:
    """Keeps a second process off a SQLite file: its caches and watches would not see the first one's writes."""
    if not url.database or url.database == ":memory:":
        raise FailedPrecondition("SQLite needs a file: sqlite:///path", reason="DATABASE_UNSUPPORTED")
    path = Path(url.database)
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = path.with_name(path.name + ".lock").open("w", encoding="ascii")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.close()
        raise FailedPrecondition(
            f"another board uses {path}: several replicas need PostgreSQL (DATABASE_URL=postgresql://...)",
            reason="DATABASE_IN_USE",
        ) from error
    return lock


def _sqlite_engine(url: URL, settings: DatabaseSettings, *, pool: int, begin: str | None) -> AsyncEngine:
    engine = create_async_engine(
        url,
        pool_size=pool,
        max_overflow=0,
        pool_timeout=settings.timeout,
        pool_reset_on_return="rollback" if begin else None,
        connect_args={"timeout": settings.timeout, "isolation_level": None},
        # The pool is a queue in the event loop, so connections may serve any task.
        poolclass=sa.AsyncAdaptedQueuePool,
    )
    if begin is None:
        engine = engine.execution_options(isolation_level="AUTOCOMMIT")

    def connected(connection: Any, _record: object) -> None:
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "cache_size=-16384"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    sa.event.listen(engine.sync_engine, "connect", connected)
    if begin is not None:
        sa.event.listen(engine.sync_engine, "begin", lambda connection: connection.exec_driver_sql(begin))
    return engine
