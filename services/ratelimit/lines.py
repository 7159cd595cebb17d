"""How calls of scripts reach the store.

For one server the connections of redis-py are used directly: its client spends more time on a call than Redis does on
the script. A cluster's client finds the node of a slot and follows its moves, which is worth its price.
"""

import asyncio
from typing import Any, Protocol, cast

from hiredis import pack_command
from redis.asyncio import Redis, RedisCluster
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ResponseError

Argument = bytes | str | int


class Line(Protocol):
    """Sends a command and gives its answer."""

    async def call(self, *command: Argument) -> bytes:
        """Raises what redis-py raises."""
        ...

    async def close(self) -> None:
        """Closes what is kept open."""
        ...


class ServerLine:
    """One server."""

    def __init__(self, redis: Redis) -> None:
        self._pool: Any = redis.connection_pool
        self._idle: list[AbstractConnection] = []

    async def call(self, *command: Argument) -> bytes:
        """One call on a connection that nobody else uses meanwhile."""
        connection = self._idle.pop() if self._idle else await self._connect()
        try:
            await connection.send_packed_command([pack_command(cast(Any, command))], check_health=False)
            answer = await connection.read_response()
        except ResponseError:
            self._idle.append(connection)
            raise
        except BaseException:
            # The answer may still come, and what broke this connection broke the idle ones.
            broken = [connection, *self._idle]
            self._idle.clear()
            for one in broken:
                await asyncio.shield(one.disconnect(nowait=True))
                await asyncio.shield(self._pool.release(one))
            raise
        self._idle.append(connection)
        return cast(bytes, answer)

    async def _connect(self) -> AbstractConnection:
        return cast(AbstractConnection, await self._pool.get_connection())

    async def close(self) -> None:
        """Hands the connections back to the client's pool, which closes them."""
        idle, self._idle = self._idle, []
        for connection in idle:
            await self._pool.release(connection)


class ClusterLine:
    """A cluster."""

    def __init__(self, cluster: RedisCluster) -> None:
        self._cluster: Any = cluster

    async def call(self, *command: Argument) -> bytes:
        """One call on the node that the keys belong to."""
        return cast(bytes, await self._cluster.execute_command(*command))

    async def close(self) -> None:
        """The client closes its own connections."""


def line_to(redis: Any) -> Line:
    """The line to a server, or to a cluster."""
    return ClusterLine(redis) if isinstance(redis, RedisCluster) else ServerLine(redis)
