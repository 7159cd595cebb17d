"""Fixtures that every test may ask for."""

from collections.abc import Iterator

import pytest
import redis
from aiohttp import web_app

from tests.support.clock import ManualClock
from tests.support.redis_process import RedisProcess


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisProcess]:
    """One Redis server for the whole run; `.url` says where."""
    server = RedisProcess()
    server.start()
    yield server
    server.close()


@pytest.fixture
def redis_url(redis_server: RedisProcess) -> str:
    """The address of an empty database."""
    with redis.Redis.from_url(redis_server.url) as client:
        client.flushall()
    return redis_server.url


@pytest.fixture
def clock() -> ManualClock:
    """A clock that stands still until the test moves it."""
    return ManualClock()


@pytest.fixture(autouse=True)
def forgotten_web_applications() -> Iterator[None]:
    """Nothing is left of a test's web applications.

    aiohttp remembers a thousand handlers with their applications until the process ends: no matter where there is one
    application, but of the sandbox's tests each has its own, and a run grew to three gigabytes.
    """
    yield
    web_app._cached_build_middleware.cache_clear()
