"""A whole executor looks at the platform's parts from its start on."""

from __future__ import annotations

import redis.asyncio as redis

from services.executor.jobs import keys
from tests.executor.planning import Planner
from tests.support.waiting import eventually


async def test_health_is_watched_from_the_start_on(planner: Planner, redis_url: str) -> None:
    async with redis.Redis.from_url(redis_url) as client:

        async def looked_at() -> bool:
            return bool(await client.exists(keys.HEALTH_PROBE))

        await eventually(looked_at)
