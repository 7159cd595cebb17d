"""A sandbox that is killed and started again: what was written is there, and a bot is led to a new session."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from sandbox.control.client import SandboxClient
from sandbox.discord.seed import APPLICATION_ID, BOT_ID, GUILD_ID
from sandbox.discord.tokens import new_bot_token
from sandbox.tests.discord.bot import Bot
from sandbox.tests.discord.examples import COMMANDS
from tests.support.waiting import eventually, free_port

SEND = f"/channels/{GUILD_ID + 21}/messages"
CONTROL = "kill-control"


@asynccontextmanager
async def started(port: int, folder: Path, token: str) -> AsyncIterator[asyncio.subprocess.Process]:
    environment = {**os.environ, "SANDBOX_BOT_TOKEN": token, "SANDBOX_CONTROL_TOKEN": CONTROL}
    options = ("--port", str(port), "--state", str(folder / "state.json"), "--state-seconds", "0.2", "--discord-only")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "sandbox", *options, env=environment, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(60):
            assert b"serves" in await process.stdout.readline()
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_kill_loses_nothing_that_was_written(tmp_path: Path) -> None:
    port, token = free_port(), new_bot_token(BOT_ID)
    api = f"http://127.0.0.1:{port}/api/v10"
    file = tmp_path / "state.json"
    async with started(port, tmp_path, token) as process, Bot(api, token) as bot:
        await bot.call("PUT", f"/applications/{APPLICATION_ID}/commands", COMMANDS)
        gateway = await bot.gateway()
        await gateway.identify()
        session, sequence = gateway.session_id, gateway.sequence
        sent = await bot.call("POST", SEND, {"content": "the last words"})
        await eventually(lambda: file.exists() and "the last words" in file.read_text(encoding="utf-8"))
        process.kill()
        await process.wait()
    async with started(port, tmp_path, token), Bot(api, token) as bot:
        assert (await bot.call("GET", f"{SEND}/{sent['id']}"))["content"] == "the last words"
        registered = await bot.call("GET", f"/applications/{APPLICATION_ID}/commands")
        assert {c["name"] for c in registered} == {c["name"] for c in COMMANDS}
        gateway = await bot.gateway()
        await gateway.send(6, {"token": token, "session_id": session, "seq": sequence})
        frame = await gateway.frame()
        assert (frame["op"], frame["d"]) == (9, False)
        ready = await gateway.identify()
        assert ready["session_id"] != session
        async with SandboxClient(f"http://127.0.0.1:{port}", CONTROL) as control:
            made = await control.command("member", "general", "board new", {}, wait=0)
        assert (await gateway.event("INTERACTION_CREATE"))["id"] == made["id"]


async def test_what_no_event_tells_of_is_written_too(tmp_path: Path) -> None:
    port, token = free_port(), new_bot_token(BOT_ID)
    file = tmp_path / "state.json"
    async with started(port, tmp_path, token), SandboxClient(f"http://127.0.0.1:{port}", CONTROL) as control:
        await control.call("POST", "/control/people", {"username": "newcomer"})
        await eventually(lambda: file.exists() and "newcomer" in file.read_text(encoding="utf-8"))
        written = file.stat().st_mtime_ns
        for _ in range(3):
            await control.call("GET", "/control/people")
        await control.call("POST", "/control/people", {"username": "latecomer"})
        await eventually(lambda: "latecomer" in file.read_text(encoding="utf-8"))
        assert file.stat().st_mtime_ns > written


async def test_addresses_of_files_outlive_a_restart(tmp_path: Path) -> None:
    port, token = free_port(), new_bot_token(BOT_ID)
    file = tmp_path / "state.json"
    async with started(port, tmp_path, token), SandboxClient(f"http://127.0.0.1:{port}", CONTROL) as control:
        sent = await control.upload("member", "general", "notes.txt", b"remember this", "text/plain")
        await eventually(lambda: file.exists() and "notes.txt" in file.read_text(encoding="utf-8"))
    async with (
        started(port, tmp_path, token),
        aiohttp.ClientSession() as session,
        session.get(sent["attachments"][0]["url"]) as answer,
    ):
        assert (answer.status, await answer.read()) == (200, b"remember this")
