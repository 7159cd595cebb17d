"""executor and ratelimit for real, in this process, against a sandbox of the test's own; llm as the test scripts it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import aiohttp
import grpc
from google.protobuf.struct_pb2 import Value
from guildhall.executor.v1 import reply_pb2, reply_pb2_grpc
from guildhall.llm.v1 import generation_pb2, generation_pb2_grpc, image_pb2, image_pb2_grpc
from guildhall.settings.v1 import settings_pb2, settings_pb2_grpc

from chassis.caller import Caller, Person, acting_for
from chassis.errors import FailedPrecondition, NotFound, Unavailable
from chassis.testing import channel_to, running_service, serve_in_process
from sandbox.app import running
from sandbox.control.client import SandboxClient
from sandbox.discord.seed import BOT_ID
from sandbox.discord.tokens import new_bot_token
from sandbox.settings import SandboxOptions
from services.executor.__main__ import build as build_executor
from services.executor.plans.permissions import ALL
from services.executor.settings import ExecutorSettings
from services.gateway.__main__ import build as build_gateway
from services.gateway.menu_drawing import SET
from services.gateway.menu_items import CHANNEL
from services.gateway.settings import GatewaySettings
from services.ratelimit.app import build as build_ratelimit
from services.ratelimit.settings import RatelimitSettings
from tests.support import free_port
from views.custom_id import encode

_CONTROL_TOKEN = "control"


@dataclass
class ScriptedModel(generation_pb2_grpc.GenerationServiceServicer):
    """Stands where models do: repeats what it is asked, once it is let."""

    requests: list[generation_pb2.GenerateRequest] = field(default_factory=list)
    go_on: asyncio.Event = field(default_factory=asyncio.Event)
    knows: bool = True
    """Whether it knows the conversations that it is asked to go on with."""
    draws: bool = False
    """Whether it calls the tool that it is offered."""

    async def Generate(
        self, request: generation_pb2.GenerateRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> AsyncIterator[generation_pb2.GenerateResponse]:
        """A beginning at once, the rest when `go_on` is set."""
        self.requests.append(request)
        if request.follow_up and not self.knows:
            raise NotFound("no such conversation", reason="CONVERSATION_UNKNOWN")
        if any("fail" in each.text for each in request.inputs):
            raise FailedPrecondition("no key", reason="PROVIDER_AUTHENTICATION")
        if any("be limited" in each.text for each in request.inputs):
            raise Unavailable("too many calls", reason="PROVIDER_RATE_LIMITED", retry_after=30)
        if self.draws and request.tools and not request.tool_rounds:
            yield generation_pb2.GenerateResponse(started=generation_pb2.Started(model="scripted"))
            wish = generation_pb2.ToolCall(id="1", name=request.tools[0].name, arguments_json='{"prompt": "a pier"}')
            yield generation_pb2.GenerateResponse(tool_call=wish)
            calls = generation_pb2.End(finish_reason=generation_pb2.FINISH_REASON_TOOL_CALLS)
            yield generation_pb2.GenerateResponse(end=calls)
            return
        yield generation_pb2.GenerateResponse(started=generation_pb2.Started(model="scripted"))
        yield generation_pb2.GenerateResponse(thinking_delta="I weigh it carefully.")
        yield generation_pb2.GenerateResponse(text_delta=f"Answer {len(self.requests)} to what was asked: ")
        await self.go_on.wait()
        yield generation_pb2.GenerateResponse(text_delta=" / ".join(each.text for each in request.inputs))
        end = generation_pb2.End(finish_reason=generation_pb2.FINISH_REASON_STOP)
        yield generation_pb2.GenerateResponse(end=end)

    async def Title(
        self, request: generation_pb2.TitleRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> generation_pb2.TitleResponse:
        """The first words."""
        return generation_pb2.TitleResponse(title=f"**{request.text[:40]}**" if request.text else "Title")


class ScriptedPictures(image_pb2_grpc.ImageServiceServicer):
    """Makes the same picture of everything."""

    async def GenerateImage(
        self, request: image_pb2.GenerateImageRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> AsyncIterator[image_pb2.GenerateImageResponse]:
        """A few bytes."""
        yield image_pb2.GenerateImageResponse(started=image_pb2.ImageStarted(content_type="image/png"))
        yield image_pb2.GenerateImageResponse(chunk=request.prompt.encode())
        yield image_pb2.GenerateImageResponse(end=image_pb2.ImageEnd())


@dataclass(frozen=True)
class BotAccess:
    """The bot's own way to the sandbox' Discord, for what only it can put there."""

    api: str
    token: str

    async def post(self, channel: int, body: Mapping[str, Any]) -> dict[str, Any]:
        """Sends a message as the bot."""
        headers = {"Authorization": f"Bot {self.token}"}
        address = f"{self.api}/channels/{channel}/messages"
        async with aiohttp.ClientSession(headers=headers) as session, session.post(address, json=body) as answer:
            assert answer.status == 200, await answer.text()
            sent: dict[str, Any] = await answer.json()
            return sent


class Executor:
    """executor at one address, where it may go away and come back."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        port = free_port()
        self.address = f"127.0.0.1:{port}"
        self._environment = {**environment, "GUILDHALL_RPC__PORTS__EXECUTOR": str(port)}
        self._running = AsyncExitStack()

    async def start(self) -> None:
        """Starts it."""
        service = running_service("executor", ExecutorSettings, build_executor, variables=self._environment)
        await self._running.enter_async_context(service)

    async def stop(self) -> None:
        """Stops it; a second call does nothing."""
        await self._running.aclose()


