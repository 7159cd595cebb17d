"""The channel to a service, as everybody uses it: each call made on it has a deadline, a Caller and the trace.

It wraps gRPC's channel rather than adding interceptors: an interceptor of grpc.aio stands between a call and its
cancellation, this stands before the call is made and watches how it ends.
"""

import asyncio
import functools
import json
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from typing import Any

import grpc
from grpc.aio import Metadata

from chassis.caller import current_person
from chassis.caller_signing import METADATA_KEY, Signer
from chassis.deadline import bounded
from chassis.rpc.methods import idempotent_methods
from chassis.rpc.tls import channel_credentials
from chassis.settings.shared import Tls
from chassis.telemetry.rpc import ClientCall

_RENEWAL_GRACE = 330.0
_RETRY = {
    "maxAttempts": 4,
    "initialBackoff": "0.1s",
    "maxBackoff": "1s",
    "backoffMultiplier": 2,
    "retryableStatusCodes": ["UNAVAILABLE"],
}


class Channel(grpc.aio.Channel):
    """A channel to one service, on which calls are vouched for, bounded and traced."""

    def __init__(self, connect: Callable[[], grpc.aio.Channel], audience: str, signer: Signer) -> None:
        self._connect = connect
        self.inner = connect()
        """gRPC's own channel, as it is now."""
        self._audience = audience
        self._signer = signer
        self._ending: set[asyncio.Task[None]] = set()

    def unary_unary(self, method: str, *arguments: Any, **options: Any) -> Any:
        return _MultiCallable(self, method, lambda inner: inner.unary_unary(method, *arguments, **options))

    def unary_stream(self, method: str, *arguments: Any, **options: Any) -> Any:
        return _MultiCallable(
            self, method, lambda inner: inner.unary_stream(method, *arguments, **options), streams=True
        )

    def stream_unary(self, method: str, *arguments: Any, **options: Any) -> Any:
        return _MultiCallable(self, method, lambda inner: inner.stream_unary(method, *arguments, **options))

    def stream_stream(self, method: str, *arguments: Any, **options: Any) -> Any:
        return _MultiCallable(
            self, method, lambda inner: inner.stream_stream(method, *arguments, **options), streams=True
        )

    def renew(self) -> None:
        """Makes new calls on a new connection, for new certificates; calls under way end on the old one."""
        old, self.inner = self.inner, self._connect()
        self._keep(old.close(_RENEWAL_GRACE))

    async def close(self, grace: float | None = None) -> None:
        """Ends all calls, after `grace` seconds where given, and waits until each is accounted for."""
        await self.inner.close(grace)
        if self._ending:
            await asyncio.wait(self._ending, timeout=1.0)
        for task in self._ending:
            task.cancel()

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:
        return self.inner.get_state(try_to_connect)

    async def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> None:
        await self.inner.wait_for_state_change(last_observed_state)

    async def channel_ready(self) -> None:
        await self.inner.channel_ready()

    async def __aenter__(self) -> "Channel":
        return self

    async def __aexit__(self, *raised: object) -> None:
        await self.close()

    def prepare(self, path: str, timeout: float | None, metadata: Any) -> tuple[float, Metadata, ClientCall]:
        """What one call is made with: its bounded timeout, its metadata, its span."""
        limit = bounded(timeout)
        if limit is None:
            raise ValueError(f"a call of {path} needs a timeout")
        signed = self._signer.sign(self._audience, path, current_person(), limit)
        call = ClientCall(path)
        full = Metadata(*(metadata or ()), (METADATA_KEY, signed), *call.headers())
        return limit, full, call

    def watch(self, call: Any, record: ClientCall) -> None:
        """Ends the record when the call has ended."""
        call.add_done_callback(lambda ended: self._finish(ended, record))

    def _finish(self, call: Any, record: ClientCall) -> None:
        # What has ended has a status, so asking for it suspends nothing; a task is made only where that is not so.
        asking = call.code()
        try:
            asking.send(None)
        except StopIteration as told:
            record.finish(told.value)
            return
        asking.close()
        self._keep(_finish(call, record))

    def _keep(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)


