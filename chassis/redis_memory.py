"""What fills the Redis servers: how full each is, and which families of keys a service keeps there.

A family is a key's name without what differs from one key to the next: `llm:conversation:157…:head` belongs to
`llm:conversation:*:head`. Every key of the service's own prefix is counted, one in `SAMPLED` is measured, and its
family's memory is reckoned from those. The look is spread over many short calls, so that it holds nobody up.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog
from opentelemetry.metrics import CallbackOptions, Meter, Observation
from redis.asyncio import Redis
from redis.exceptions import RedisError

from chassis.telemetry import meter as of_process

SAMPLED = 16
_PAGE = 500
# A store of more keys than these is not read to its end; families that are seen by then are the ones that fill it.
_MOST_KEYS = 200_000
_NESTED_SAMPLES = 5
_log = structlog.stdlib.get_logger(__name__)


@dataclass
class Usage:
    """One server as it was seen."""

    used: int = 0
    """Bytes in use."""
    limit: int = 0
    """Bytes that it may use: its own bound, else the machine's memory."""
    keys: Counter[str] = field(default_factory=Counter)
    """Keys of this service by family."""
    memory: dict[str, int] = field(default_factory=dict)
    """Bytes of this service by family, reckoned."""


def family(key: str) -> str:
    """The family of a key."""
    return ":".join("*" if any(letter.isdigit() for letter in part) else part for part in key.split(":"))


class RedisMemory:
    """Looks at the servers of one process now and then."""

    def __init__(
        self, stores: Mapping[str, Redis], prefix: str, *, interval: float, meter: Meter | None = None
    ) -> None:
        """`meter` is where the gauges are shown; the process's own by default."""
        self._stores: Mapping[str, Any] = stores
        self._prefix = prefix
        self._interval = interval
        self._seen: dict[str, Usage] = {}
        gauges = meter or of_process()
        gauges.create_observable_gauge("guildhall.redis.memory.used", [self._used], "By", "Memory in use")
        gauges.create_observable_gauge("guildhall.redis.memory.limit", [self._limits], "By", "Memory there is")
        gauges.create_observable_gauge("guildhall.redis.keys.count", [self._counts], "{key}", "Keys by family")
        gauges.create_observable_gauge("guildhall.redis.keys.memory", [self._memory], "By", "Memory of keys by family")

    async def measure(self) -> None:
        """Looks until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(self._interval)

    async def look(self) -> None:
        """Looks once at every server; one that is away is left out until it is back."""
        for name, client in tuple(self._stores.items()):
            try:
                self._seen[name] = await look_at(client, self._prefix)
            except RedisError as error:
                self._seen.pop(name, None)
                _log.info("redis memory is not known", store=name, error=type(error).__name__)

    def facts(self) -> Mapping[str, Any]:
        """What was seen, for operators: the largest families first."""
        return {
            name: {
                "used_bytes": usage.used,
                "limit_bytes": usage.limit,
                "families": [
                    {"family": one, "keys": usage.keys[one], "bytes": size}
                    for one, size in sorted(usage.memory.items(), key=lambda item: -item[1])
                ],
            }
            for name, usage in self._seen.items()
        }

    def _used(self, _: CallbackOptions) -> Iterable[Observation]:
        return [Observation(usage.used, {"guildhall.redis.store": name}) for name, usage in self._seen.items()]

    def _limits(self, _: CallbackOptions) -> Iterable[Observation]:
        return [Observation(usage.limit, {"guildhall.redis.store": name}) for name, usage in self._seen.items()]

    def _counts(self, _: CallbackOptions) -> Iterable[Observation]:
        return self._by_family([usage.keys for usage in self._seen.values()])

    def _memory(self, _: CallbackOptions) -> Iterable[Observation]:
        return self._by_family([usage.memory for usage in self._seen.values()])

    def _by_family(self, tables: Sequence[Mapping[str, int]]) -> Iterable[Observation]:
        return [
            Observation(value, {"guildhall.redis.store": store, "guildhall.redis.family": one})
            for store, table in zip(self._seen, tables, strict=True)
            for one, value in table.items()
        ]


async def look_at(client: Any, prefix: str) -> Usage:
    """One server, or the cluster that a client stands for, as it is now. Raises RedisError."""
    usage = Usage()
    for node in _nodes(await client.info("memory")):
        usage.used += int(node["used_memory"])
        usage.limit += int(node.get("maxmemory") or node.get("total_system_memory") or 0)
    measured: Counter[str] = Counter()
    samples: Counter[str] = Counter()
    names: list[str] = []
    async for raw in client.scan_iter(match=f"{prefix}*", count=_PAGE):
        names.append(raw.decode(errors="replace") if isinstance(raw, bytes) else raw)
        if len(names) >= _MOST_KEYS:
            break
    for name in names:
        one = family(name)
        usage.keys[one] += 1
        if usage.keys[one] % SAMPLED == 1:
            samples[one] += 1
            measured[one] += int(await client.memory_usage(name, samples=_NESTED_SAMPLES) or 0)
    usage.memory = {one: measured[one] * count // samples[one] for one, count in usage.keys.items()}
    return usage


def _nodes(answer: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The answers of all nodes: a cluster's client gives them by node, the plain one gives its own."""
    return [answer] if "used_memory" in answer else list(answer.values())
