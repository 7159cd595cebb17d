"""The whole platform, started as an operator starts it, for tests and benchmarks that cross services."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from local import control
from local.paths import ROOT, RunFolder
from tests.support.waiting import eventually

_START_PATIENCE = 90.0
_PORTS = ("SANDBOX", "GATEWAY", "LLM", "EXECUTOR", "RATELIMIT", "BOARD")
# What the machine that runs the tests may have set for its own Guildhall must not reach this one.
_OPERATORS_OWN = ("DISCORD_", "OPENAI_", "ANTHROPIC_", "REDIS_", "DATABASE_", "OTEL_", "GUILDHALL_", "SANDBOX_")


class StartFailed(Exception):
    """`make run` ended by itself; the message is what it printed."""


class RunningPlatform:
    """`python -m local run` on free ports with a run folder of its own. Use as an async context manager."""

    def __init__(self, folder: Path, environment: Mapping[str, str] | None = None) -> None:
        clean = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith(_OPERATORS_OWN) or key == "DISCORD_OPENAPI"
        }
        ports = {f"{name}_PORT": "0" for name in _PORTS}
        self.folder = RunFolder(folder)
        self._environment = {**clean, **ports, "GUILDHALL_RUN_DIR": str(folder), **(environment or {})}
        self._process: asyncio.subprocess.Process | None = None
        self._draining: asyncio.Task[None] | None = None
        self.output: list[str] = []
        self.page = ""
        self.seconds_to_ready = 0.0
        self.exit_code: int | None = None

    async def __aenter__(self) -> RunningPlatform:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def environment(self) -> Mapping[str, str]:
        """What it was started with."""
        return self._environment

    async def start(self) -> None:
        """Start and wait until everything is ready. Raises StartFailed with the output if it ends instead."""
        started = time.monotonic()
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "local",
            "run",
            cwd=ROOT,
            env=self._environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            async with asyncio.timeout(_START_PATIENCE):
                while not any("Guildhall is ready" in line for line in self.output):
                    if not await self._read_line():
                        self.exit_code = await self._process.wait()
                        raise StartFailed("\n".join(self.output))
        except TimeoutError:
            await self.stop()
            raise StartFailed("not ready in time:\n" + "\n".join(self.output)) from None
        self.seconds_to_ready = time.monotonic() - started
        self._draining = asyncio.create_task(self._drain())
        answer = await control.ask(self.folder.control_socket, "status")
        assert answer is not None
        self.page = str(answer["page"]).rstrip("/")

    async def stop(self) -> float:
        """Stop as Ctrl-C does; gives the seconds it took. A second call does nothing."""
        if self._process is None or self._process.returncode is not None:
            return 0.0
        started = time.monotonic()
        self._process.send_signal(signal.SIGINT)
        self.exit_code = await self._process.wait()
        if self._draining:
            await self._draining
        return time.monotonic() - started

    async def processes(self) -> dict[str, dict[str, object]]:
        """What `make status` knows of each process."""
        answer = await control.ask(self.folder.control_socket, "status")
        assert answer is not None, "the supervisor does not run"
        facts: dict[str, dict[str, object]] = answer["processes"]
        return facts

    async def pids(self) -> dict[str, int]:
        """The process ids of what runs now, the supervisor's own included."""
        answer = await control.ask(self.folder.control_socket, "status")
        assert answer is not None, "the supervisor does not run"
        running = {name: facts["pid"] for name, facts in answer["processes"].items() if facts["pid"]}
        return {**running, "supervisor": answer["pid"]}

    async def kill(self, name: str) -> None:
        """`kill -9` one process; the supervisor will start it again."""
        os.kill((await self.pids())[name], signal.SIGKILL)

    async def restart(self, name: str) -> None:
        """`make restart SERVICE=name`."""
        answer = await control.ask(self.folder.control_socket, "restart", name)
        assert answer == {"restarted": [name]}, answer

    async def all_ready(self, timeout: float = 60.0) -> None:
        """Wait until every process is ready."""

        async def ready() -> bool:
            return all(facts["status"] == "ready" for facts in (await self.processes()).values())

        await eventually(ready, timeout=timeout, interval=0.1)

    @property
    def control_token(self) -> str:
        """The token of the sandbox's control API."""
        return (self.folder.keys / "sandbox-control-token").read_text().strip()

    async def _read_line(self) -> bool:
        assert self._process is not None
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        if line:
            self.output.append(line.decode(errors="replace").rstrip())
        return bool(line)

    async def _drain(self) -> None:
        while await self._read_line():
            pass
