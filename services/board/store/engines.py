"""The two kinds of engines, alike to whoever uses them."""

import asyncio
import contextvars
import fcntl
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import IO, Any, TypeVar, cast

import sqlalchemy as sa
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import create_async_engine

from chassis.errors import FailedPrecondition
from services.board.settings import DatabaseSettings
from services.board.store.connection import Connection, Result, Write, runs
from services.board.store.group_commit import Failed, GroupCommit, Work
from services.board.store.together import Combiner, PostgresConnection

T = TypeVar("T")
_STATEMENT_SECONDS = 60.0


class PostgresEngine:
    """PostgreSQL through asyncpg."""

    def __init__(self, url: URL, settings: DatabaseSettings) -> None:
        self._engine = create_async_engine(
            url,
            pool_size=settings.pool,
            max_overflow=0,
            # The one used last knows its statements already; with turns each of them would learn every statement.
            pool_use_lifo=True,
            pool_timeout=settings.timeout,
            connect_args={"timeout": settings.timeout, "command_timeout": _STATEMENT_SECONDS},
        )
        self._reader = self._engine.execution_options(isolation_level="AUTOCOMMIT")
        self._combiner = Combiner(self._engine.dialect)
        self._size = settings.pool

    async def warm_up(self) -> None:
        """Opens the pool's connections before anybody waits for them: that takes longer than most of what they do."""
        async with AsyncExitStack() as stack:
            for _ in range(self._size):
                await stack.enter_async_context(self._engine.connect())

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Connection]:
        """A connection outside of any transaction."""
        async with self._reader.connect() as connection:
            yield PostgresConnection(connection, self._combiner)

    async def look(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """Runs reads on one connection, outside of any transaction."""
        async with self.reading() as connection:
            return await work(connection)

    async def write(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """Runs `work` in a transaction of its own."""
        async with self._engine.begin() as connection:
            return await work(PostgresConnection(connection, self._combiner))

    async def run_sync(self, work: Callable[[sa.Connection], T]) -> T:
        """Runs `work` in a transaction on a plain connection."""
        async with self._engine.begin() as connection:
            return await connection.run_sync(work)

    async def close(self) -> None:
        """Closes every connection."""
        await self._engine.dispose()


class SqliteEngine:
    """A SQLite file of which this process is the only user."""

    def __init__(self, url: URL, settings: DatabaseSettings) -> None:
        self._lock_file = _sole_owner(url)
        self._writer = _engine(url, settings, pool=1, begin="BEGIN IMMEDIATE")
        self._reader = _engine(url, settings, pool=settings.pool, begin=None)
        self._writing = ThreadPoolExecutor(1, thread_name_prefix="sqlite-writer")
        self._reading = ThreadPoolExecutor(settings.pool, thread_name_prefix="sqlite-reader")
        # Whoever waits for a connection waits here: in a thread it would keep that from those who have one.
        self._readers = asyncio.Semaphore(settings.pool)
        self._group = GroupCommit(self._commit)

    async def warm_up(self) -> None:
        """Nothing to do: a file is open at once."""

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Connection]:
        """A connection outside of any transaction; each statement runs in a thread."""
        async with self._readers:
            # The pool has one: nothing waits here, and only the first few times a file is opened.
            connection = self._reader.connect()
            try:
                yield _ThreadedConnection(self, connection)
            finally:
                # Giving a connection back to the pool does not touch the file.
                connection.close()

    async def look(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """Runs reads on one connection, all of them in a thread at once."""

        def reads() -> T:
            with self._reader.connect() as connection:
                return _at_once(work(_DirectConnection(connection)))

        async with self._readers:
            return await self._in(self._reading, reads)

    async def statement(self, call: Callable[[], T]) -> T:
        """Runs one reading statement in a thread."""
        return await self._in(self._reading, call)

    async def write(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """Runs `work` in the next transaction, together with whatever else waits for the writer."""
        return cast(T, await self._group.write(work))

    async def _commit(self, works: Sequence[Work]) -> Sequence[object]:
        """Runs works in one transaction, whole, in the writer's thread; gives what each gave, or a Failed."""

        def transaction() -> Sequence[object]:
            with self._writer.begin() as connection:
                direct = _DirectConnection(connection)
                if len(works) == 1:
                    return [_at_once(works[0](direct))]
                results: list[object] = []
                for work in works:
                    try:
                        with connection.begin_nested():
                            results.append(_at_once(work(direct)))
                    except Exception as error:
                        if _spoils_all(error):
                            raise
                        results.append(Failed(error))
                return results

        return await self._in(self._writing, transaction)

    async def run_sync(self, work: Callable[[sa.Connection], T]) -> T:
        """Runs `work` in a transaction on a plain connection."""

        def transaction() -> T:
            with self._writer.begin() as connection:
                return work(connection)

        return await self._in(self._writing, transaction)

    async def close(self) -> None:
        """Closes every connection and lets the file go."""
        self._reader.dispose()
        await self._in(self._writing, self._writer.dispose)
        self._writing.shutdown()
        self._reading.shutdown()
        self._lock_file.close()

    @staticmethod
    async def _in(pool: ThreadPoolExecutor, call: Callable[[], T]) -> T:
        context = contextvars.copy_context()
        return await asyncio.get_running_loop().run_in_executor(pool, context.run, call)


class _ThreadedConnection:
    """Each statement in a thread, so that a slow one does not hold up the event loop."""

    def __init__(self, engine: SqliteEngine, connection: sa.Connection) -> None:
        self._engine = engine
        self._connection = connection

    async def execute(self, statement: sa.Executable, parameters: Any = None, /) -> Result:
        """Runs one statement."""
        return await self._engine.statement(lambda: self._connection.execute(statement, parameters))

    async def together(self, writes: Sequence[Write], /) -> int:
        """Nothing is written while reading."""
        raise RuntimeError("a connection for reading does not write")


class _DirectConnection:
    """Statements right here: the whole transaction is in its thread already."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    async def execute(self, statement: sa.Executable, parameters: Any = None, /) -> Result:
        """Runs one statement; never waits."""
        return self._connection.execute(statement, parameters)

    async def together(self, writes: Sequence[Write], /) -> int:
        """Runs one write after the other: nothing is on the way between them."""
        counts = [self._connection.execute(*run).rowcount for run in runs(writes)]
        return counts[0]


def _spoils_all(error: Exception) -> bool:
    """Whether nothing of the transaction can be kept: after any error of the driver's but a refused row."""
    return isinstance(error, DBAPIError) and not isinstance(error, IntegrityError)


def _at_once(work: Awaitable[T]) -> T:
    """Runs a coroutine that never waits to its end, without an event loop."""
    coroutine = cast(Coroutine[Any, Any, T], work)
    try:
        coroutine.send(None)
    except StopIteration as done:
        return cast(T, done.value)
    coroutine.close()
    raise RuntimeError("a transaction may wait for its database only")


def _sole_owner(url: URL) -> IO[str]:
    """Keeps a second process off the file: its caches and watches would not see the first one's writes."""
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


def _engine(url: URL, settings: DatabaseSettings, *, pool: int, begin: str | None) -> sa.Engine:
    engine = sa.create_engine(
        url,
        pool_size=pool,
        max_overflow=0,
        pool_timeout=settings.timeout,
        pool_reset_on_return="rollback" if begin else None,
        # The driver itself begins nothing; a connection serves one thread after another, never two at once.
        connect_args={"timeout": settings.timeout, "isolation_level": None, "check_same_thread": False},
        poolclass=sa.QueuePool,
    )

    def connected(connection: Any, _record: object) -> None:
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "cache_size=-16384"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    sa.event.listen(engine, "connect", connected)
    if begin is None:
        return engine.execution_options(isolation_level="AUTOCOMMIT")
    sa.event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(begin))
    return engine
