"""Keeps a set of processes running: starts them in order, restarts what dies, stops them in order."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local.problems import Problem
from local.process import Process, Program
from local.readiness import Check, until

# After a death the pause doubles up to the bound; a process that ran this long is taken as sound again.
_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 30.0
_SOUND_AFTER = 60.0


@dataclass(frozen=True)
class Unit:
    """A program with what it takes to judge and to stop it."""

    program: Program
    ready: Check
    # Units of one stage start side by side; a stage begins when the one before is ready.
    stage: int
    # Units stop in this order, those of one number side by side.
    stops: int = 0
    stop_patience: float = 2.0

    @property
    def name(self) -> str:
        """The program's name."""
        return self.program.name


@dataclass
class _State:
    process: Process | None = None
    status: str = "waiting"
    restarts: int = 0
    keeper: asyncio.Task[None] | None = None
    started_at: float = 0.0
    wanted: bool = True
    became_ready: asyncio.Event = field(default_factory=asyncio.Event)


class Supervisor:
    """Runs units. `report` hears, in a line each, of everything a person would want to know."""

    def __init__(self, units: Sequence[Unit], log_folder: Path, report: Callable[[str], None]) -> None:
        self._units = {unit.name: unit for unit in units}
        self._states = {unit.name: _State() for unit in units}
        self._logs = log_folder
        self._report = report

    def status(self) -> dict[str, dict[str, object]]:
        """Name to what is known of each process."""
        return {
            name: {
                "status": state.status,
                "pid": state.process.pid if state.process and state.process.returncode is None else None,
                "restarts": state.restarts,
                "log": str(self._logs / f"{name}.log"),
            }
            for name, state in self._states.items()
        }

    async def start(self, patience: float) -> None:
        """Start everything, stage after stage. Raises Problem if a process ends or is not ready in time."""
        for stage in sorted({unit.stage for unit in self._units.values()}):
            units = [unit for unit in self._units.values() if unit.stage == stage]
            for unit in units:
                await self._start_one(unit)
            await _all_or_first_failure([self._first_ready(unit, patience) for unit in units])
        for unit in self._units.values():
            self._states[unit.name].keeper = asyncio.create_task(self._keep(unit))

    async def stop(self) -> None:
        """Stop everything in order; what does not end in its time is killed."""
        for state in self._states.values():
            state.wanted = False
            if state.keeper:
                state.keeper.cancel()
        for number in sorted({unit.stops for unit in self._units.values()}):
            await asyncio.gather(*(self._stop_one(unit) for unit in self._units.values() if unit.stops == number))

    def kill(self) -> None:
        """End everything at once."""
        for state in self._states.values():
            if state.process and state.process.returncode is None:
                state.process.kill()

    async def restart(self, name: str) -> None:
        """Stop one process and wait until it is ready again. Raises KeyError for a name there is not."""
        unit, state = self._units[name], self._states[name]
        if state.keeper:
            state.keeper.cancel()
        await self._stop_one(unit)
        await self._start_one(unit)
        state.keeper = asyncio.create_task(self._keep(unit))
        await state.became_ready.wait()

    async def _start_one(self, unit: Unit) -> None:
        state = self._states[unit.name]
        state.status = "starting"
        state.became_ready.clear()
        state.started_at = time.monotonic()
        state.process = await Process.start(unit.program, self._logs)

    async def _first_ready(self, unit: Unit, patience: float) -> None:
        """Wait for readiness at start-up, when a process that ends is a problem and not to be tried again."""
        state = self._states[unit.name]
        assert state.process is not None
        ended = asyncio.create_task(state.process.wait())
        ready = asyncio.create_task(until(unit.ready))
        try:
            await asyncio.wait({ended, ready}, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
            if ended.done():
                raise Problem(self._why_ended(unit, state.process))
            if not ready.done():
                raise Problem(
                    f"{unit.name} was not ready after {patience:.0f} s. "
                    f"{state.process.last_words or 'Look into its log'} ({self._logs / f'{unit.name}.log'})."
                )
        finally:
            ready.cancel()
            ended.cancel()
        self._is_ready(unit)

    def _why_ended(self, unit: Unit, process: Process) -> str:
        words = process.last_words or f"exit code {process.returncode}; its log is {self._logs / f'{unit.name}.log'}"
        return words if words.startswith(f"{unit.name}:") else f"{unit.name}: {words}"

    def _is_ready(self, unit: Unit) -> None:
        state = self._states[unit.name]
        state.status = "ready"
        state.became_ready.set()
        self._report(f"  {unit.name:<15} ready in {time.monotonic() - state.started_at:.1f} s")

    async def _keep(self, unit: Unit) -> None:
        """Watch one process for as long as it is wanted; start it again, after a growing pause, whenever it ends."""
        state = self._states[unit.name]
        pause = _FIRST_PAUSE
        while state.wanted:
            assert state.process is not None
            watching = None if state.became_ready.is_set() else asyncio.create_task(self._await_ready(unit))
            try:
                await state.process.wait()
            finally:
                if watching:
                    watching.cancel()
            if time.monotonic() - state.started_at > _SOUND_AFTER:
                pause = _FIRST_PAUSE
            state.status = f"restarting in {pause:.1f} s"
            self._report(f"  {self._why_ended(unit, state.process)}; starting it again in {pause:.1f} s")
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)
            state.restarts += 1
            await self._start_one(unit)

    async def _await_ready(self, unit: Unit) -> None:
        await until(unit.ready)
        self._is_ready(unit)

    async def _stop_one(self, unit: Unit) -> None:
        state = self._states[unit.name]
        if state.process and state.process.returncode is None:
            state.status = "stopping"
            await state.process.stop(unit.stop_patience)
            await state.process.wait()
        state.status = "stopped"


async def _all_or_first_failure(waiting: Sequence[Coroutine[Any, Any, None]]) -> None:
    """Wait for all; raise what the first of them raises, and let the others be."""
    tasks = [asyncio.create_task(each) for each in waiting]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
