"""Health that tells the truth (grpc.health.v1): each part says how it is, the whole is as well as its critical parts.

Names that may be asked for: `` (the whole, for readiness and load balancing), `live` (the process runs: for liveness,
which must never depend on anything else), each part's own name, and each contract's full name (as the whole).
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from grpc_health.v1 import health, health_pb2

LIVE = "live"
_SERVING = health_pb2.HealthCheckResponse.SERVING
_NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


class HealthPart:
    """One part of a service. It is not serving until it says so."""

    def __init__(self, owner: "Health", name: str, *, critical: bool) -> None:
        self._owner = owner
        self.name = name
        self.critical = critical
        self.is_serving = False
        self.why = "starting"

    def serving(self) -> None:
        """It works."""
        self._set(True, "")

    def not_serving(self, why: str) -> None:
        """It does not work; `why` is for operators."""
        self._set(False, why)

    def _set(self, is_serving: bool, why: str) -> None:
        changed = is_serving != self.is_serving
        self.is_serving, self.why = is_serving, why
        if changed:
            self._owner.changed()


@dataclass(frozen=True)
class PartState:
    """How a part is, for reports."""

    serving: bool
    critical: bool
    why: str


class Health:
    """The health of one process."""

    def __init__(self) -> None:
        self.servicer = health.aio.HealthServicer()
        self._parts: dict[str, HealthPart] = {}
        self._contracts: tuple[str, ...] = ()
        self._started = False
        self._wake = asyncio.Event()

    def part(self, name: str, *, critical: bool = True) -> HealthPart:
        """The part with a name; a new one is not serving yet. What is not critical is told, but the whole goes on."""
        if name not in self._parts:
            self._parts[name] = HealthPart(self, name, critical=critical)
            self.changed()
        return self._parts[name]

    @property
    def is_serving(self) -> bool:
        """Whether the whole is serving."""
        return self._started and all(part.is_serving for part in self._parts.values() if part.critical)

    def states(self) -> Mapping[str, PartState]:
        """How each part is."""
        return {name: PartState(part.is_serving, part.critical, part.why) for name, part in self._parts.items()}

    def changed(self) -> None:
        """Has the new state published."""
        self._wake.set()

    def started(self, contracts: tuple[str, ...]) -> None:
        """Everything is up: from now on the whole is as well as its parts."""
        self._contracts = contracts
        self._started = True
        self.changed()

    async def keep_published(self) -> None:
        """Publishes each change; runs for as long as the process does."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            await self.publish()

    async def publish(self) -> None:
        """Tells watchers the state as it is now."""
        await self.servicer.set(LIVE, _SERVING)
        whole = _SERVING if self.is_serving else _NOT_SERVING
        for name in ("", *self._contracts):
            await self.servicer.set(name, whole)
        for name, part in tuple(self._parts.items()):
            await self.servicer.set(name, _SERVING if part.is_serving else _NOT_SERVING)

    async def drain(self) -> None:
        """Says "not serving" for good, so that nobody sends new calls here."""
        self._started = False
        await self.servicer.enter_graceful_shutdown()
