"""What several tests of this service need."""

from pathlib import Path

import pytest

from services.llm.tests.limiter import World


@pytest.fixture
def world(tmp_path: Path, redis_url: str) -> World:
    """A service with a server of limits beside it, to be started."""
    return World(tmp_path, redis_url)
