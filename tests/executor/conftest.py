"""executor and ratelimit for real, against the sandbox; llm's Plan answers what the test scripts."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from sandbox.app import Sandbox
from sandbox.control.client import SandboxClient
from sandbox.pytest_plugin import sandbox, sandbox_options, sandbox_server
from tests.executor.planning import Planner, running_planner

__all__ = ["sandbox", "sandbox_options", "sandbox_server"]


@pytest.fixture
def executor_options() -> dict[str, str]:
    """Environment variables on top of the usual ones; override it in a module."""
    return {}


@pytest_asyncio.fixture
async def planner(
    sandbox_server: Sandbox, sandbox: SandboxClient, redis_url: str, executor_options: dict[str, str]
) -> AsyncIterator[Planner]:
    """Makes plans as members of the sandbox's first guild."""
    async with running_planner(sandbox_server, sandbox, redis_url, executor_options) as running:
        yield running
