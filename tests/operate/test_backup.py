"""Backup and restore of each store, on real ones, with writes that go on after the backup."""

import asyncio
import contextlib
import os
import shutil
import sqlite3
import subprocess
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import asyncpg  # type: ignore[import-untyped]
import pytest
import redis

from local.paths import RunFolder
from local.platform import Platform
from local.problems import Problem
from local.redis_servers import ROLES, answers, find_server, program
from operate import backup
from tests.support.redis_process import RedisProcess, redis_binary
from tests.support.waiting import eventually

LOGGED = ("--appendonly", "yes", "--appendfsync", "always", "--save", "")


def test_redis_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    server = RedisProcess(*LOGGED)
    server.start()
    try:
        with redis.Redis.from_url(server.url) as client:
            client.set("text", "value", ex=1_000)
            client.xadd("executor:{p0}:jobs", {"job": "one"})
            client.hset("journal", mapping={"step": "two"})
            entry = client.xrange("executor:{p0}:jobs")
            backup.save_redis(server.url, tmp_path / "redis.rdb")
            client.set("text", "changed afterwards")
            client.set("new", "afterwards")
    finally:
        server.close()
    restored = RedisProcess(*LOGGED)
    backup.restore_redis(tmp_path / "redis.rdb", restored.folder, redis_binary())
    # Twice: a server that found no log of changes would write an empty one, and lose everything at its next start.
    for _ in range(2):
        restored.start()
        with redis.Redis.from_url(restored.url) as client:
            assert sorted(client.keys("*")) == [b"executor:{p0}:jobs", b"journal", b"text"]
            assert client.get("text") == b"value"
            assert 0 < client.ttl("text") <= 1_000
            assert client.xrange("executor:{p0}:jobs") == entry
            assert client.hgetall("journal") == {b"step": b"two"}
        restored.kill()
    restored.close()


def test_a_server_that_has_data_is_not_overwritten(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "something").write_text("of value")
    with pytest.raises(Problem, match="not empty"):
        backup.restore_redis(tmp_path / "redis.rdb", data, redis_binary())
    assert (data / "something").read_text() == "of value"


def test_a_damaged_snapshot_is_refused(tmp_path: Path) -> None:
    (tmp_path / "redis.rdb").write_bytes(b"no snapshot")
    with pytest.raises(Problem, match="can't read"):
        backup.restore_redis(tmp_path / "redis.rdb", tmp_path / "data", redis_binary())


def test_sqlite_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    path, saved = tmp_path / "board.sqlite3", tmp_path / "saved"
    saved.mkdir()
    url = f"sqlite+aiosqlite:///{path}"
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as open_all_the_time:
        open_all_the_time.execute("PRAGMA journal_mode=WAL")
        open_all_the_time.executescript("CREATE TABLE requests (item TEXT); INSERT INTO requests VALUES ('a sword')")
        backup.save_database(url, saved)
        open_all_the_time.execute("INSERT INTO requests VALUES ('afterwards')")
    backup.restore_database(url, saved)
    with contextlib.closing(sqlite3.connect(path)) as restored:
        assert restored.execute("SELECT item FROM requests").fetchall() == [("a sword",)]


async def test_everything_that_one_machine_keeps_moves_to_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def machine(name: str) -> Platform:
        monkeypatch.setenv("GUILDHALL_RUN_DIR", str(tmp_path / name))
        return Platform.prepare({}, RunFolder(tmp_path / name))

    @contextlib.asynccontextmanager
    async def running(platform: Platform) -> AsyncIterator[None]:
        programs = [program(role, find_server(), platform.folder, dict(os.environ)) for role in ROLES]
        servers = [await asyncio.create_subprocess_exec(*one.arguments, stdout=subprocess.DEVNULL) for one in programs]
        try:
            for role in ROLES:
                await eventually(partial(answers, getattr(platform.redis, role)))
            yield
        finally:
            for server in servers:
                server.terminate()
                async with asyncio.timeout(20):
                    await server.wait()

    def board(platform: Platform) -> sqlite3.Connection:
        return sqlite3.connect(platform.folder.data / "board.sqlite3")

    old = machine("old")
    async with running(old):
        for role in ROLES:
            with redis.Redis.from_url(getattr(old.redis, role)) as client:
                client.set("whose", role)
        with contextlib.closing(board(old)) as database:
            database.executescript("CREATE TABLE requests (item TEXT); INSERT INTO requests VALUES ('a sword')")
        assert await asyncio.to_thread(backup.main, ["save", str(tmp_path / "saved")]) == 0
        assert await asyncio.to_thread(backup.main, ["save", str(tmp_path / "saved")]) == 1
    new = machine("new")
    assert await asyncio.to_thread(backup.main, ["restore", str(tmp_path / "saved")]) == 0
    async with running(new):
        for role in ROLES:
            with redis.Redis.from_url(getattr(new.redis, role)) as client:
                assert client.get("whose") == role.encode()
    with contextlib.closing(board(new)) as database:
        assert database.execute("SELECT item FROM requests").fetchall() == [("a sword",)]
    for key in old.folder.keys.rglob("*"):
        if key.is_file():
            assert (new.folder.keys / key.relative_to(old.folder.keys)).read_bytes() == key.read_bytes()


@pytest.mark.skipif(shutil.which("pg_dump") is None, reason="pg_dump (PostgreSQL's client programs) is not installed")
def test_postgresql_comes_back_as_it_was_saved(postgres_url: str, tmp_path: Path) -> None:
    async def run(*statements: str) -> list[str]:
        connection = await asyncpg.connect(postgres_url)
        try:
            for statement in statements:
                await connection.execute(statement)
            return [row["item"] for row in await connection.fetch("SELECT item FROM requests ORDER BY item")]
        finally:
            await connection.close()

    asyncio.run(run("CREATE TABLE requests (item TEXT PRIMARY KEY)", "INSERT INTO requests VALUES ('a sword')"))
    url = postgres_url.replace("postgresql://", "postgresql+asyncpg://")
    backup.save_database(url, tmp_path)
    assert asyncio.run(run("INSERT INTO requests VALUES ('afterwards')")) == ["a sword", "afterwards"]
    backup.restore_database(url, tmp_path)
    assert asyncio.run(run()) == ["a sword"]
