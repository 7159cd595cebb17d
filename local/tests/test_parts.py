"""The parts of the supervisor that start nothing, or only Redis."""

import os
import socket
import stat
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import redis.asyncio

from chassis.settings.shared import SERVICES
from local import control, redis_servers
from local.dev import concerned
from local.logfile import RotatingLog
from local.paths import ROOT, RunFolder
from local.platform import Platform, operators_environment
from local.ports import Ports
from local.problems import Problem
from local.process import Process
from local.readiness import until
from local.redis_servers import RedisUrls


def test_a_log_rotates_and_keeps_a_bounded_number(tmp_path: Path) -> None:
    log = RotatingLog(tmp_path / "a.log", max_bytes=100, kept=2)
    for number in range(50):
        log.write(b"%09d\n" % number)
    log.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.log", "a.log.1", "a.log.2"]
    assert all(path.stat().st_size <= 100 for path in tmp_path.iterdir())
    kept = b"".join((tmp_path / name).read_bytes() for name in ("a.log.2", "a.log.1", "a.log"))
    assert [int(line) for line in kept.split()] == list(range(50 - len(kept.split()), 50))


def test_a_taken_port_is_named_with_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        ports = Ports.from_environment({"LLM_PORT": str(port)})
        with pytest.raises(Problem, match=rf"Port {port} \(llm\) already in use.*LLM_PORT="):
            ports.check_free(["llm"])


def test_port_0_is_any_free_one_and_never_the_same_twice() -> None:
    names = ["sandbox", "gateway", "llm", "executor", "ratelimit", "board"]
    ports = Ports.from_environment({f"{name.upper()}_PORT": "0" for name in names})
    chosen = {getattr(ports, name) for name in names}
    assert len(chosen) == len(names)
    assert 0 not in chosen
    ports.check_free(names)


@pytest.mark.parametrize("text", ["http", "-1", "65536", "80.5"])
def test_what_is_no_port_is_refused(text: str) -> None:
    with pytest.raises(Problem, match="is not a port"):
        Ports.from_environment({"BOARD_PORT": text})


def free_ports() -> dict[str, str]:
    return {f"{name}_PORT": "0" for name in ("SANDBOX", "GATEWAY", "LLM", "EXECUTOR", "RATELIMIT", "BOARD")}


def test_two_processes_on_one_port_are_refused() -> None:
    with pytest.raises(Problem, match="llm and board have the same port, 7001"):
        Ports.from_environment({"LLM_PORT": "7001", "BOARD_PORT": "7001"})
    ports = Ports.from_environment({"LLM_PORT": "0", "BOARD_PORT": "0"})
    assert ports.llm != ports.board


