"""board, executor and ratelimit in this process against the sandbox, all on one clock that a test moves."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.protobuf.struct_pb2 import Value
from guildhall.board.v1 import request_pb2, request_pb2_grpc
from guildhall.settings.v1 import settings_pb2, settings_pb2_grpc

from chassis.caller import Person, acting_for
from chassis.caller_signing import Signer
from chassis.rpc.channel import Channel, open_channel
from chassis.testing import RunningService, TestKeys, running_service
from sandbox.app import Sandbox
from sandbox.clock import MovableClock
from sandbox.control.client import SandboxClient
from services.board.__main__ import build as build_board
from services.board.settings import BoardSettings
from services.executor.__main__ import build as build_executor
from services.executor.board.record import BoardRecord
from services.executor.settings import ExecutorSettings
from services.ratelimit.app import build as build_ratelimit
from services.ratelimit.settings import RatelimitSettings
from tests.support import eventually, free_port

MANAGE_GUILD = 0x20
INDEX_PAUSE = 0.5


@dataclass
class Delivering:
    """A guild whose board is shown in Discord, and its members."""

    sandbox: SandboxClient
    clock: MovableClock
    guild_id: int
    people: Mapping[str, int]
    channel: Channel
    executor: RunningService[ExecutorSettings]

    @property
    def requests(self) -> request_pb2_grpc.RequestServiceStub:
        """The board's requests."""
        return request_pb2_grpc.RequestServiceStub(self.channel)

    async def advance(self, seconds: float) -> None:
        """Lets time pass for everybody, Discord included."""
        self.clock.advance(seconds)
        await self.sandbox.advance(seconds)

    async def as_person(self, person: str, call: Any, request: Any) -> Any:
        """A call for a person, as gateway would make it."""
        permissions = MANAGE_GUILD if person == "owner" else 0
        with acting_for(Person(self.people[person], self.guild_id, (), permissions, person)):
            return await call(request, timeout=10)

    async def ask(self, item: str, person: str = "member") -> request_pb2.Request:
        """Puts something on the board."""
        draft = request_pb2.RequestDraft(item=item, quantity=1, profession="alchemy")
        request = request_pb2.CreateRequestRequest(guild_id=self.guild_id, draft=draft)
        answer = await self.as_person(person, self.requests.CreateRequest, request)
        made: request_pb2.Request = answer.request
        return made

    async def do(self, action: str, request: request_pb2.Request, person: str = "crafter") -> None:
        """Does something to a request."""
        ask = request_pb2.TransitionRequestRequest(
            guild_id=self.guild_id,
            request_id=request.request_id,
            action=request_pb2.RequestAction.Value(f"REQUEST_ACTION_{action}"),
        )
        answer = await self.as_person(person, self.requests.TransitionRequest, ask)
        assert answer.HasField("request"), answer

    async def set(self, person: str = "", **values: str | float) -> None:
        """Sets something for a person, or for the guild."""
        scope = settings_pb2.Scope(kind=settings_pb2.SCOPE_KIND_GUILD, guild_id=self.guild_id, id=self.guild_id)
        if person:
            scope = settings_pb2.Scope(kind=settings_pb2.SCOPE_KIND_PERSON, id=self.people[person])
        update = settings_pb2.UpdateSettingsRequest(
            scope=scope,
            values={
                key: Value(string_value=value) if isinstance(value, str) else Value(number_value=value)
                for key, value in values.items()
            },
        )
        stub = settings_pb2_grpc.SettingsServiceStub(self.channel)
        await self.as_person(person or "owner", stub.UpdateSettings, update)

    async def new_channel(self, name: str, kind: int = 0) -> str:
        """Makes a channel of the guild."""
        body = {"name": name, "type": kind}
        return str((await self.sandbox.rest("owner", "POST", f"/guilds/{self.guild_id}/channels", body))["id"])

    async def followed(self, sequence: int) -> None:
        """Waits until executor has dealt with the guild's events up to a sequence."""
        record = BoardRecord(self.executor.runtime.redis("durable"), kept_days=1)

        async def done() -> bool:
            return (await record.cursors()).get(self.guild_id, 0) >= sequence

        await eventually(done, timeout=20)

    async def forget_limits(self) -> None:
        """Empties ratelimit's counters."""
        client = self.executor.runtime.redis("limits")
        async for key in client.scan_iter(match="ratelimit:*"):
            await client.delete(key)

    async def told(self, person: str) -> list[str]:
        """What the bot said to a person directly, the newest first."""
        found: list[str] = []
        for channel in await self.sandbox.call("GET", f"/control/as/{person}/dms"):
            found += [one["content"] for one in await self.sandbox.messages(person, channel["id"])]
        return found


@asynccontextmanager
async def delivering(
    server: Sandbox, sandbox: SandboxClient, redis_url: str, folder: Path, configuration: str
) -> AsyncIterator[Delivering]:
    """Starts everything that it takes."""
    everybody = await sandbox.call("GET", "/control/people")
    guild = (await sandbox.call("GET", "/control/as/owner/guilds"))[0]
    clock, port = MovableClock(), free_port()
    (folder / "guildhall.yaml").write_text(configuration)
    variables = {
        "REDIS_URL": redis_url,
        "DATABASE_URL": f"sqlite:///{folder / 'board.db'}",
        "DISCORD_TOKEN": server.bot_token,
        "DISCORD_API_BASE": server.api,
        "GUILDHALL_CONFIG": str(folder / "guildhall.yaml"),
        "GUILDHALL_RPC__PORTS__EXECUTOR": str(port),
        "GUILDHALL_RPC__ADDRESSES__EXECUTOR": f"127.0.0.1:{port}",
        "GUILDHALL_EXECUTOR__JOBS__PARTITIONS": "4",
        "GUILDHALL_EXECUTOR__JOBS__READ_BLOCK_SECONDS": "0.05",
        "GUILDHALL_EXECUTOR__BOARD__INDEX_PAUSE": str(INDEX_PAUSE),
        "GUILDHALL_EXECUTOR__BOARD__SCHEDULE_POLL": "0.1",
    }
    async with AsyncExitStack() as stack:
        ratelimit = await stack.enter_async_context(
            running_service("ratelimit", RatelimitSettings, build_ratelimit, variables=variables, clock=clock)
        )
        board = await stack.enter_async_context(
            running_service("board", BoardSettings, build_board, variables=variables, clock=clock)
        )
        variables |= {
            "GUILDHALL_RPC__ADDRESSES__RATELIMIT": ratelimit.address,
            "GUILDHALL_RPC__ADDRESSES__BOARD": board.address,
        }
        executor = await stack.enter_async_context(
            running_service("executor", ExecutorSettings, build_executor, variables=variables, clock=clock)
        )
        signer = Signer("gateway", TestKeys(), clock)
        channel = open_channel(board.address, "board", signer)
        stack.push_async_callback(channel.close)
        people = {one["username"]: int(one["id"]) for one in everybody}
        yield Delivering(sandbox, clock, int(guild["id"]), people, channel, executor)
