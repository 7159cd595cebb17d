"""Asks every replica of a service, where one is not enough: Reload and GetStatus."""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

import grpc

from chassis.runtime import Runtime

T = TypeVar("T")


async def every_address(target: str) -> list[str]:
    """The addresses behind a target: those that a name resolves to, or those that it lists.

    `dns:///llm:50051` and `llm:50051` are resolved; `ipv4:a:1,b:2` is taken apart; a Unix socket is one address.
    """
    scheme, colon, rest = target.partition(":")
    if colon and scheme in ("ipv4", "ipv6"):
        return rest.split(",")
    if colon and scheme in ("unix", "unix-abstract"):
        return [target]
    host, _, port = target.removeprefix("dns:///").rpartition(":")
    found = await asyncio.get_running_loop().getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)
    addresses = sorted({str(address[0]) for *_, address in found})
    return [f"{_bracketed(address)}:{port}" for address in addresses]


def _bracketed(address: str) -> str:
    return f"[{address}]" if ipaddress.ip_address(address).version == 6 else address


async def ask_every_replica(
    runtime: Runtime[Any], service: str, ask: Callable[[grpc.aio.Channel], Awaitable[T]]
) -> Mapping[str, T | grpc.aio.AioRpcError]:
    """What each replica of a service answers, or how it failed, by address. OSError where the name is unknown."""
    try:
        addresses = await every_address(runtime.shared.current.rpc.address(service))
    except OSError:
        runtime.replicas.only(service, ())
        raise
    channels = runtime.replicas.only(service, addresses)
    answers = await asyncio.gather(*(_ask_one(channel, ask) for channel in channels.values()))
    return dict(zip(channels, answers, strict=True))


async def _ask_one(
    channel: grpc.aio.Channel, ask: Callable[[grpc.aio.Channel], Awaitable[T]]
) -> T | grpc.aio.AioRpcError:
    try:
        return await ask(channel)
    except grpc.aio.AioRpcError as error:
        return error
