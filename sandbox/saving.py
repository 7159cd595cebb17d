"""When the state is written: soon after it changed, so that a sandbox that is killed loses a few seconds at most.

The world is copied on its own thread, in between requests, so that what is written is of one moment; the copy is
turned into text and put in place beside it. A large world takes a while to copy, so the pauses grow with that.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator
from pathlib import Path

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from sandbox.discord import store
from sandbox.discord.world import World

_LOG = logging.getLogger(__name__)
# Copying may take one second of that many.
_SHARE = 50.0
_READING = frozenset({"GET", "HEAD", "OPTIONS"})


class Saver:
    """Knows whether something changed since the last time, and writes it."""

    def __init__(self, world: World, path: Path, pause_seconds: float) -> None:
        self._world = world
        self._path = path
        self._pause = pause_seconds
        self._requests = 0
        self._written: tuple[int, int] | None = None
        self._stopping = asyncio.Event()

    def attach(self, app: web.Application) -> None:
        """Saves while the application runs, and once more when everything else of it has stopped."""
        app.middlewares.append(self._noting())
        app.cleanup_ctx.append(self._alongside)

    def _noting(self) -> Middleware:
        """Notes every request that may have changed something."""

        @web.middleware
        async def note(request: web.Request, handler: Handler) -> web.StreamResponse:
            try:
                return await handler(request)
            finally:
                if request.method not in _READING:
                    self._requests += 1

        return note

    async def _alongside(self, _: web.Application) -> AsyncIterator[None]:
        task = asyncio.create_task(self._keep_saving())
        yield
        self._stopping.set()
        await task
        await self._save()

    async def _save(self) -> float:
        """Writes the state where it changed; answers how long copying it took, in seconds."""
        now = (self._world.event_number, self._requests)
        if now == self._written:
            return 0.0
        started = time.perf_counter()
        state = store.snapshot(self._world)
        copying = time.perf_counter() - started
        await asyncio.to_thread(store.write, state, self._path)
        self._written = now
        return copying

    async def _keep_saving(self) -> None:
        """Saves again and again; a disk that refuses is reported and asked again."""
        pause = self._pause
        while not self._stopping.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._stopping.wait()
                return
            try:
                pause = max(self._pause, _SHARE * await self._save())
            except OSError:
                _LOG.exception("The state could not be written to %s; trying again in %.0f s", self._path, pause)
