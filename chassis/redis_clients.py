"""Connections to Redis by role, with time-outs and retries that leave a caller time to say so."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Literal, cast
from urllib.parse import urlsplit

from redis import exceptions
from redis.asyncio import Redis, RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import RedisError

from chassis.problems import StartupError
from chassis.redis_connections import cancellable
from chassis.rpc.health import HealthPart
from chassis.settings.shared import Redis as RedisSettings

_LOOK_SECONDS = 5.0
Role = Literal["durable", "limits", "cache"]


class RedisClients:
    """The clients of one process: one for each address, however many roles it has."""

    def __init__(self, settings: RedisSettings) -> None:
        self._settings = settings
        self._by_address: dict[str, Redis] = {}

    def get(self, role: Role) -> Redis:
        """The client for a role. It connects when first used. Answers are bytes."""
        address = self._settings.address(role)
        if address not in self._by_address:
            self._by_address[address] = connect(address, self._settings)
        return self._by_address[address]

    def shown(self) -> Mapping[str, Redis]:
        """The clients by their addresses as they may be shown."""
        return {without_password(address): client for address, client in self._by_address.items()}

    async def check(self) -> None:
        """StartupError where a server that was asked for does not answer."""
        for address, client in self._by_address.items():
            try:
                await client.ping()
            except RedisError as error:
                raise StartupError(
                    f"Redis at {without_password(address)} does not answer", remedy_for(error)
                ) from error

    async def watch(self, part: Callable[[str], HealthPart]) -> None:
        """Tells how each server is, by address, for as long as the process runs."""
        while True:
            for address, client in tuple(self._by_address.items()):
                state = part(f"redis {without_password(address)}")
                try:
                    await client.ping()
                    state.serving()
                except RedisError as error:
                    state.not_serving(type(error).__name__)
            await asyncio.sleep(_LOOK_SECONDS)

    async def close(self) -> None:
        """Closes every connection."""
        for client in self._by_address.values():
            await client.aclose()


def connect(address: str, settings: RedisSettings) -> Redis:
    """A client for one server, or for a cluster by one of its nodes."""
    retry = Retry(ExponentialBackoff(cap=0.5, base=0.05), settings.retries)
    options: dict[str, Any] = {
        "socket_connect_timeout": settings.connect_timeout,
        "socket_timeout": settings.timeout,
        "health_check_interval": 15,
        "retry": retry,
    }
    if settings.username:
        options["username"] = settings.username
    if settings.password:
        options["password"] = settings.password.get_secret_value()
    if settings.cluster:
        # The cluster's client has every command of the plain one that we use, but shares no class with it.
        return cast(Redis, cancellable(RedisCluster.from_url(address, **options)))
    return cancellable(
        Redis.from_url(
            address,
            retry_on_error=[exceptions.ConnectionError, exceptions.TimeoutError, exceptions.BusyLoadingError],
            max_connections=settings.max_connections,
            **options,
        )
    )


def without_password(address: str) -> str:
    """An address that may be shown."""
    parts = urlsplit(address)
    host = parts.hostname or ""
    return f"{parts.scheme}://{host}{f':{parts.port}' if parts.port else ''}{parts.path}"


def remedy_for(error: RedisError) -> str:
    """What an operator does about a server that does not answer."""
    text = str(error).lower()
    if "noauth" in text or "wrongpass" in text or "authentication" in text:
        return "it wants other credentials; check the address, REDIS_PASSWORD and redis.username"
    return "start it, or set REDIS_URL (REDIS_DURABLE_URL, REDIS_LIMITS_URL, REDIS_CACHE_URL) to one that runs"
