"""What a real server says when it takes nothing, and when it refuses a wrong command."""

from __future__ import annotations

import pytest
import redis.asyncio as redis
from redis.exceptions import BusyLoadingError, ClusterDownError, RedisError, ResponseError

from chassis.errors import Internal, Unavailable
from chassis.redis_clients import connect
from chassis.redis_outage import is_outage
from chassis.rpc.serving import as_error
from chassis.settings.shared import Redis as RedisSettings
from tests.support.redis_full import FULL
from tests.support.redis_process import RedisProcess


async def refusals(client: redis.Redis) -> list[RedisError]:
    """How a write by itself, one among others and one in a transaction are refused."""
    found = []
    for transaction in (None, False, True):
        with pytest.raises(RedisError) as refused:
            if transaction is None:
                await client.set("key", "value")
            else:
                async with client.pipeline(transaction=transaction) as pipe:
                    pipe.get("other")
                    pipe.set("key", "value")
                    await pipe.execute()
        found.append(refused.value)
    return found


@pytest.mark.parametrize("what", sorted(FULL))
async def test_a_store_without_room_is_away_for_now(what: str) -> None:
    server = RedisProcess()
    server.start()
    client = connect(server.url, RedisSettings())
    try:
        async with FULL[what](server):
            for error in await refusals(client):
                assert is_outage(error), error
                assert isinstance(as_error(error), Unavailable)
        assert await client.set("key", "value")
    finally:
        await client.aclose()
        server.close()


async def test_what_is_wrong_with_a_command_does_not_pass(redis_url: str) -> None:
    client = connect(redis_url, RedisSettings())
    try:
        await client.set("text", "MISCONF is but a word here")
        with pytest.raises(ResponseError) as refused:
            await client.hset("text", "field", "MISCONF ")
        assert not is_outage(refused.value)
        assert isinstance(as_error(refused.value), Internal)
    finally:
        await client.aclose()


@pytest.mark.parametrize("error", [BusyLoadingError(), ClusterDownError("CLUSTERDOWN"), ConnectionRefusedError()])
def test_who_is_away(error: BaseException) -> None:
    assert is_outage(error) == isinstance(error, RedisError)
