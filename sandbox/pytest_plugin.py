"""pytest fixtures for authors of bots: `pytest_plugins = ["sandbox.pytest_plugin"]`.

`sandbox_server` is a fresh sandbox per test on a free port (its `api`, `url`, `bot_token` and `control_token` say how
to reach it); `sandbox` is the control client that drives it. Override `sandbox_options` to start it differently.
"""

import secrets
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from sandbox.app import Sandbox, running
from sandbox.control.client import SandboxClient
from sandbox.discord.seed import BOT_ID
from sandbox.discord.tokens import new_bot_token
from sandbox.settings import SandboxOptions


@pytest.fixture
def sandbox_options(tmp_path: Path) -> SandboxOptions:
    """How the sandbox of a test is started: a free port, strict, tokens of its own."""
    return SandboxOptions(
        port=0,
        state_dir=tmp_path,
        bot_token=new_bot_token(BOT_ID),
        control_token=secrets.token_hex(12),
        with_extras=False,
    )


@pytest_asyncio.fixture
async def sandbox_server(sandbox_options: SandboxOptions) -> AsyncIterator[Sandbox]:
    """A running sandbox."""
    async with running(replace(sandbox_options)) as server:
        yield server


@pytest_asyncio.fixture
async def sandbox(sandbox_server: Sandbox) -> AsyncIterator[SandboxClient]:
    """The control client of that sandbox."""
    async with SandboxClient(sandbox_server.url, sandbox_server.control_token) as client:
        yield client