@dataclass
class Answerer:
    """A guild in which questions are asked as gateway hands them over."""

    sandbox: SandboxClient
    model: ScriptedModel
    executor: Executor
    stub: reply_pb2_grpc.ReplyServiceStub
    settings: settings_pb2_grpc.SettingsServiceStub
    guild_id: int
    channel_id: int
    people: Mapping[str, int]
    bot: BotAccess

    async def ask(self, words: str, *, channel: int = 0, person: str = "member", **fields: Any) -> dict[str, Any]:
        """Writes a message and hands it over; gives the message."""
        reply_to = fields.get("reply_to_message_id", 0)
        reference = {"message_reference": {"message_id": str(reply_to)}} if reply_to else {}
        said: dict[str, Any] = await self.sandbox.say(person, str(channel or self.channel_id), words, **reference)
        message_id = int(said["id"])
        request = reply_pb2.SubmitReplyRequest(
            event_id=message_id,
            message=reply_pb2.MessageOrigin(message_id=message_id),
            guild_id=self.guild_id,
            channel_id=channel or self.channel_id,
            prompt=words,
            **fields,
        )
        request.event_time.GetCurrentTime()
        who = Person(user_id=self.people[person], guild_id=self.guild_id, display_name=person)
        with acting_for(who):
            await self.stub.SubmitReply(request, timeout=5, wait_for_ready=True)
        return said

    async def regenerate(self, reply_id: str, event_id: int, *, edited: bool = False) -> None:
        """Presses the button."""
        request = reply_pb2.RegenerateReplyRequest(event_id=event_id, job_id=reply_id, edited=edited)
        with acting_for(Person(user_id=self.people["member"], guild_id=self.guild_id)):
            await self.stub.RegenerateReply(request, timeout=5, wait_for_ready=True)

    async def changed(self, message: dict[str, Any], words: str, person: str = "member") -> None:
        """Changes a message, and tells of it as gateway does."""
        path = f"/channels/{message['channel_id']}/messages/{message['id']}"
        await self.sandbox.rest(person, "PATCH", path, {"content": words})
        request = reply_pb2.OfferReplyAgainRequest(
            event_id=int(message["id"]) + 7,
            message_id=int(message["id"]),
            guild_id=self.guild_id,
            channel_id=int(message["channel_id"]),
            prompt=words,
        )
        with acting_for(Person(user_id=self.people[person], guild_id=self.guild_id)):
            await self.stub.OfferReplyAgain(request, timeout=5)

    async def talk(self) -> int:
        """A thread with one answer in it."""
        self.model.go_on.set()
        asked = await self.ask("Let us talk.")
        thread = int((await self.sandbox.wait("thread", message=asked["id"]))["thread"]["id"])
        await self.message(thread, component="reply.regenerate")
        self.model.go_on.clear()
        return thread

    async def set_here(self, item: str, value: str, person: str = "owner") -> str:
        """Sets something for the channel with the button that gateway offers for it; gives what it answers."""
        offered = {"type": 2, "style": 2, "label": "Set", "custom_id": encode(SET, CHANNEL, item, value)}
        body = {"content": "Press to set", "components": [{"type": 1, "components": [offered]}]}
        message = await self.bot.post(self.channel_id, body)
        used = await self.sandbox.press(person, message["id"], str(offered["custom_id"]))
        told = await self.sandbox.wait_message(as_=person, channel=message["channel_id"], id=used["message_id"])
        return str(told["content"])

    async def configure(self, **values: str | bool) -> None:
        """Sets something for the whole guild, as its owner."""
        request = settings_pb2.UpdateSettingsRequest(
            scope=settings_pb2.Scope(kind=settings_pb2.SCOPE_KIND_GUILD, guild_id=self.guild_id, id=self.guild_id),
            values={
                key: Value(bool_value=value) if isinstance(value, bool) else Value(string_value=value)
                for key, value in values.items()
            },
        )
        owner = Person(user_id=self.people["owner"], guild_id=self.guild_id, permissions=ALL)
        with acting_for(owner):
            await self.settings.UpdateSettings(request, timeout=5)

    async def reactions(self, message: dict[str, Any]) -> set[str]:
        """The emojis under a message."""
        path = f"/channels/{message['channel_id']}/messages/{message['id']}"
        found = await self.sandbox.rest("owner", "GET", path)
        return {each["emoji"]["name"] for each in found.get("reactions", ())}

    async def deny(self, permissions: int) -> None:
        """Takes permissions from the bot in the channel."""
        roles = await self.sandbox.rest("owner", "GET", f"/guilds/{self.guild_id}/roles")
        bot = next(role["id"] for role in roles if role["name"] == "Guildhall")
        body = {"type": 0, "allow": "0", "deny": str(permissions)}
        await self.sandbox.rest("owner", "PUT", f"/channels/{self.channel_id}/permissions/{bot}", body)

    async def message(self, channel: int, **expected: Any) -> dict[str, Any]:
        """The first message there that fits."""
        found: dict[str, Any] = await self.sandbox.wait_message(as_="owner", channel=str(channel), **expected)
        return found


