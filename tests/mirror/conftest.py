"""The services that the mirror crosses, each of which a test can stop and start: sandbox, ratelimit, executor, board,
gateway. All run in this process, on real sockets and a real Redis."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from guildhall.executor.v1 import mirror_pb2, mirror_pb2_grpc

from chassis.caller import Caller, Person, acting_for
from chassis.runtime import Runtime
from chassis.testing import RunningService, channel_to, running_service
from sandbox.app import Sandbox
from sandbox.control.client import SandboxClient
from sandbox.pytest_plugin import sandbox, sandbox_options, sandbox_server
from services.board.__main__ import build as build_board
from services.board.settings import BoardSettings
from services.executor.__main__ import build as build_executor
from services.executor.settings import ExecutorSettings
from services.gateway.__main__ import build as build_gateway
from services.gateway.settings import GatewaySettings
from services.ratelimit.app import build as build_ratelimit
from services.ratelimit.settings import RatelimitSettings
from tests.support import eventually, free_port

__all__ = ["sandbox", "sandbox_options", "sandbox_server"]

_BUILDS: dict[str, tuple[type[Any], Callable[[Runtime[Any]], Awaitable[None]]]] = {
    "ratelimit": (RatelimitSettings, build_ratelimit),
    "executor": (ExecutorSettings, build_executor),
    "board": (BoardSettings, build_board),
    "gateway": (GatewaySettings, build_gateway),
}


class World:
    """The services, and the people of the sandbox."""

    def __init__(self, sandbox: SandboxClient, environment: Mapping[str, str]) -> None:
        self.sandbox = sandbox
        self.environment = dict(environment)
        self._running: dict[str, tuple[AsyncExitStack, RunningService[Any]]] = {}
        self.people: dict[str, int] = {}
        self.guild = 0

    async def start(self, name: str, service: str = "", **more: str) -> RunningService[Any]:
        """Starts a service; a second one of a kind under a name of its own."""
        stack = AsyncExitStack()
        settings, build = _BUILDS[service or name]
        running = await stack.enter_async_context(
            running_service(service or name, settings, build, variables={**self.environment, **more})
        )
        self._running[name] = stack, running
        return running

    async def stop(self, name: str) -> None:
        """Stops a service."""
        stack, _ = self._running.pop(name)
        await stack.aclose()

    async def stop_all(self) -> None:
        """Stops everything, what depends on others first."""
        for name in reversed(list(self._running)):
            await self.stop(name)

    def status(self, name: str, part: str) -> Mapping[str, Any]:
        """What a service says of itself."""
        return self._running[name][1].runtime.statuses[part]()

    def address(self, name: str) -> str:
        """Where a service is."""
        return self.environment[f"GUILDHALL_RPC__ADDRESSES__{name.upper()}"]

    async def ask(self, method: str, request: Any, *, service: str = "board") -> Any:
        """Calls the mirror as a service would."""
        async with channel_to(self.address("executor"), Caller(service), audience="executor") as channel:
            stub = mirror_pb2_grpc.MirrorServiceStub(channel)
            return await getattr(stub, method)(request, timeout=10, wait_for_ready=True)

    async def call(self, service: str, stub_type: Any, method: str, request: Any, person: Person | None) -> Any:
        """Calls any contract, as gateway would for a person or executor for nobody."""
        caller = Caller("gateway", person) if person is not None else Caller("executor")
        async with channel_to(self.address(service), caller, audience=service) as channel:
            with acting_for(person):
                return await getattr(stub_type(channel), method)(request, timeout=10, wait_for_ready=True)

    async def roles_of(self, person: str, guild: int = 0) -> tuple[int, ...] | None:
        """A member's roles as the mirror has them; None for who is none."""
        listed = await self.ask("ListMembers", mirror_pb2.ListMembersRequest(guild_id=guild or self.guild))
        return next(
            (tuple(one.role_ids) for one in listed.members if one.user_id == self.people[person]), None
        )  # fmt: skip

    async def whole(self, guild: int = 0) -> mirror_pb2.ListMembersResponse:
        """Waits until all members of a guild are known for certain."""

        async def found() -> mirror_pb2.ListMembersResponse:
            listed = await self.ask("ListMembers", mirror_pb2.ListMembersRequest(guild_id=guild or self.guild))
            assert listed.certainty.members
            return listed  # type: ignore[no-any-return]

        return await eventually(found, timeout=30, interval=0.05)

    async def role(self, name: str) -> int:
        """A role of the guild by its name."""
        roles = await self.sandbox.rest("owner", "GET", f"/guilds/{self.guild}/roles")
        return int(next(role["id"] for role in roles if role["name"] == name))

    async def give(self, person: str, role: int) -> None:
        """The owner gives somebody a role."""
        path = f"/guilds/{self.guild}/members/{self.people[person]}/roles/{role}"
        await self.sandbox.rest("owner", "PUT", path)

    async def join(self, name: str, guild: int = 0) -> int:
        """A new person joins."""
        guilds = [{"id": str(guild or self.guild), "roles": []}]
        made = await self.sandbox.call("POST", "/control/people", {"username": name, "guilds": guilds})
        self.people[name] = int(made["id"])
        return self.people[name]

    async def kick(self, person: str) -> None:
        """The owner removes somebody."""
        await self.sandbox.rest("owner", "DELETE", f"/guilds/{self.guild}/members/{self.people[person]}")


@pytest.fixture
def options() -> dict[str, str]:
    """Environment variables on top of the usual ones; override it in a test."""
    return {}


@pytest_asyncio.fixture
async def world(
    sandbox_server: Sandbox, sandbox: SandboxClient, redis_url: str, tmp_path: Path, options: dict[str, str]
) -> AsyncIterator[World]:
    """ratelimit, executor and board run; gateway is the test's to start."""
    environment = {
        "REDIS_URL": redis_url,
        "DISCORD_TOKEN": sandbox_server.bot_token,
        "DISCORD_API_BASE": sandbox_server.api,
        "DATABASE_URL": f"sqlite:///{tmp_path / 'board.db'}",
        "GUILDHALL_EXECUTOR__JOBS__PARTITIONS": "8",
        "GUILDHALL_EXECUTOR__JOBS__READ_BLOCK_SECONDS": "0.05",
        "GUILDHALL_EXECUTOR__MIRROR__WATCH_PAUSE_SECONDS": "0.1",
        "GUILDHALL_GATEWAY__MIRROR__FILL_PAUSE": "0",
        "GUILDHALL_GATEWAY__MIRROR__HEARTBEAT": "0.5",
        "GUILDHALL_BOARD__MEMBERS__LOOK_AGAIN": "0.2",
        **options,
    }
    for service in ("ratelimit", "executor", "board", "gateway", "llm"):
        port = str(free_port())
        environment[f"GUILDHALL_RPC__ADDRESSES__{service.upper()}"] = f"127.0.0.1:{port}"
        environment[f"GUILDHALL_RPC__PORTS__{service.upper()}"] = port
    world = World(sandbox, environment)
    world.people = {one["username"]: int(one["id"]) for one in await sandbox.call("GET", "/control/people")}
    world.guild = int((await sandbox.call("GET", "/control/as/owner/guilds"))[0]["id"])
    try:
        for service in ("ratelimit", "executor", "board"):
            await world.start(service)
        yield world
    finally:
        await world.stop_all()