@pytest.mark.parametrize("command", ["run", "status"])
def test_a_folder_that_can_not_be_used_is_one_line(tmp_path: Path, command: str) -> None:
    taken = tmp_path / "taken"
    taken.write_text("a file")
    environment = {**os.environ, "GUILDHALL_RUN_DIR": str(taken)} | {
        f"{name.upper()}_PORT": "0" for name in (*SERVICES, "sandbox")
    }
    done = subprocess.run(
        [sys.executable, "-m", "local", command],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == (1 if command == "run" else 3)
    assert len(done.stdout.splitlines()) == 1
    assert done.stderr == ""
    assert command == "status" or str(taken) in done.stdout


def test_each_process_gets_only_its_own_secrets(tmp_path: Path) -> None:
    operator = {
        **free_ports(),
        "DISCORD_TOKEN": "discord-secret",
        "OPENAI_API_KEY": "model-secret",
        "OPENROUTER_API_KEY": "other-model-secret",
        "DATABASE_URL": "postgresql+asyncpg://u:database-secret@localhost/g",
    }
    platform = Platform.prepare(operator, RunFolder(tmp_path))

    def secrets_of(name: str) -> set[str]:
        values = platform.environment_of(name).values()
        return {
            word
            for word in ("discord-secret", "model-secret", "other-model-secret", "database-secret")
            if any(word in value for value in values)
        }

    assert secrets_of("gateway") == secrets_of("executor") == {"discord-secret"}
    assert secrets_of("llm") == {"model-secret", "other-model-secret"}
    assert secrets_of("board") == {"database-secret"}
    assert secrets_of("ratelimit") == secrets_of("redis") == secrets_of("sandbox") == set()


def test_a_setting_that_speaks_of_tokens_is_no_secret(tmp_path: Path) -> None:
    settings = {"GUILDHALL_EXECUTOR__REPLIES__TOKEN_SECONDS": "6", "GUILDHALL_LLM__PROVIDERS__MINE__API_KEY": "secret"}
    platform = Platform.prepare({**free_ports(), **settings}, RunFolder(tmp_path))
    executor, llm = platform.environment_of("executor"), platform.environment_of("llm")
    assert executor["GUILDHALL_EXECUTOR__REPLIES__TOKEN_SECONDS"] == "6"
    assert "secret" in llm.values()
    assert "secret" not in executor.values()


def test_with_no_token_and_no_key_everything_points_at_the_sandbox(tmp_path: Path) -> None:
    platform = Platform.prepare(free_ports(), RunFolder(tmp_path))
    page = f"http://{platform.ports.address('sandbox')}"
    gateway, llm = platform.environment_of("gateway"), platform.environment_of("llm")
    assert gateway["DISCORD_API_BASE"] == f"{page}/api/v10"
    assert llm["OPENAI_BASE_URL"] == f"{page}/v1"
    assert gateway["DISCORD_TOKEN"] == platform.environment_of("sandbox")["SANDBOX_BOT_TOKEN"]


def test_with_a_token_discord_is_the_real_one(tmp_path: Path) -> None:
    platform = Platform.prepare({**free_ports(), "DISCORD_TOKEN": "x"}, RunFolder(tmp_path))
    assert "DISCORD_API_BASE" not in platform.environment_of("gateway")


def test_dotenv_completes_the_environment_and_never_overrides_it(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("A=file\nB=file\nC=\n")
    assert operators_environment({"A": "shell", "D": ""}, tmp_path / ".env") == {"A": "shell", "B": "file"}


def test_keys_are_for_this_user_alone_and_survive(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    Platform.prepare(free_ports(), folder)
    files = [path for path in folder.keys.rglob("*") if path.is_file()]
    assert {path.name for path in files} >= {"gateway.key", "llm.key", "sandbox-bot-token"}
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in files)
    before = {path: path.read_text() for path in files}
    Platform.prepare(free_ports(), folder)
    assert {path: path.read_text() for path in files} == before


def test_a_deep_folder_gets_its_sockets_elsewhere(tmp_path: Path) -> None:
    deep = RunFolder(tmp_path / ("d" * 100) / "run")
    assert len(str(deep.control_socket)) < 104
    deep.create()
    deep.sockets.rmdir()


def test_one_redis_address_serves_all_roles_and_half_of_them_is_refused() -> None:
    assert RedisUrls.external({}) is None
    one = RedisUrls.external({"REDIS_URL": "redis://a"})
    assert one == RedisUrls("redis://a", "redis://a", "redis://a")
    with pytest.raises(Problem, match="REDIS_LIMITS_URL is not"):
        RedisUrls.external({"REDIS_DURABLE_URL": "redis://a"})


async def test_a_redis_that_does_not_answer_is_told_without_its_password() -> None:
    with pytest.raises(Problem, match=r"Redis at redis://127.0.0.1:1/0 does not answer") as caught:
        await redis_servers.check("redis://user:password@127.0.0.1:1/0")
    assert "password" not in str(caught.value)


@pytest.mark.parametrize("role", redis_servers.ROLES)
async def test_the_embedded_servers_keep_what_was_written(tmp_path: Path, role: str) -> None:
    folder = RunFolder(tmp_path)
    folder.create()
    url = getattr(RedisUrls.embedded(folder), role)
    program = redis_servers.program(role, redis_servers.find_server(), folder, dict(os.environ))
    for round_number in range(2):
        server = await Process.start(program, folder.logs)
        await until(partial(redis_servers.answers, url))
        client = redis.asyncio.from_url(url, decode_responses=True)
        if round_number:
            assert await client.get("kept") == "yes"
        assert (await client.config_get("maxmemory-policy"))["maxmemory-policy"] == "noeviction"
        await client.set("kept", "yes")
        await client.aclose()
        if role == "durable":
            server.kill()
        else:
            await server.stop(5)
        await server.wait()


async def test_the_control_socket_answers_and_survives_nonsense(tmp_path: Path) -> None:
    async def handle(command: str, name: str) -> control.Answer:
        return {"heard": [command, name]}

    path = tmp_path / "c.sock"
    assert await control.ask(path, "status") is None
    server = await control.serve(path, handle)
    with socket.socket(socket.AF_UNIX) as raw:
        raw.connect(str(path))
        raw.sendall(b"nonsense\n")
    assert await control.ask(path, "restart", "llm") == {"heard": ["restart", "llm"]}
    server.close()
    await server.wait_closed()


def test_a_change_of_code_concerns_whom_it_should() -> None:
    assert concerned([Path("services/llm/servicer.py")]) == {"llm"}
    assert concerned([Path("sandbox/app.py")]) == {"sandbox"}
    assert concerned([Path("chassis/ids.py")]) == {"ratelimit", "board", "llm", "executor", "gateway"}
