"""One running platform for all conversation tests; each test talks in a channel of its own."""

import itertools
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from local.paths import ROOT
from sandbox.control.client import SandboxClient
from tests.conversations.talking import Talk
from tests.support import eventually
from tests.support.platform import RunningPlatform

_numbers = itertools.count(1)

# The tests come faster than any person asks.
PATIENT = {"GUILDHALL_GATEWAY__ASK_LIMITS": "[]", "GUILDHALL_LLM__LIMITS__ENABLED": "false"}


# A tier that gives something which nobody else has, to see that guilds can give it to their roles.
SHIPPED = "  supporter:\n    inherits: [everyone]\n"
WITH_A_FEATURE = f"{SHIPPED}    features: [personas]\n"

# A model that is for admins alone.
FOR_ALL = '  everyone:\n    models: ["*"]\n'
ALL_BUT_ONE = '  everyone:\n    models: ["*", "!openai/demo-r1"]\n'
FOR_ADMINS = "  admin:\n    inherits: [everyone]\n"
ALL_FOR_ADMINS = f'{FOR_ADMINS}    models: ["*"]\n'


def configuration(platform: RunningPlatform) -> Path:
    """The platform's own copy of guildhall.yaml, for tests that change it."""
    return platform.folder.root / "guildhall.yaml"


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def platform(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningPlatform]:
    """The whole platform, shared."""
    folder = tmp_path_factory.mktemp("conversations")
    written = folder / "guildhall.yaml"
    text = (ROOT / "guildhall.yaml").read_text()
    for shipped, changed in ((SHIPPED, WITH_A_FEATURE), (FOR_ALL, ALL_BUT_ONE), (FOR_ADMINS, ALL_FOR_ADMINS)):
        assert shipped in text
        text = text.replace(shipped, changed)
    written.write_text(text)
    async with RunningPlatform(folder, PATIENT | {"GUILDHALL_CONFIG": str(written)}) as running:
        async with SandboxClient(running.page, running.control_token) as client:

            async def models_offered() -> bool:
                return bool(await client.autocomplete("owner", "general", "ask", {"prompt": "x", "model": ""}, "model"))

            # Services find one another within seconds of the last one's start.
            await eventually(models_offered, timeout=30, interval=0.2)
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def sandbox(platform: RunningPlatform) -> AsyncIterator[SandboxClient]:
    """A client of the sandbox."""
    async with SandboxClient(platform.page, platform.control_token) as client:
        yield client
        await client.call("DELETE", "/model/api/rules")
        await client.call("DELETE", "/control/faults")


@pytest_asyncio.fixture(loop_scope="session")
async def talk(sandbox: SandboxClient) -> Talk:
    """A fresh channel of the seeded guild."""
    guilds = await sandbox.call("GET", "/control/as/owner/guilds")
    guild = next(each for each in guilds if any(channel["name"] == "general" for channel in each["channels"]))
    name = f"talk-{next(_numbers)}"
    channel = await sandbox.rest("owner", "POST", f"/guilds/{guild['id']}/channels", {"name": name, "type": 0})
    return Talk(sandbox, str(guild["id"]), str(channel["id"]))
