"""A real PostgreSQL of the tests' own, on loopback, with its data in a temporary folder.

PostgreSQL refuses to run as root, so there it runs as the `postgres` user that its package makes.
"""

import asyncio
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg  # type: ignore[import-untyped]
import pytest

from tests.support.waiting import free_port

_USER = "postgres"


def postgres_bin() -> Path | None:
    """The folder with `initdb` and `pg_ctl`; None where PostgreSQL is not installed."""
    found = shutil.which("pg_ctl")
    if found is not None:
        return Path(found).resolve().parent
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"), key=lambda path: int(path.parts[-3]))
    return versions[-1].parent if versions else None


class PostgresProcess:
    """One PostgreSQL server. `durable` has it flush as in production; else it forgets at a power cut, but is quick."""

    def __init__(self, folder: Path, binaries: Path, *, durable: bool = False) -> None:
        self.port = free_port()
        self._folder = folder
        self._data = folder / "data"
        self._binaries = binaries
        self._databases = 0
        self._settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": str(folder),
            "max_connections": "100",
        }
        if not durable:
            self._settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}

    def start(self) -> None:
        """Makes the data folder where there is none, and starts the server."""
        if not self._data.exists():
            if os.geteuid() == 0:
                account = pwd.getpwnam(_USER)
                os.chown(self._folder, account.pw_uid, account.pw_gid)
            self._run("initdb", "--pgdata", str(self._data), "--username", _USER, "--auth", "trust", "--no-sync")
        options = " ".join(f"-c {name}={value}" for name, value in self._settings.items())
        log = str(self._folder / "log")
        self._run("pg_ctl", "--pgdata", str(self._data), "--wait", "--log", log, "--options", options, "start")

    def stop(self) -> None:
        """Stops the server at once; its data stays."""
        self._run("pg_ctl", "--pgdata", str(self._data), "--wait", "--mode", "immediate", "stop")

    def new_database(self) -> str:
        """The address of an empty database of its own."""
        self._databases += 1
        name = f"guildhall_{self._databases}"
        asyncio.run(self._execute(f'CREATE DATABASE "{name}"'))
        return f"postgresql://{_USER}@127.0.0.1:{self.port}/{name}"

    async def _execute(self, statement: str) -> None:
        connection = await asyncpg.connect(host="127.0.0.1", port=self.port, user=_USER, database="postgres")
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._binaries / program), *arguments]
        if os.geteuid() == 0:
            command = ["runuser", "-u", _USER, "--", *command]
        done = subprocess.run(command, cwd="/", capture_output=True, text=True, timeout=60, check=False)
        if done.returncode != 0:
            log = self._folder / "log"
            raise RuntimeError(f"{program} failed: {done.stderr}{log.read_text() if log.exists() else ''}")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresProcess]:
    """One PostgreSQL for the whole run. Skips, and says so, where PostgreSQL is not installed."""
    binaries = postgres_bin()
    if binaries is None:
        pytest.skip("PostgreSQL is not installed (apt-get install postgresql): its half of the tests did not run")
    with tempfile.TemporaryDirectory(prefix="guildhall-postgres-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        server = PostgresProcess(Path(name), binaries)
        server.start()
        try:
            yield server
        finally:
            server.stop()


@pytest.fixture
def postgres_url(postgres_server: PostgresProcess) -> str:
    """The address of an empty PostgreSQL database."""
    return postgres_server.new_database()
