"""What several tests of this service need."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.llm.tests.limiter import World


@pytest.fixture
def world(tmp_path: Path, redis_url: str) -> World:
    """A service with a server of limits beside it, to be started."""
    return World(tmp_path, redis_url)


@pytest.fixture
def closed() -> Iterator[str]:
    """The address of a provider that refuses connections, on a port that nobody else can take meanwhile."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