@asynccontextmanager
async def running_answerer(
    redis_url: str,
    folder: Path,
    options: Mapping[str, str],
    *,
    with_gateway: bool = False,
    of_gateway: Mapping[str, str] = MappingProxyType({}),
) -> AsyncIterator[Answerer]:
    """Starts everything that answers need; with gateway, people can use commands too."""
    token = new_bot_token(BOT_ID)
    started = SandboxOptions(port=0, state_dir=folder, bot_token=token, control_token=_CONTROL_TOKEN, with_extras=False)
    model = ScriptedModel()
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(running(started))
        client = await stack.enter_async_context(SandboxClient(server.url, _CONTROL_TOKEN))
        llm = await stack.enter_async_context(
            serve_in_process(
                (generation_pb2_grpc.add_GenerationServiceServicer_to_server, model),
                (image_pb2_grpc.add_ImageServiceServicer_to_server, ScriptedPictures()),
                name="llm",
            )
        )
        environment = {
            "REDIS_URL": redis_url,
            "DISCORD_TOKEN": token,
            "DISCORD_API_BASE": server.api,
            "GUILDHALL_RPC__ADDRESSES__LLM": llm,
            "GUILDHALL_EXECUTOR__JOBS__PARTITIONS": "8",
            "GUILDHALL_EXECUTOR__JOBS__READ_BLOCK_SECONDS": "0.05",
            **options,
        }
        limits = await stack.enter_async_context(
            running_service("ratelimit", RatelimitSettings, build_ratelimit, variables=environment)
        )
        environment["GUILDHALL_RPC__ADDRESSES__RATELIMIT"] = limits.address
        executor = Executor(environment)
        stack.push_async_callback(executor.stop)
        await executor.start()
        if with_gateway:
            environment |= {"GUILDHALL_RPC__ADDRESSES__EXECUTOR": executor.address, **of_gateway}
            environment["GUILDHALL_GATEWAY__ASK_LIMITS"] = "[]"
            environment["GUILDHALL_RPC__PORTS__GATEWAY"] = str(free_port())
            await stack.enter_async_context(
                running_service("gateway", GatewaySettings, build_gateway, variables=environment)
            )
            await client.wait("session", count=1)
            await client.wait("commands", names=["ask"])
        channel = await stack.enter_async_context(channel_to(executor.address, Caller("gateway"), audience="executor"))
        people = {one["username"]: int(one["id"]) for one in await client.call("GET", "/control/people")}
        guild = (await client.call("GET", "/control/as/owner/guilds"))[0]
        general = next(each for each in guild["channels"] if each["name"] == "general")
        stub, settings = reply_pb2_grpc.ReplyServiceStub(channel), settings_pb2_grpc.SettingsServiceStub(channel)
        guild_id, channel_id = int(guild["id"]), int(general["id"])
        bot = BotAccess(server.api, token)
        yield Answerer(client, model, executor, stub, settings, guild_id, channel_id, people, bot)
