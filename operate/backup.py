"""`python -m operate.backup save|restore <folder>`: everything that `make run` keeps, in one folder, and back.

Redis is saved as a snapshot that it takes while it runs (BGSAVE); SQLite through its own online backup; PostgreSQL with
pg_dump. Each is whole in itself. They are not of one instant: what happens between them is in one and not in the other,
which the services bear, as they bear a crash. A folder that was saved holds secrets and what people wrote.

Redis reads a snapshot only where it keeps no log of changes, so restoring starts a server of its own on the snapshot,
has it write the log, and stops it (https://redis.io/docs/latest/operate/oss_and_stack/management/persistence/).
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import redis

from local import control
from local.paths import run_folder
from local.platform import Platform, operators_environment
from local.problems import Problem
from local.redis_servers import ROLES, find_server

_PATIENCE = 120.0


def save_redis(url: str, target: Path) -> None:
    """Writes a snapshot of a running server that keeps its files on this machine. Raises Problem."""
    with redis.Redis.from_url(url, socket_timeout=10.0) as client:
        try:
            _await(lambda: not client.info("persistence")["rdb_bgsave_in_progress"])
            client.bgsave()
            _await(lambda: not client.info("persistence")["rdb_bgsave_in_progress"])
            state = client.info("persistence")
            files = client.config_get("*")
        except redis.RedisError as error:
            raise Problem(f"Redis at {url} can't be saved: {error}") from error
    if state["rdb_last_bgsave_status"] != "ok":
        raise Problem(f"Redis at {url} failed to write its snapshot; see its log")
    shutil.copyfile(Path(files["dir"], files["dbfilename"]), target)


def restore_redis(snapshot: Path, data: Path, binary: str) -> None:
    """Fills a server's empty data folder from a snapshot. The server must not run. Raises Problem."""
    data.mkdir(parents=True, exist_ok=True)
    if any(data.iterdir()):
        raise Problem(f"{data} is not empty; move it away first")
    shutil.copyfile(snapshot, data / "dump.rdb")
    with tempfile.TemporaryDirectory(prefix="guildhall-") as name:
        socket = Path(name, "redis.sock")
        command = [binary, "--port", "0", "--unixsocket", str(socket), "--dir", str(data), "--appendonly", "no"]
        server = subprocess.Popen([*command, "--save", "", "--databases", "2"], stdout=subprocess.DEVNULL)  # noqa: S603
        try:
            with redis.Redis(unix_socket_path=str(socket), socket_timeout=10.0) as client:
                _await(lambda: server.poll() is not None or _answers(client))
                if server.poll() is not None:
                    raise Problem(f"Redis can't read {snapshot}")
                client.config_set("appendonly", "yes")
                _await(lambda: _log_written(client))
                with contextlib.suppress(redis.ConnectionError):
                    client.shutdown(nosave=True)
            server.wait(_PATIENCE)
        finally:
            if server.poll() is None:
                server.kill()
                server.wait()
    (data / "dump.rdb").unlink()


def save_database(url: str, folder: Path) -> None:
    """Saves the board's database, SQLite or PostgreSQL, into the folder."""
    if url.startswith("sqlite"):
        with contextlib.closing(sqlite3.connect(_sqlite_path(url))) as source:
            _copy_sqlite(source, folder / "board.sqlite3")
    else:
        _run("pg_dump", "--format=custom", "--no-owner", f"--file={folder / 'board.dump'}", f"--dbname={_plain(url)}")


def restore_database(url: str, folder: Path) -> None:
    """Replaces the board's database by what was saved. Nothing else may have it open."""
    if url.startswith("sqlite"):
        target = _sqlite_path(url)
        for name in (target, *(target.with_name(f"{target.name}-{part}") for part in ("wal", "shm"))):
            name.unlink(missing_ok=True)
        with contextlib.closing(sqlite3.connect(f"file:{folder / 'board.sqlite3'}?mode=ro", uri=True)) as source:
            if source.execute("PRAGMA integrity_check").fetchone() != ("ok",):
                raise Problem(f"{folder / 'board.sqlite3'} is damaged")
            _copy_sqlite(source, target)
    else:
        dump = str(folder / "board.dump")
        options = ("--clean", "--if-exists", "--no-owner", "--single-transaction", "--exit-on-error")
        _run("pg_restore", *options, f"--dbname={_plain(url)}", dump)


def main(arguments: Sequence[str] | None = None) -> int:
    """Does what the command line says; a Problem is one line and exit code 1."""
    parser = argparse.ArgumentParser(prog="python -m operate.backup", description="Backups of one machine.")
    parser.add_argument("command", choices=["save", "restore"])
    parser.add_argument("folder", type=Path)
    chosen = parser.parse_args(arguments)
    try:
        platform = Platform.prepare(operators_environment(dict(os.environ)), run_folder())
        (_save if chosen.command == "save" else _restore)(platform, chosen.folder)
    except Problem as problem:
        sys.stderr.write(f"{problem}\n")
        return 1
    sys.stdout.write(f"{chosen.command}d {chosen.folder}\n")
    return 0


def _save(platform: Platform, folder: Path) -> None:
    try:
        folder.mkdir(parents=True, mode=0o700)
    except FileExistsError as error:
        raise Problem(f"{folder} is there already; name a new one") from error
    if platform.embedded_redis:
        for role in ROLES:
            save_redis(getattr(platform.redis, role), folder / f"redis-{role}.rdb")
    save_database(platform.environment["DATABASE_URL"], folder)
    shutil.copytree(platform.folder.keys, folder / "keys")


def _restore(platform: Platform, folder: Path) -> None:
    if asyncio.run(control.running(platform.folder.control_socket)):
        raise Problem("Guildhall runs; `make stop` comes first")
    if platform.embedded_redis:
        for role in ROLES:
            restore_redis(folder / f"redis-{role}.rdb", platform.folder.data / f"redis-{role}", find_server())
    restore_database(platform.environment["DATABASE_URL"], folder)
    shutil.copytree(folder / "keys", platform.folder.keys, dirs_exist_ok=True)


def _copy_sqlite(source: sqlite3.Connection, path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as target:
        source.backup(target)


def _sqlite_path(url: str) -> Path:
    return Path(url.partition(":///")[2].partition("?")[0])


def _plain(url: str) -> str:
    """The address without the name of a Python driver."""
    scheme, separator, rest = url.partition("://")
    return scheme.partition("+")[0] + separator + rest


def _run(*command: str) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    except FileNotFoundError as error:
        raise Problem(f"{command[0]} is not installed (PostgreSQL's client programs)") from error
    if done.returncode:
        raise Problem(f"{command[0]} failed: {done.stderr.strip()}")


def _answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False


def _log_written(client: redis.Redis) -> bool:
    state = client.info("persistence")
    busy = state["aof_rewrite_in_progress"] or state["aof_rewrite_scheduled"]
    if not busy and state["aof_last_bgrewrite_status"] != "ok":
        raise Problem("Redis failed to write its log of changes; is the disk full?")
    return bool(not busy and state["aof_enabled"])


def _await(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise Problem(f"Redis was not done within {_PATIENCE:.0f} s")
        time.sleep(0.02)


if __name__ == "__main__":
    sys.exit(main())
