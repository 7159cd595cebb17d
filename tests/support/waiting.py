"""Waiting for a condition instead of for a time."""

import asyncio
import inspect
import socket
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar, overload

T = TypeVar("T")


@overload
async def eventually(condition: Callable[[], Awaitable[T]], timeout: float = ..., interval: float = ...) -> T: ...
@overload
async def eventually(condition: Callable[[], T], timeout: float = ..., interval: float = ...) -> T: ...
async def eventually(condition: Callable[[], T | Awaitable[T]], timeout: float = 10.0, interval: float = 0.01) -> T:
    """Tries a condition (plain or async) until it is truthy and gives its value; fails with what it gave last.

    An AssertionError inside counts as "not yet", so a block of asserts can be waited for.
    """
    deadline = time.monotonic() + timeout
    while True:
        last: object
        try:
            result = condition()
            value = await result if inspect.isawaitable(result) else result
            if value:
                return value
            last = value
        except AssertionError as error:
            last = error
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout} s; last: {last!r}")
        await asyncio.sleep(interval)


def free_port() -> int:
    """A TCP port on loopback that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
