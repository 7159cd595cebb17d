"""The supervisor on real processes."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from local.problems import Problem
from local.process import Process, Program
from local.supervisor import Supervisor, Unit
from tests.support.waiting import eventually

SERVE = """
import pathlib, signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
pathlib.Path(sys.argv[1]).write_text(str(__import__('os').getpid()))
print('{"event": "up"}', flush=True)
while True: time.sleep(60)
"""
STUBBORN = SERVE.replace("lambda *_: sys.exit(0)", "signal.SIG_IGN")


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


def unit(name: str, folder: Path, code: str = SERVE, *, stage: int = 0, patience: float = 5.0) -> Unit:
    mark = folder / f"{name}.ready"

    async def ready() -> bool:
        return mark.exists()

    program = Program(name, [sys.executable, "-c", code, str(mark)], dict(os.environ))
    return Unit(program, ready, stage, stop_patience=patience)


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def supervise(tmp_path: Path, said: list[str]) -> Callable[..., Supervisor]:
    return lambda *units: Supervisor(units, tmp_path, said.append)


async def test_starts_in_stages_and_stops_everything(
    tmp_path: Path, supervise: Callable[..., Supervisor], said: list[str]
) -> None:
    supervisor = supervise(unit("second", tmp_path, stage=1), unit("first", tmp_path))
    await supervisor.start(20)
    assert [line.split()[0] for line in said] == ["first", "second"]
    pids = [facts["pid"] for facts in supervisor.status().values()]
    assert {facts["status"] for facts in supervisor.status().values()} == {"ready"}
    await supervisor.stop()
    assert {facts["status"] for facts in supervisor.status().values()} == {"stopped"}
    assert not any(alive(pid) for pid in pids if isinstance(pid, int))


async def test_restarts_what_is_killed(tmp_path: Path, supervise: Callable[..., Supervisor]) -> None:
    supervisor = supervise(unit("service", tmp_path))
    await supervisor.start(20)
    first = supervisor.status()["service"]["pid"]
    assert isinstance(first, int)
    (tmp_path / "service.ready").unlink()
    os.kill(first, signal.SIGKILL)
    await eventually(
        lambda: (
            supervisor.status()["service"] | {"pid": 0, "log": ""}
            == {
                "status": "ready",
                "pid": 0,
                "restarts": 1,
                "log": "",
            }
        ),
        timeout=20,
    )
    assert supervisor.status()["service"]["pid"] != first
    await supervisor.stop()


async def test_a_process_that_ends_at_start_is_a_problem_with_its_own_words(
    tmp_path: Path, supervise: Callable[..., Supervisor]
) -> None:
    broken = unit("broken", tmp_path, "import sys; sys.exit('broken: OPENAI_API_KEY is missing; set it')")
    supervisor = supervise(broken)
    with pytest.raises(Problem, match=r"^broken: OPENAI_API_KEY is missing; set it$"):
        await supervisor.start(20)
    await supervisor.stop()


async def test_a_process_that_never_gets_ready_is_a_problem(
    tmp_path: Path, supervise: Callable[..., Supervisor]
) -> None:
    supervisor = supervise(unit("slow", tmp_path, "import time; time.sleep(60)"))
    with pytest.raises(Problem, match="slow was not ready after 0 s"):
        await supervisor.start(0.3)
    await supervisor.stop()


async def test_what_ignores_the_request_to_end_is_killed(tmp_path: Path, supervise: Callable[..., Supervisor]) -> None:
    supervisor = supervise(unit("stubborn", tmp_path, STUBBORN, patience=0.2))
    await supervisor.start(20)
    pid = supervisor.status()["stubborn"]["pid"]
    assert isinstance(pid, int)
    await supervisor.stop()
    assert not alive(pid)


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux: only its kernel signals a child whose parent died")
async def test_children_end_when_the_supervisor_is_killed(tmp_path: Path) -> None:
    code = f"""
import asyncio, os, pathlib, sys
from local.process import Process, Program
async def main():
    program = Program("child", [sys.executable, "-c", {SERVE!r}, {str(tmp_path / "pid")!r}], dict(os.environ))
    await Process.start(program, pathlib.Path({str(tmp_path)!r}))
    await asyncio.sleep(60)
asyncio.run(main())
"""
    supervisor = await Process.start(Program("supervisor", [sys.executable, "-c", code], dict(os.environ)), tmp_path)
    await eventually(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text(), timeout=20)
    child = int((tmp_path / "pid").read_text())
    assert alive(child)
    os.kill(supervisor.pid, signal.SIGKILL)
    await supervisor.wait()
    await eventually(lambda: not alive(child), timeout=10)


async def test_output_goes_to_the_log_in_order(tmp_path: Path) -> None:
    code = "for n in range(2000): print('x' * 300, n)"
    process = await Process.start(Program("talker", [sys.executable, "-c", code], dict(os.environ)), tmp_path)
    assert await process.wait() == 0
    numbers = [int(line.split()[1]) for line in (tmp_path / "talker.log").read_text().splitlines()]
    assert numbers == list(range(2000))


async def test_a_line_without_end_does_not_stop_the_reading(tmp_path: Path) -> None:
    code = "import sys; sys.stdout.write('y' * 2_000_000); print(); print('after')"
    process = await Process.start(Program("talker", [sys.executable, "-c", code], dict(os.environ)), tmp_path)
    async with asyncio.timeout(20):
        assert await process.wait() == 0
    text = (tmp_path / "talker.log").read_text()
    assert text == "y" * 2_000_000 + "\nafter\n"
