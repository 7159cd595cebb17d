"""Libraries that know nothing of the sandbox use it like the real Discord, each in an environment of its own.

`make clients` prepares the environments; a client whose environment is not there is skipped, and says so.
"""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from sandbox.app import Sandbox
from sandbox.control.client import SandboxClient
from sandbox.pytest_plugin import sandbox, sandbox_options, sandbox_server
from tests.clients.prepare import NODE_CLIENTS, PYTHON_CLIENTS, command

__all__ = ["sandbox", "sandbox_options", "sandbox_server"]


class Foreign:
    """A running client and what it said."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def says(self, event: str, patience: float = 40.0) -> dict[str, Any]:
        """The next line about `event`."""
        output = self._process.stdout
        assert output is not None
        async with asyncio.timeout(patience):
            while line := await output.readline():
                try:
                    said = json.loads(line)
                except ValueError:
                    continue
                if said.get("event") == event:
                    found: dict[str, Any] = said
                    return found
        raise AssertionError(f"the client ended before it said {event}: {await self.complaints()}")

    async def complaints(self) -> str:
        """What it wrote to standard error."""
        errors = self._process.stderr
        assert errors is not None
        if self._process.returncode is None:
            self._process.terminate()
        return (await errors.read()).decode()[-3000:]


@asynccontextmanager
async def running_client(name: str, server: Sandbox) -> AsyncIterator[Foreign]:
    arguments = command(name)
    if arguments is None:
        pytest.skip(f"the environment of {name} is not prepared: run `make clients`")
    environment = {
        "PATH": os.environ["PATH"],
        "SANDBOX_API": server.api,
        "SANDBOX_GATEWAY": server.url.replace("http", "ws", 1) + "/",
        "SANDBOX_BOT_TOKEN": server.bot_token,
    }
    process = await asyncio.create_subprocess_exec(
        *arguments, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        yield Foreign(process)
    finally:
        if process.returncode is None:
            process.terminate()
        try:
            async with asyncio.timeout(10):
                await process.communicate()
        except TimeoutError:
            process.kill()
            await process.communicate()


@pytest.mark.parametrize("name", [*PYTHON_CLIENTS, *NODE_CLIENTS])
async def test_a_foreign_client_feels_at_home(name: str, sandbox_server: Sandbox, sandbox: SandboxClient) -> None:
    async with running_client(name, sandbox_server) as client:
        ready = await client.says("ready")
        assert ready["guilds"] == 2
        assert {"general", "bot-lab", "ideas", "Lounge"} <= set(ready["channels"])
        assert {"owner", "moderator", "member", "crafter", "guildhall"} == set(ready["members"])

        await sandbox.wait("commands", names=["echo"])
        used = await sandbox.command("member", "general", "echo", {"text": "hello"})
        assert (used["state"], used["callback_type"]) == ("acknowledged", 4)
        pressed = await sandbox.press("member", used["message_id"], "again")
        assert pressed["callback_type"] == 7
        await sandbox.wait("message", as_="member", channel="general", content="pressed")

        await sandbox.say("member", "general", "work")
        worked = await client.says("worked")
        assert worked["history"] == 4
        edited = await sandbox.wait_message(as_="owner", channel="general", content="edited")
        assert edited["edited_timestamp"] is not None
        assert edited["reactions"][0]["emoji"]["name"] == "\N{THUMBS UP SIGN}"
        assert edited["thread"]["name"] == "a thread"
        await sandbox.wait("message", as_="owner", channel=edited["thread"]["id"], content="inside the thread")
        upload = next(m for m in await sandbox.messages("owner", "general") if m["attachments"])
        assert (upload["attachments"][0]["filename"], upload["attachments"][0]["size"]) == ("hello.txt", 5)
        made = [c["name"] for g in await sandbox.call("GET", "/control/as/owner/guilds") for c in g["channels"]]
        assert "made-by-a-bot" in made

        before = (await sandbox.counters())["gateway"]
        await sandbox.gateway("cut")
        await sandbox.say("member", "general", "are you there")
        await sandbox.wait("message", as_="member", channel="general", content="still here", timeout=40)
        after = (await sandbox.counters())["gateway"]
        assert after["resumed"] == before["resumed"] + 1
        assert after["started"] == before["started"]

    counters = await sandbox.counters()
    assert counters["nonconforming_answers"] == 0, await sandbox.requests(invalid="1")
    assert counters["nonconforming"] == 0, await sandbox.requests(invalid="1")
    assert counters["interactions"]["failed"] == 0
