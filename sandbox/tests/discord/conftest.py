"""The fixtures of sandbox.pytest_plugin, and a bot's bare REST client."""

from collections.abc import AsyncIterator

import pytest_asyncio

from sandbox.app import Sandbox
from sandbox.pytest_plugin import sandbox, sandbox_options, sandbox_server
from sandbox.tests.discord.bot import Bot

__all__ = ["bot", "sandbox", "sandbox_options", "sandbox_server"]


@pytest_asyncio.fixture
async def bot(sandbox_server: Sandbox) -> AsyncIterator[Bot]:
    """The seeded bot, speaking REST without a library."""
    async with Bot(sandbox_server.api, sandbox_server.bot_token) as client:
        yield client
