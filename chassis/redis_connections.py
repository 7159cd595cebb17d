"""Connections to Redis whose calls end when they are cancelled.

redis-py bounds a write with `asyncio.wait_for`, which up to Python 3.11 swallows a cancellation that comes just as the
write is done (https://github.com/python/cpython/issues/86296): whoever cancelled waits for ever. It also
makes a task of each write. `asyncio.timeout` does neither.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any, TypeVar

from redis.asyncio import Redis, RedisCluster
from redis.asyncio.connection import AbstractConnection, Connection, SSLConnection, UnixDomainSocketConnection
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

ClientT = TypeVar("ClientT", Redis, RedisCluster)


class _Cancellable(AbstractConnection):
    """Bounds its writes without hiding a cancellation."""

    async def send_packed_command(self, command: bytes | str | Iterable[bytes], check_health: bool = True) -> None:
        """Writes a command that is packed. Raises redis-py's TimeoutError and ConnectionError."""
        if not self.is_connected:
            await self.connect_check_health(check_health=False)
        if check_health:
            await self.check_health()  # type: ignore[no-untyped-call]
        packed = command.encode() if isinstance(command, str) else command
        try:
            async with asyncio.timeout(self.socket_timeout):
                await self._send_packed_command([packed] if isinstance(packed, bytes) else packed)
        except TimeoutError:
            await self.disconnect(nowait=True)
            raise RedisTimeoutError("Timeout writing to socket") from None
        except OSError as error:
            await self.disconnect(nowait=True)
            raise RedisConnectionError(f"Error while writing to socket: {error}") from error
        except BaseException:
            # Half a command may have been written, so nothing else can be said on this connection.
            await self.disconnect(nowait=True)
            raise


class _OverTcp(_Cancellable, Connection):
    """By TCP."""


class _OverTls(_Cancellable, SSLConnection):
    """By TLS."""


class _OverSocketFile(_Cancellable, UnixDomainSocketConnection):
    """By a Unix domain socket."""


_IN_PLACE_OF: dict[type[AbstractConnection], type[AbstractConnection]] = {
    Connection: _OverTcp,
    SSLConnection: _OverTls,
    UnixDomainSocketConnection: _OverSocketFile,
}


def cancellable(client: ClientT) -> ClientT:
    """Lets a client that has not connected yet use these connections."""
    if isinstance(client, RedisCluster):
        options: dict[str, Any] = client.get_connection_kwargs()
        options["connection_class"] = _IN_PLACE_OF[options.get("connection_class", Connection)]
    else:
        pool = client.connection_pool
        pool.connection_class = _IN_PLACE_OF[pool.connection_class]
    return client
