"""Real servers, channels and services for tests, in this process, on loopback.

```python
async with serve_in_process((add_XServicer_to_server, servicer), name="x") as address:
    async with channel_to(address, audience="x", caller=Caller("gateway", Person(user_id=1))) as channel:
        await XStub(channel).Method(request, timeout=5)

async with running_service("llm", LlmSettings, build, variables={"REDIS_URL": redis_url}) as service:
    async with channel_to(service.address, audience="llm") as channel: ...
```
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from chassis.caller import Caller, acting_for
from chassis.caller_signing import Signer, Verifier
from chassis.clock import Clock, SystemClock
from chassis.rpc.channel import Channel, open_channel
from chassis.rpc.health import Health
from chassis.rpc.server import Server
from chassis.runtime import Runtime
from chassis.service import Service
from chassis.settings.loading import load
from chassis.settings.section import Section
from chassis.settings.shared import Rpc

Servicer = tuple[Callable[[Any, Any], None], object]
S = TypeVar("S", bound=Section)


class TestKeys:
    """One key for every service."""

    __test__ = False

    def keys(self, service: str) -> Sequence[bytes]:
        """The same for all."""
        return (b"a key that only tests know, of 32 bytes at least",)


@asynccontextmanager
async def serve_in_process(
    *servicers: Servicer, name: str = "test", callers: Mapping[str, Collection[str]] | None = None
) -> AsyncIterator[str]:
    """Serves contracts as the service `name` would and gives the address. Without `callers` any service may call."""
    health = Health()
    server = Server(Rpc(), Verifier(name, TestKeys(), SystemClock(), clock_skew=5.0), health)
    for add_to_server, servicer in servicers:
        server.registrar.add(add_to_server, servicer, callers)
    await server.start(0)
    health.started(tuple(server.registrar.services))
    await health.publish()
    try:
        yield f"127.0.0.1:{server.port}"
    finally:
        await server.stop(0)


@asynccontextmanager
async def channel_to(address: str, caller: Caller | None = None, *, audience: str = "test") -> AsyncIterator[Channel]:
    """A channel whose calls are made by `caller`, the system's own work of a service `test` by default."""
    caller = caller or Caller("test")
    channel = open_channel(address, audience, Signer(caller.service, TestKeys(), SystemClock()))
    with acting_for(caller.person):
        try:
            yield channel
        finally:
            await channel.close()


@dataclass(frozen=True)
class RunningService(Generic[S]):
    """A service that runs in this process."""

    address: str
    runtime: Runtime[S]


@asynccontextmanager
async def running_service(
    name: str,
    settings_type: type[S],
    build: Callable[[Runtime[S]], Awaitable[None]],
    *,
    variables: Mapping[str, str],
    clock: Clock | None = None,
) -> AsyncIterator[RunningService[S]]:
    """Runs a whole service as `service.run` does, configured by environment variables, on a free port."""
    quick = {f"GUILDHALL_RPC__PORTS__{name.upper()}": "0", "GUILDHALL_RPC__DRAIN": "0", "GUILDHALL_RPC__GRACE": "1"}
    everything = quick | dict(variables)
    service = Service(
        name,
        settings_type,
        load(name, settings_type, everything),
        everything,
        clock=clock or SystemClock(),
        keys=TestKeys(),
    )
    try:
        await service.start(build)
        yield RunningService(f"127.0.0.1:{service.port}", service.runtime)
    finally:
        await service.stop()
