"""Gathers deltas, so that a stream of tiny pieces costs few messages.

The first delta is passed on at once: it is what a person waits for. Later ones are gathered for a window and passed on
together. Whatever ends the stream ends the window too.

Waking up for a token costs more than the token. So once a stream has gone on for a while, the source is not read while
a window is open: what comes meanwhile waits in the connection's buffer and is read at once. The end of such a stream is
noticed up to a window late.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import suppress
from typing import TypeVar

from services.llm.chat import TextDelta, ThinkingDelta

E = TypeVar("E")
SETTLED = 0.25
"""Seconds after which a stream is a long one."""


def merge(events: Sequence[E]) -> list[E | TextDelta | ThinkingDelta]:
    """The same events with neighbouring deltas of one kind joined."""
    merged: list[E | TextDelta | ThinkingDelta] = []
    run: list[str] = []
    kind: type[TextDelta | ThinkingDelta] | None = None
    for event in events:
        if isinstance(event, (TextDelta, ThinkingDelta)):
            if kind is None or not isinstance(event, kind):
                if kind is not None:
                    merged.append(kind("".join(run)))
                kind, run = (TextDelta if isinstance(event, TextDelta) else ThinkingDelta), []
            run.append(event.text)
            continue
        if kind is not None:
            merged.append(kind("".join(run)))
            kind, run = None, []
        merged.append(event)
    if kind is not None:
        merged.append(kind("".join(run)))
    return merged


async def coalesce(
    source: AsyncIterator[E], window: float
) -> AsyncGenerator[list[E | TextDelta | ThinkingDelta], None]:
    """Batches of merged events, none of them empty.

    Args:
        source: The events. It is closed when this generator is.
        window: Seconds between two batches at least, unless the stream ends.

    An exception of the source is raised after all that came before it.
    """
    loop = asyncio.get_running_loop()
    buffer: list[E] = []
    arrived = asyncio.Event()
    done = asyncio.Event()

    async def pump() -> None:
        try:
            async for event in source:
                buffer.append(event)
                arrived.set()
                now = loop.time()
                if settled < now < due:
                    await asyncio.sleep(due - now)
        finally:
            done.set()
            arrived.set()

    due = loop.time()
    settled = due + SETTLED
    task = asyncio.create_task(pump())
    try:
        while not (done.is_set() and not buffer):
            await arrived.wait()
            wait = due - loop.time()
            if wait > 0 and not done.is_set():
                with suppress(TimeoutError):
                    async with asyncio.timeout(wait):
                        await done.wait()
            arrived.clear()
            if done.is_set():
                arrived.set()
            batch = merge(buffer)
            buffer.clear()
            if batch:
                due = loop.time() + window
                yield batch
        await task
    finally:
        task.cancel()
        await asyncio.wait({task})
        if not task.cancelled():
            task.exception()  # a consumer that has left wants no error either
        closing = getattr(source, "aclose", None)
        if closing is not None:
            await closing()
