"""What executor's tests share."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import redis.asyncio as redis

from chassis.clock import SystemClock
from chassis.redis_clients import connect
from chassis.settings.shared import Redis as RedisSettings
from services.executor.jobs.redis_store import JobStore
from services.executor.jobs.settings import JobSettings


@pytest.fixture
def job_settings() -> JobSettings:
    """Small and quick."""
    return JobSettings(
        partitions=4,
        lease_seconds=1.0,
        heartbeat_seconds=0.1,
        read_block_seconds=0.05,
        backoff_seconds=0.01,
        max_backoff_seconds=0.05,
        drain_seconds=0.5,
    )


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[redis.Redis]:
    """A client of an empty Redis."""
    connected = connect(redis_url, RedisSettings())
    yield connected
    await connected.aclose()


@pytest.fixture
def store(client: redis.Redis, job_settings: JobSettings) -> JobStore:
    """The job store."""
    return JobStore(client, job_settings, SystemClock())
