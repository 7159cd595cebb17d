"""One supervised process: started, watched, logged, stopped."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from local.logfile import RotatingLog
from local.paths import ROOT

_LAUNCHER = Path(__file__).with_name("launch.py")
_LONGEST_WORDS = 40
# A line longer than this is cut into pieces rather than kept in memory whole.
_LONGEST_LINE = 256 * 1024


@dataclass(frozen=True)
class Program:
    """What to start."""

    name: str
    arguments: Sequence[str]
    environment: Mapping[str, str]


class Process:
    """A running program. Its output goes to its log; the last plain line of its errors is kept to be shown."""

    def __init__(self, program: Program, process: asyncio.subprocess.Process, log: RotatingLog) -> None:
        self.program = program
        self._process = process
        self._log = log
        self._last_words: deque[str] = deque(maxlen=_LONGEST_WORDS)
        assert process.stdout is not None
        assert process.stderr is not None
        self._readers = [
            asyncio.create_task(self._read(process.stdout, remember=False)),
            asyncio.create_task(self._read(process.stderr, remember=True)),
        ]

    @classmethod
    async def start(cls, program: Program, log_folder: Path) -> Process:
        """Start the program in a session of its own, so that Ctrl-C reaches the supervisor alone."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-S",
            "-E",
            str(_LAUNCHER),
            str(os.getpid()),
            *program.arguments,
            cwd=ROOT,
            env=dict(program.environment),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
            limit=_LONGEST_LINE,
        )
        return cls(program, process, RotatingLog(log_folder / f"{program.name}.log"))

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """The exit code; None while it runs, negative for the signal that ended it."""
        return self._process.returncode

    @property
    def last_words(self) -> str:
        """The last thing on standard error that is meant for people: a line that is no JSON, with what is indented
        under it."""
        return "\n".join(self._last_words)

    async def wait(self) -> int:
        """Wait for the end and for the last output; gives the exit code."""
        code = await self._process.wait()
        await asyncio.wait(self._readers)
        self._log.close()
        return code

    async def stop(self, patience: float) -> None:
        """Ask it to end; after `patience` seconds, make it."""
        self._signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(patience):
                await self._process.wait()
        except TimeoutError:
            self.kill()
            await self._process.wait()

    def kill(self) -> None:
        """End it at once, with whatever it started in its session."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)

    async def _read(self, stream: asyncio.StreamReader, *, remember: bool) -> None:
        while True:
            try:
                line = await stream.readuntil()
            except asyncio.IncompleteReadError as end:
                line = end.partial
            except asyncio.LimitOverrunError as overrun:
                line = await stream.readexactly(overrun.consumed)
            if not line:
                return
            self._log.write(line)
            text = line.decode(errors="replace").rstrip()
            if remember and text and not text.startswith("{"):
                if not text.startswith((" ", "\t")):
                    self._last_words.clear()
                self._last_words.append(text)