class _MultiCallable:
    """One method of a stub."""

    def __init__(
        self, channel: Channel, path: str, make: Callable[[grpc.aio.Channel], Any], *, streams: bool = False
    ) -> None:
        self._channel = channel
        self._path = path
        self._make = make
        self._made_on = channel.inner
        self._inner = make(channel.inner)
        self._streams = streams

    def __call__(
        self, request: Any = None, *, timeout: float | None = None, metadata: Any = None, **options: Any
    ) -> Any:
        if self._made_on is not self._channel.inner:
            self._made_on = self._channel.inner
            self._inner = self._make(self._made_on)
        limit, full, record = self._channel.prepare(self._path, timeout, metadata)
        arguments = () if request is None else (request,)
        try:
            call = self._inner(*arguments, timeout=limit, metadata=full, **options)
        except BaseException:
            record.finish(grpc.StatusCode.INTERNAL)
            raise
        self._channel.watch(call, record)
        return _Stream(call) if self._streams else call


class _Stream:
    """A call with many responses that never outlives its reader.

    gRPC's own goes on unread, until garbage is collected, when its reader is cancelled in the moment that the request
    has been sent.
    """

    def __init__(self, call: Any) -> None:
        self._call = call
        self._responses: AsyncIterator[Any] | None = None

    def __aiter__(self) -> AsyncIterator[Any]:
        if self._responses is None:
            self._responses = self._read()
        return self._responses

    async def _read(self) -> AsyncIterator[Any]:
        try:
            async for response in self._call:
                yield response
        finally:
            self._call.cancel()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._call, name)


async def _finish(call: Any, record: ClientCall) -> None:
    record.finish(await call.code())


def open_channel(
    target: str,
    audience: str,
    signer: Signer,
    *,
    tls: Tls | None = None,
    keepalive: float = 30.0,
    max_message_bytes: int = 16 * 1024 * 1024,
    idle_after: float | None = None,
) -> Channel:
    """Opens a channel to a service. It connects when first used, and again whenever that is needed; with `idle_after`,
    once it was unused for so many seconds, when it is next used."""
    options: Sequence[tuple[str, Any]] = (
        *((("grpc.client_idle_timeout_ms", int(idle_after * 1000)),) if idle_after is not None else ()),
        ("grpc.service_config", service_config(audience)),
        ("grpc.keepalive_time_ms", int(keepalive * 1000)),
        ("grpc.keepalive_timeout_ms", 10_000),
        ("grpc.http2.max_pings_without_data", 0),
        ("grpc.max_receive_message_length", max_message_bytes),
        ("grpc.max_send_message_length", max_message_bytes),
        ("grpc.initial_reconnect_backoff_ms", 100),
        # What gRPC calls so is how long one attempt to connect may take; a service that just starts is slow to answer.
        ("grpc.min_reconnect_backoff_ms", 2_000),
        # A service that came back is found within this, at worst a fifth more.
        ("grpc.max_reconnect_backoff_ms", 400),
        # A channel of its own per service: connections are not shared with other channels of this process.
        ("grpc.use_local_subchannel_pool", 1),
    )

    def connect() -> grpc.aio.Channel:
        credentials = channel_credentials(tls) if tls is not None else None
        if credentials is None:
            return grpc.aio.insecure_channel(target, options=options)
        return grpc.aio.secure_channel(target, credentials, options=options)

    return Channel(connect, audience, signer)


@functools.cache
def service_config(audience: str) -> str:
    """Round robin over the healthy replicas, and retries for those methods alone that the contracts call idempotent."""
    retried = [{"service": method.service, "method": method.name} for method in idempotent_methods(audience)]
    config: dict[str, Any] = {
        "loadBalancingConfig": [{"round_robin": {}}],
        "healthCheckConfig": {"serviceName": ""},
    }
    if retried:
        config["methodConfig"] = [{"name": retried, "retryPolicy": _RETRY}]
        config["retryThrottling"] = {"maxTokens": 100, "tokenRatio": 0.1}
    return json.dumps(config)
