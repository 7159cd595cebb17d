"""One service in a process of its own, for tests that kill it, or hold it, and start it anew."""

from __future__ import annotations

import asyncio
import signal
import sys

from local.paths import ROOT


class ServiceProcess:
    """A service that is started as often as it is killed. Its log goes nowhere; what it did is what tests look at."""

    def __init__(self, name: str, environment: dict[str, str]) -> None:
        self.name = name
        self.environment = environment
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Starts it."""
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            f"services.{self.name}",
            cwd=ROOT,
            env=self.environment,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )

    async def kill(self) -> None:
        """Ends it as the kernel would for want of memory; nothing where it does not run."""
        if self._process is not None:
            self._process.kill()
            await self._process.wait()
            self._process = None

    async def end(self) -> None:
        """Stops it as a pod is stopped, which it has to do well."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        assert await self._process.wait() == 0
        self._process = None

    def freeze(self) -> None:
        """Lets it stand still in the middle of whatever it does."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Lets it go on as if nothing had been."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)
