"""Waiting for a service that is away for a moment: while it restarts a person reads that the bot thinks, not an error.

Whoever sets a `Patience` makes every call inside wait, first unnoticed, then with the interaction acknowledged, as
long as nothing of the call was sent: the channel has no connection to a replica that serves. What broke while it was
under way is sent again only where the contract says that a repeat does no harm. Once patience ends the call is made all
the same, and fails as it would have.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import grpc
import structlog

from chassis.clock import Clock
from chassis.rpc.methods import method_at
from services.gateway.settings import Deadlines

_log = structlog.get_logger(__name__)

_FIRST_LOOK, _LONGEST_LOOK = 0.002, 0.05
_BROKEN = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)


class Patience:
    """How long what a person asked for may wait for services, and what they are shown meanwhile."""

    def __init__(self, clock: Clock, deadlines: Deadlines, hold: Callable[[], Awaitable[None]] | None = None) -> None:
        self._clock = clock
        self._hold = hold
        self._hold_at = clock.monotonic() + deadlines.unnoticed
        self._until = clock.monotonic() + deadlines.away

    @property
    def left(self) -> bool:
        """Whether there is any."""
        return self._clock.monotonic() < self._until

    async def hold(self) -> None:
        """Shows the person that the bot thinks."""
        if self._hold is not None:
            await self._hold()
            self._hold = None

    async def wait(self, service: str, connected: Callable[[], bool]) -> bool:
        """Returns once there is a connection, or when patience ended; whether there is one."""
        if connected():
            return True
        _log.info("waiting for a service", service=service)
        # Looked at again and again: what gRPC offers to wait for a change goes on when its waiter is cancelled.
        delay = _FIRST_LOOK
        while not connected():
            if not self.left:
                return False
            if self._clock.monotonic() >= self._hold_at:
                await self.hold()
            await asyncio.sleep(delay)
            delay = min(_LONGEST_LOOK, delay * 2)
        return True


_patience: ContextVar[Patience | None] = ContextVar("patience", default=None)


@contextmanager
def patient(patience: Patience | None) -> Iterator[None]:
    """Lets the calls inside wait."""
    token = _patience.set(patience)
    try:
        yield
    finally:
        _patience.reset(token)


class PatientChannel:
    """A channel for stubs, whose calls with one request wait where somebody is patient; others pass."""

    def __init__(self, channel: grpc.aio.Channel, service: str) -> None:
        self._channel = channel
        self.service = service

    def unary_unary(self, method: str, *arguments: Any, **options: Any) -> "_One":
        """A method with one response."""
        return _One(self, method, self._channel.unary_unary(method, *arguments, **options))

    def unary_stream(self, method: str, *arguments: Any, **options: Any) -> "_Many":
        """A method with many responses."""
        return _Many(self, method, self._channel.unary_stream(method, *arguments, **options))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._channel, name)

    def connected(self) -> bool:
        """Whether a replica serves."""
        return self._channel.get_state(try_to_connect=True) is grpc.ChannelConnectivity.READY


class _One:
    """A method with one response."""

    def __init__(self, channel: PatientChannel, path: str, call: Any) -> None:
        self._channel = channel
        self._path = path
        self._call = call

    def __call__(self, request: Any, **options: Any) -> Any:
        patience = _patience.get()
        return self._call(request, **options) if patience is None else self._patiently(patience, request, options)

    async def _patiently(self, patience: Patience, request: Any, options: dict[str, Any]) -> Any:
        waited = not self._channel.connected()
        while True:
            connected = await patience.wait(self._channel.service, self._channel.connected)
            try:
                return await self._call(request, wait_for_ready=connected, **options)
            except grpc.aio.AioRpcError as error:
                away = not self._channel.connected()
                # A service that has just come back is slow to give its first answers.
                if not (error.code() in _BROKEN and (away or waited) and patience.left):
                    raise
                if not method_at(self._path).idempotent:
                    raise
                waited = away
                await patience.hold()


class _Many:
    """A method with many responses."""

    def __init__(self, channel: PatientChannel, path: str, call: Any) -> None:
        self._channel = channel
        self._path = path
        self._call = call

    def __call__(self, request: Any, **options: Any) -> Any:
        patience = _patience.get()
        if patience is None:
            return self._call(request, **options)
        return _Responses(self._channel, patience, lambda: self._call(request, **options))


class _Responses:
    """The responses of a call that is made once there is a connection."""

    def __init__(self, channel: PatientChannel, patience: Patience, make: Callable[[], Any]) -> None:
        self._channel = channel
        self._patience = patience
        self._make = make
        self._made: Any = None

    async def __aiter__(self) -> AsyncIterator[Any]:
        await self._patience.wait(self._channel.service, self._channel.connected)
        self._made = self._make()
        async for response in self._made:
            yield response

    def cancel(self) -> None:
        """Ends the call."""
        if self._made is not None:
            self._made.cancel()
