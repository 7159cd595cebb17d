"""The pace of an answer: token i is due at start + first + i / rate, so that delays do not add up."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

Sleep = Callable[[float], Awaitable[None]]


async def paced(
    tokens: Sequence[str],
    *,
    per_second: float,
    first_seconds: float,
    sleep: Sleep = asyncio.sleep,
    monotonic: Callable[[], float] = time.monotonic,
) -> AsyncIterator[str]:
    """Gives each token when it is due; all at once where `per_second` is 0."""
    start = monotonic() + first_seconds
    if first_seconds > 0:
        await sleep(first_seconds)
    for index, token in enumerate(tokens):
        if per_second > 0 and index:
            wait = start + index / per_second - monotonic()
            if wait > 0:
                await sleep(wait)
        yield token
