"""Drives a fair queue: tries its heads when their time comes."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from chassis.clock import Clock
from services.ratelimit.fair_queue import FairQueue, Waiter

_Item = TypeVar("_Item")


async def run_queue(
    queue: FairQueue[_Item],
    clock: Clock,
    changed: asyncio.Event,
    attempt: Callable[[Waiter[_Item]], Awaitable[None]],
    tries: set[asyncio.Task[None]],
) -> None:
    """Tries the heads of a queue when their time comes; for ever."""

    async def one(waiter: Waiter[_Item]) -> None:
        await attempt(waiter)
        changed.set()

    while True:
        changed.clear()
        for waiter in queue.due(clock.monotonic()):
            task = asyncio.create_task(one(waiter))
            tries.add(task)
            task.add_done_callback(tries.discard)
        following = queue.next_time()
        delay = None if following is None else max(0.0, following - clock.monotonic())
        try:
            async with asyncio.timeout(delay):
                await changed.wait()
        except TimeoutError:
            continue
