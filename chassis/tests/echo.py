"""A contract of each kind of method, made for tests alone."""

import importlib
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.wrappers_pb2 import StringValue

# Found by name, as the generated contracts are.
sys.path.append(str(Path(__file__).parent / "contracts"))
METHODS = importlib.import_module("guildhall.echo.v1.echo_pb2").METHODS
SERVICE = "guildhall.echo.v1.EchoService"
Behaviour = Callable[..., Any]


class Echo:
    """Serves what a test wants done; without it, says what it hears."""

    def __init__(self, **behaviours: Behaviour) -> None:
        self._behaviours = behaviours

    def handlers(self) -> Mapping[str, Any]:
        """Handlers as generated code makes them."""
        kinds = {
            (False, False): grpc.unary_unary_rpc_method_handler,
            (False, True): grpc.unary_stream_rpc_method_handler,
            (True, False): grpc.stream_unary_rpc_method_handler,
            (True, True): grpc.stream_stream_rpc_method_handler,
        }
        return {
            name: kinds[up, down](
                self._behaviours.get(name, getattr(self, f"_{name.lower()}")),
                request_deserializer=StringValue.FromString,
                response_serializer=StringValue.SerializeToString,
            )
            for name, (up, down, _) in METHODS.items()
        }

    async def _unary(self, request: StringValue, context: Any) -> StringValue:
        return request

    _again = _unary

    async def _down(self, request: StringValue, context: Any) -> AsyncIterator[StringValue]:
        for character in request.value:
            yield StringValue(value=character)

    _watch = _down

    async def _up(self, requests: AsyncIterator[StringValue], context: Any) -> StringValue:
        return StringValue(value="".join([request.value async for request in requests]))

    async def _both(self, requests: AsyncIterator[StringValue], context: Any) -> AsyncIterator[StringValue]:
        async for request in requests:
            yield request


def add_to_server(servicer: Echo, server: Any) -> None:
    """What generated code has for each service."""
    server.add_registered_method_handlers(SERVICE, servicer.handlers())


class EchoStub:
    """What generated code has for each client."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        make: Mapping[tuple[bool, bool], Callable[..., Any]] = {
            (False, False): channel.unary_unary,
            (False, True): channel.unary_stream,
            (True, False): channel.stream_unary,
            (True, True): channel.stream_stream,
        }
        for name, (up, down, _) in METHODS.items():
            method = make[up, down](
                f"/{SERVICE}/{name}",
                request_serializer=StringValue.SerializeToString,
                response_deserializer=StringValue.FromString,
            )
            setattr(self, name, method)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(name)


def text(value: str = "hello") -> StringValue:
    """A request or a response."""
    return StringValue(value=value)


async def texts(*values: str) -> AsyncIterator[StringValue]:
    """A stream of requests."""
    for value in values:
        yield StringValue(value=value)
