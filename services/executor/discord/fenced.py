"""Requests whose bytes leave only while the lease lasts.

Between a call's beginning and its bytes the loop may turn: a connection is opened, and where tasks do not start eagerly
(before Python 3.12) aiohttp writes a body a turn after its head. A process that stands still in between would send when
it wakes up, long after another owner has found that the call did not happen: no timer is looked at before. So the lease
is looked at where bytes are written. The head waits for its body, so of a call that is held back nothing was sent.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from aiohttp import ClientRequest, ClientResponse
from aiohttp.abc import AbstractStreamWriter
from aiohttp.connector import Connection

from services.executor.jobs.model import Fence, LeaseLost

_fence: ContextVar[Fence | None] = ContextVar("fence", default=None)


@contextmanager
def under(fence: Fence | None) -> Iterator[None]:
    """What is requested inside is sent under this lease; without one, always."""
    token = _fence.set(fence)
    try:
        yield
    finally:
        _fence.reset(token)


class FencedRequest(ClientRequest):
    """Raises `LeaseLost`, or closes its connection, instead of sending too late."""

    async def send(self, conn: Connection) -> ClientResponse:
        """Sends the head, and the body soon after."""
        fence = _fence.get()
        if fence is not None and fence.remaining() <= 0:
            raise LeaseLost(fence.name)
        return await super().send(conn)

    async def write_bytes(
        self, writer: AbstractStreamWriter, conn: Connection, content_length: int | None = None
    ) -> None:
        """Sends the body, with the head before it."""
        fence = _fence.get()
        if fence is not None and fence.remaining() <= 0:
            # Whoever waits for the answer sees the connection end.
            conn.close()
            return
        await super().write_bytes(writer, conn, content_length)
