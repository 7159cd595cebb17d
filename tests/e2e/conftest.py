"""One running platform for the tests that leave it as they found it; the others start their own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from sandbox.control.client import SandboxClient
from tests.e2e.asking import Guild
from tests.support.platform import RunningPlatform


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def platform(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningPlatform]:
    """The whole platform, shared."""
    async with RunningPlatform(tmp_path_factory.mktemp("platform")) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def sandbox(platform: RunningPlatform) -> AsyncIterator[SandboxClient]:
    """A client of the shared platform's sandbox."""
    async with SandboxClient(platform.page, platform.control_token) as client:
        yield client
        await client.call("DELETE", "/model/api/rules")
        await client.call("DELETE", "/control/faults")


@pytest_asyncio.fixture(loop_scope="session")
async def guild(sandbox: SandboxClient) -> Guild:
    """The seeded guild as a member of the test's own sees it."""
    return await Guild.joined(sandbox)


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    """A run folder for a platform of the test's own."""
    return tmp_path / "run"
