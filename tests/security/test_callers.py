"""Each method of each running service, called as every service: only those that `callers.yaml` names get through.

The table is written by hand and compared with what the processes do, so a method that is added, or opened to one more
service, has to be entered there. Forged, borrowed and replayed Callers are refused by all of them.
"""

from __future__ import annotations

import importlib
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
import yaml
from google.protobuf import descriptor_pool
from google.protobuf.descriptor import MethodDescriptor

from chassis.caller_keys import FolderKeyRing
from chassis.caller_signing import METADATA_KEY, Signer
from chassis.clock import SystemClock
from chassis.errors import from_rpc_error
from chassis.settings.shared import SERVICES
from tests.security.conftest import Target

pytestmark = [pytest.mark.asyncio(loop_scope="package"), pytest.mark.timeout(240)]
ROOT = Path(__file__).parents[2]
TABLE = Path(__file__).with_name("callers.yaml")
REFUSED = "CALLER_NOT_ALLOWED"
# Of no type, as the stubs of these calls are made without one.
EMPTY: Any = b""


def contracts() -> Iterator[str]:
    """The full name of each contract of ours."""
    for path in sorted((ROOT / "gen" / "guildhall").rglob("*_pb2.py")):
        name = ".".join(path.relative_to(ROOT / "gen").with_suffix("").parts)
        module = importlib.import_module(name)
        for service in module.DESCRIPTOR.services_by_name.values():
            yield service.full_name


def methods() -> list[MethodDescriptor]:
    """Every method of every contract."""
    pool = descriptor_pool.Default()
    return [method for name in contracts() for method in pool.FindServiceByName(name).methods]


def path_of(method: MethodDescriptor) -> str:
    """As it is called."""
    return f"/{method.containing_service.full_name}/{method.name}"


async def outcome(channel: grpc.aio.Channel, method: MethodDescriptor, signed: bytes | None) -> str:
    """The reason of the refusal of an empty request, or the status; `OK` where it was served."""
    metadata = ((METADATA_KEY, signed),) if signed is not None else ()
    options: dict[str, Any] = {"timeout": 1.0, "metadata": metadata}

    async def nothing() -> Any:
        return
        yield b""

    try:
        match method.client_streaming, method.server_streaming:
            case False, False:
                await channel.unary_unary(path_of(method))(EMPTY, **options)
            case False, True:
                await channel.unary_stream(path_of(method))(EMPTY, **options).read()
            case True, False:
                await channel.stream_unary(path_of(method))(nothing(), **options)
            case _:
                await channel.stream_stream(path_of(method))(nothing(), **options).read()
    except grpc.aio.AioRpcError as error:
        if error.code() in (grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNAUTHENTICATED):
            return from_rpc_error(error).reason
        return error.code().name
    return "OK"


async def test_a_method_takes_calls_of_the_services_named_for_it_alone(target: Target) -> None:
    ring = FolderKeyRing(target.platform.folder.keys / "callers")
    found: dict[str, dict[str, str]] = {}
    for service in SERVICES:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{target.ports[service]}") as channel:
            for method in methods():
                allowed = []
                for caller in SERVICES:
                    signed = Signer(caller, ring, SystemClock()).sign(service, path_of(method), None, 2.0)
                    ended = await outcome(channel, method, signed)
                    if ended == "UNIMPLEMENTED":
                        break  # Not a contract of this service.
                    if ended != REFUSED:
                        allowed.append(caller)
                else:
                    found.setdefault(service, {})[path_of(method)[1:]] = " ".join(sorted(allowed))
    table = yaml.safe_load(TABLE.read_text())
    wanted = {
        service: {
            path: contracts_of.get(path, contracts_of.get(path.partition("/")[0])) for path in found.get(service, {})
        }
        for service, contracts_of in table.items()
    }
    assert found == wanted
    served = {(service, path.partition("/")[0]) for service, paths in found.items() for path in paths}
    assert served == {(service, name.partition("/")[0]) for service, names in table.items() for name in names}


@pytest.mark.parametrize("service", SERVICES)
async def test_nobody_gets_in_with_what_is_not_theirs(target: Target, service: str) -> None:
    ring, clock = FolderKeyRing(target.platform.folder.keys / "callers"), SystemClock()
    (method,) = (one for one in methods() if path_of(one).endswith("AdminService/GetStatus"))
    (reload,) = (one for one in methods() if path_of(one).endswith("AdminService/SetLogLevel"))
    other = next(one for one in SERVICES if one != service)

    class Guessed:
        def keys(self, name: str) -> tuple[bytes, ...]:
            return (secrets.token_bytes(32),)

    class Stolen:
        """The key of the attacked service's own neighbour, used in gateway's name."""

        def keys(self, name: str) -> tuple[bytes, ...]:
            return tuple(ring.keys("board"))

    async with grpc.aio.insecure_channel(f"127.0.0.1:{target.ports[service]}") as channel:
        good = Signer("gateway", ring, clock)
        assert await outcome(channel, method, None) == "CALLER_MISSING"
        assert await outcome(channel, method, b"noise") == "CALLER_FORGED"
        for keys in (Guessed(), Stolen()):
            forged = Signer("gateway", keys, clock).sign(service, path_of(method), None, 2.0)
            assert await outcome(channel, method, forged) == "CALLER_FORGED"
        elsewhere = good.sign(other, path_of(method), None, 2.0)
        assert await outcome(channel, method, elsewhere) == "CALLER_WRONG_AUDIENCE"
        for_another = good.sign(service, path_of(reload), None, 2.0)
        assert await outcome(channel, method, for_another) == "CALLER_WRONG_METHOD"


@pytest.mark.parametrize("service", SERVICES)
async def test_a_captured_call_is_not_served_again(target: Target, service: str) -> None:
    ring = FolderKeyRing(target.platform.folder.keys / "callers")
    # Only what the contract calls idempotent may come twice, since gRPC itself tries that again.
    once = [one for one in methods() if not one.GetOptions().idempotency_level]
    tried = 0
    async with grpc.aio.insecure_channel(f"127.0.0.1:{target.ports[service]}") as channel:
        for method in once:
            # Of a service that may call none of these: what is signed is used up all the same, and nothing is done.
            captured = Signer("ratelimit", ring, SystemClock()).sign(service, path_of(method), None, 10.0)
            first = await outcome(channel, method, captured)
            if first == "UNIMPLEMENTED":
                continue
            assert first == REFUSED, path_of(method)
            assert await outcome(channel, method, captured) == "CALLER_REPLAYED", path_of(method)
            tried += 1
    assert tried


async def test_what_is_refused_is_logged_apart(target: Target) -> None:
    lines = [
        line
        for service in SERVICES
        for line in (target.platform.folder.logs / f"{service}.log").read_text().splitlines()
        if '"security": true' in line
    ]
    assert any("CALLER_FORGED" in line for line in lines)
