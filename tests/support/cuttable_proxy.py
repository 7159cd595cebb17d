"""A TCP proxy that can cut the network: what goes through it stands still, as if somebody had pulled the cable.

Nothing is closed or refused while it is cut, since no router tells anybody; each side has to notice by itself.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

_CHUNK = 65536


class CuttableProxy:
    """Hands connections on to a port of this machine."""

    def __init__(self, target_port: int) -> None:
        self._target = target_port
        self._whole = asyncio.Event()
        self._whole.set()
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self.port = 0

    async def start(self) -> None:
        """Listens on a free port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Closes everything."""
        if self._server is not None:
            self._server.close()
        for task in tuple(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    @contextlib.asynccontextmanager
    async def cut(self) -> AsyncIterator[None]:
        """Cuts the network for as long as the block lasts; what was sent meanwhile arrives afterwards."""
        self._whole.clear()
        try:
            yield
        finally:
            self._whole.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)
        with contextlib.suppress(OSError, asyncio.CancelledError):
            await self._whole.wait()
            to_reader, to_writer = await asyncio.open_connection("127.0.0.1", self._target)
            there = asyncio.create_task(self._copy(reader, to_writer))
            back = asyncio.create_task(self._copy(to_reader, writer))
            try:
                await asyncio.wait({there, back}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for one in (there, back):
                    one.cancel()
                await asyncio.gather(there, back, return_exceptions=True)
                to_writer.close()
        writer.close()

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(_CHUNK):
            await self._whole.wait()
            writer.write(data)
            await writer.drain()
