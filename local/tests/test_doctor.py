"""`make doctor`, with servers that answer as they should and as they should not."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from local.doctor import examine
from local.paths import RunFolder

PORTS = dict.fromkeys(
    ("SANDBOX_PORT", "GATEWAY_PORT", "LLM_PORT", "EXECUTOR_PORT", "RATELIMIT_PORT", "BOARD_PORT"), "0"
)


@pytest.fixture
async def server() -> AsyncIterator[str]:
    """Answers with the body and the kind that the first part of the path names."""
    bodies: dict[str, tuple[str, str]] = {
        "bot": ("application/json", '{"name": "Helper", "flags": 0}'),
        "odd": ("application/json", '{"name": "a\\u202e\\nb", "flags": 0}'),
        "page": ("text/html", "<html>Log in</html>"),
        "list": ("application/json", "[]"),
        "nobody": ("application/json", "{}"),
        "flags": ("application/json", '{"name": "x", "flags": "many"}'),
        "models": ("application/json", '{"data": []}'),
    }

    async def answer(request: web.Request) -> web.Response:
        kind, body = bodies[request.match_info["kind"]]
        return web.Response(content_type=kind, text=body)

    app = web.Application()
    app.router.add_get("/{kind}/{rest:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def lines(folder: Path, capsys: pytest.CaptureFixture[str], **operator: str) -> tuple[int, str]:
    code = await examine({**PORTS, **operator}, RunFolder(folder))
    return code, capsys.readouterr().out


@pytest.mark.parametrize("kind", ["page", "list", "nobody", "flags"])
async def test_what_is_not_discord_is_told(server: str, tmp_path: Path, capsys: Any, kind: str) -> None:
    code, said = await lines(tmp_path, capsys, DISCORD_TOKEN="t", DISCORD_API_BASE=f"{server}/{kind}")
    assert code == 1
    assert "is not Discord: correct DISCORD_API_BASE" in said


async def test_the_bot_is_named_in_one_line(server: str, tmp_path: Path, capsys: Any) -> None:
    code, said = await lines(tmp_path, capsys, DISCORD_TOKEN="t", DISCORD_API_BASE=f"{server}/odd")
    assert code == 0
    assert "  ok     Discord knows the bot as a  b\n" in said


@pytest.mark.parametrize(
    ("operator", "remedy"),
    [
        ({"DISCORD_TOKEN": "a\nb"}, "DISCORD_TOKEN holds signs that no token has"),
        ({"DISCORD_TOKEN_FILE": "/dev/null"}, "DISCORD_TOKEN_FILE names is empty"),
        ({"OPENAI_BASE_URL": "localhost:11434/v1"}, "OPENAI_BASE_URL is no address"),
        ({"OPENAI_BASE_URL": "http://[::/v1"}, "OPENAI_BASE_URL is no address"),
        ({"OPENAI_BASE_URL": "{server}/page"}, "is a web page and no model provider"),
        ({"DATABASE_URL": "mysql://host/name"}, "DATABASE_URL: sqlite:///path or postgresql://"),
    ],
)
async def test_what_is_wrong_is_told_with_what_to_do(
    server: str, tmp_path: Path, capsys: Any, operator: dict[str, str], remedy: str
) -> None:
    operator = {"DISCORD_API_BASE": f"{server}/bot"} | {
        key: value.replace("{server}", server) for key, value in operator.items()
    }
    code, said = await lines(tmp_path, capsys, **operator)
    assert code == 1
    assert remedy in said


async def test_what_only_the_file_names_is_looked_at_too(server: str, tmp_path: Path, capsys: Any) -> None:
    config = tmp_path / "guildhall.yaml"
    away = "http://127.0.0.1:9"
    config.write_text(
        f"providers:\n  here: {{base_url: '{server}/models'}}\n  away: {{base_url: '{away}/v1'}}\n"
        f"telemetry: {{endpoint: '{away}'}}\n"
    )
    code, said = await lines(tmp_path, capsys, GUILDHALL_CONFIG=str(config))
    assert code == 1
    assert f"ok     the model provider at {server.removeprefix('http://')} answers" in said
    assert "correct providers.away" in said
    assert "telemetry.endpoint: nothing answers at 127.0.0.1:9" in said
