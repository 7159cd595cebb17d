"""What a service is given to be built from."""

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

import grpc
from redis.asyncio import Redis

from chassis.caller_keys import KeyRing
from chassis.caller_signing import Signer
from chassis.clock import Clock
from chassis.ids import new_id
from chassis.redis_clients import RedisClients, Role
from chassis.rpc.channel import Channel, open_channel
from chassis.rpc.health import Health, HealthPart
from chassis.rpc.replica_channels import ReplicaChannels
from chassis.rpc.server import Server
from chassis.rpc.tls import stamp, usable
from chassis.settings.live import Live
from chassis.settings.section import Section
from chassis.settings.shared import Shared
from chassis.telemetry.call_statistics import CallStatistics

S = TypeVar("S", bound=Section)
JSON = str | int | float | bool | None | Mapping[str, "JSON"] | list["JSON"]
_LOOK_AT_CERTIFICATES = 5.0
_REPLICA_IDLE_SECONDS = 60.0
"""A replica that nobody asks any more, and that may be gone, is not connected to again and again."""
Work = Callable[[], Awaitable[None]]


@dataclass(frozen=True)
class Background:
    """Work that lasts as long as the process."""

    name: str
    work: Work


class Runtime(Generic[S]):
    """One running service: its settings, its connections, and where it registers what it does."""

    def __init__(
        self,
        name: str,
        *,
        settings: Live[S],
        shared: Live[Shared],
        clock: Clock,
        keys: KeyRing,
        server: Server,
        health: Health,
    ) -> None:
        self.name = name
        self.settings = settings
        self.shared = shared
        self.clock = clock
        self.instance_id = f"{os.environ.get('POD_NAME') or socket.gethostname()}-{os.getpid()}-{new_id()[-6:]}"
        self.key_prefix = f"{name}:"
        """What every Redis key of this service begins with; its ACL user may touch no other."""
        self.calls = CallStatistics(clock)
        """What this process answered lately; served calls are counted by themselves, other work by whoever does it."""
        self.backgrounds: list[Background] = []
        self.stops: list[Work] = []
        self.statuses: dict[str, Callable[[], Mapping[str, JSON]]] = {}
        self.redis_clients = RedisClients(shared.current.redis)
        self._signer = Signer(name, keys, clock)
        self._server = server
        self._health = health
        self._channels: dict[str, Channel] = {}
        self.replicas = ReplicaChannels(partial(self._open, idle_after=_REPLICA_IDLE_SECONDS))
        """Channels to single replicas; see chassis.rpc.fan_out."""

    def redis(self, role: Role) -> Redis:
        """The client for a role; roles at one address share it. Keys begin with `key_prefix`."""
        return self.redis_clients.get(role)

    def channel(self, service: str, purpose: str = "") -> grpc.aio.Channel:
        """The channel to another service, shared in this process. Every call on it passes `timeout=`.

        Replicas take turns on a channel. Light calls that each come with a heavy one want a channel of their own, by
        their `purpose`: on one channel, of two replicas one would get all that is light, the other all that is heavy.
        """
        key = f"{service} {purpose}"
        if key not in self._channels:
            self._channels[key] = self._open(self.shared.current.rpc.address(service), service)
        return self._channels[key]

    def _open(self, target: str, service: str, idle_after: float | None = None) -> Channel:
        rpc = self.shared.current.rpc
        return open_channel(
            target,
            service,
            self._signer,
            tls=rpc.tls,
            keepalive=rpc.keepalive,
            max_message_bytes=rpc.max_message_bytes,
            idle_after=idle_after,
        )

    def serve(
        self,
        add_to_server: Callable[[Any, Any], None],
        servicer: object,
        *,
        callers: Mapping[str, Collection[str]],
    ) -> None:
        """Serves a contract. `callers` names for each method the services that may call it; others are refused."""
        self._server.registrar.add(add_to_server, servicer, callers, self.calls)

    def background(self, name: str, coroutine_function: Work) -> None:
        """Runs beside the server until the stop. Its end, by error or not, ends the process with an error."""
        self.backgrounds.append(Background(name, coroutine_function))

    def on_stop(self, coroutine_function: Work) -> None:
        """Runs after the last call under way is done, in reverse order; background work still runs then."""
        self.stops.append(coroutine_function)

    def health(self, part: str, *, critical: bool = True) -> HealthPart:
        """How a part is. The service is not serving until each critical part has said `.serving()`."""
        return self._health.part(part, critical=critical)

    def status(self, name: str, provider: Callable[[], Mapping[str, JSON]]) -> None:
        """Facts for operators, asked for by AdminService.GetStatus."""
        self.statuses[name] = provider

    async def renew_certificates(self) -> None:
        """Takes changed certificates into use on channels; runs for as long as the process does."""
        tls = self.shared.current.rpc.tls
        known = stamp(tls)
        while True:
            await asyncio.sleep(_LOOK_AT_CERTIFICATES)
            now = stamp(tls)
            if now is None or now == known:
                continue
            known = now
            if usable(tls):
                for channel in self._channels.values():
                    channel.renew()
                self.replicas.renew()

    async def close(self) -> None:
        """Closes channels and connections."""
        for channel in self._channels.values():
            await channel.close()
        await self.replicas.close()
        await self.redis_clients.close()
