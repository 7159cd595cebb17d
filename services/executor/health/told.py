"""What guilds were told of the platform's health: one document, so that whoever watches next says nothing twice."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import redis.asyncio as redis

from chassis.stored import as_known
from services.executor.health.book import Told
from services.executor.jobs import keys


@dataclass(frozen=True)
class Record:
    """The document. `number` counts posts; a post that is tried again keeps its number, and so becomes one job."""

    number: int = 0
    posted_at: float = 0.0
    parts: Mapping[str, Told] = field(default_factory=dict)


class ToldStore:
    """Keeps it in Redis. Only the leader writes, and a late former leader can at worst repeat a number."""

    def __init__(self, client: redis.Redis) -> None:
        self._redis: Any = client

    async def load(self) -> Record:
        """The document; an empty one where there is none."""
        document = await self._redis.get(keys.HEALTH_TOLD)
        if document is None:
            return Record()
        found = json.loads(document)
        parts = {name: as_known(Told, told) for name, told in found["parts"].items()}
        return Record(found["number"], found["posted_at"], parts)

    async def save(self, record: Record) -> None:
        """Writes it."""
        await self._redis.set(keys.HEALTH_TOLD, json.dumps(asdict(record)))
