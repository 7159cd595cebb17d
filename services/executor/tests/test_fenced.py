"""Nothing is sent after the lease, whenever the process stood still."""

from __future__ import annotations

import asyncio
import math
import time
from dataclasses import dataclass

import aiohttp
import pytest

from services.executor.discord.bodies import File
from services.executor.discord.fenced import FencedRequest, under
from services.executor.discord.rest import Call
from services.executor.discord.routes import Route
from services.executor.jobs.model import LeaseLost
from services.executor.tests.rest_server import Setup, setup

__all__ = ["setup"]

SEND = Route.of("POST", "/channels/{channel_id}/messages", channel_id=5)
EDIT = Route.of("PATCH", "/channels/{channel_id}", channel_id=5)


@dataclass
class Standing:
    """A lease that ends while the whole process stands still, right after a call was begun."""

    until: float = math.inf
    name: str = "partition/1"
    epoch: int = 1

    def remaining(self) -> float:
        """Seconds that are left."""
        return self.until - time.monotonic()

    async def __aenter__(self) -> None:
        self.until = time.monotonic() + 0.2
        asyncio.get_running_loop().call_soon(time.sleep, 0.3)

    async def __aexit__(self, *error: object) -> None:
        self.until = math.inf if error[0] is None else self.until


@pytest.mark.parametrize("files", [[], [File("a.txt", b"inside")]])
@pytest.mark.parametrize("route", [SEND, EDIT])
async def test_who_stood_still_until_the_lease_was_over_sends_nothing(
    setup: Setup, route: Route, files: list[File]
) -> None:
    lease = Standing()
    # The next call finds its connection open.
    await setup.rest.call(Call(SEND, {"content": "before"}, fence=lease))
    with pytest.raises(LeaseLost):
        await setup.rest.call(Call(route, {"content": "after"}, files=files, fence=lease, passage=lease))
    await setup.rest.call(Call(SEND, {"content": "another owner's"}))
    assert [body["content"] for *_, body in setup.discord.seen] == ["before", "another owner's"]


async def test_who_stood_still_while_connecting_sends_nothing(setup: Setup) -> None:
    async def stand_still(*_: object) -> None:
        time.sleep(0.3)  # noqa: ASYNC251 - the whole process shall stand still

    slow = aiohttp.TraceConfig()
    slow.on_connection_create_end.append(stand_still)
    lease = Standing(until=time.monotonic() + 0.2)
    async with aiohttp.ClientSession(setup.address, request_class=FencedRequest, trace_configs=[slow]) as session:
        with pytest.raises(LeaseLost), under(lease):
            await session.delete("/channels/5")
        async with session.delete("/channels/6") as answer:
            assert answer.status == 200
    assert [path for _, path, *_ in setup.discord.seen] == ["/channels/6"]
