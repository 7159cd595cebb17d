"""The whole service in this process, on a real Redis and real sockets, and short ways to ask it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import yaml
from google.protobuf.json_format import ParseDict
from guildhall.llm.v1 import conversation_pb2, conversation_pb2_grpc, generation_pb2, generation_pb2_grpc
from guildhall.settings.v1 import settings_pb2, settings_pb2_grpc

from chassis.caller import Caller, Person
from chassis.errors import from_rpc_error
from chassis.runtime import Runtime
from chassis.testing import channel_to, running_service
from services.llm.composition import build
from services.llm.settings import LlmSettings

ALICE = Person(user_id=11, guild_id=7, display_name="Alice")
ADMIN = Person(user_id=1, guild_id=7, permissions=1 << 3)
TIMEOUT = 20.0
MINIMAL = Path(__file__).with_name("minimal.yaml")


@dataclass
class Llm:
    """A running service."""

    channel: grpc.aio.Channel
    address: str
    runtime: Runtime[LlmSettings]

    async def ask(self, text: str = "Hi", **fields: Any) -> Answer:
        """One answer, whole."""
        return await gather(self.stream(text, **fields))

    def stream(self, text: str = "Hi", **fields: Any) -> Any:
        """One answer as it comes."""
        timeout = fields.pop("timeout", TIMEOUT)
        inputs = fields.pop("inputs", [generation_pb2.Input(text=text, author_id=11, author_name="Alice")])
        fields = {"conversation_id": "c1", "turn_id": "t1", "guild_id": 7, **fields}
        request = generation_pb2.GenerateRequest(inputs=inputs, **fields)
        return generation_pb2_grpc.GenerationServiceStub(self.channel).Generate(request, timeout=timeout)

    async def conversation(self, conversation_id: str = "c1") -> conversation_pb2.Conversation:
        """A conversation as it is kept."""
        request = conversation_pb2.GetConversationRequest(conversation_id=conversation_id)
        return (await conversations(self.channel).GetConversation(request, timeout=TIMEOUT)).conversation


@dataclass
class Answer:
    """All events of one answer."""

    events: list[generation_pb2.GenerateResponse]

    @property
    def kinds(self) -> list[str]:
        return [event.WhichOneof("event") or "" for event in self.events]

    @property
    def text(self) -> str:
        return "".join(event.text_delta for event in self.events)

    @property
    def thinking(self) -> str:
        return "".join(event.thinking_delta for event in self.events)

    @property
    def started(self) -> generation_pb2.Started:
        return next(event.started for event in self.events if event.HasField("started"))

    @property
    def end(self) -> generation_pb2.End:
        assert self.kinds.count("end") == 1, self.kinds
        assert self.kinds[-1] == "end"
        return self.events[-1].end


async def gather(stream: Any) -> Answer:
    """All that a stream gives."""
    return Answer([event async for event in stream])


def conversations(channel: grpc.aio.Channel) -> conversation_pb2_grpc.ConversationServiceStub:
    """What can be done with conversations."""
    return conversation_pb2_grpc.ConversationServiceStub(channel)


def said(text: str, name: str = "Alice", author: int = 11) -> generation_pb2.Input:
    """What somebody said."""
    return generation_pb2.Input(text=text, author_name=name, author_id=author)


def variables(redis_url: str, url: str = "", **more: str) -> dict[str, str]:
    """The environment of a service that asks this provider and no other."""
    base = {
        "GUILDHALL_CONFIG": str(MINIMAL),
        "REDIS_URL": redis_url,
        "GUILDHALL_LLM__LIMITS__ENABLED": "false",
        "GUILDHALL_LLM__RETRY__BASE_DELAY": "0.01",
    }
    return {**base, **({"OPENAI_BASE_URL": url} if url else {}), **more}


def config(folder: Path, **sections: Any) -> str:
    """The path of a configuration of its own: these sections over a minimal one."""
    minimal = yaml.safe_load(MINIMAL.read_text(encoding="utf-8"))
    path = folder / "guildhall.yaml"
    path.write_text(yaml.safe_dump({**minimal, **sections}), encoding="utf-8")
    return str(path)


@asynccontextmanager
async def running(
    environment: dict[str, str], person: Person | None = ALICE, service: str = "executor"
) -> AsyncIterator[Llm]:
    """Runs the service and calls it as a service would, for a person."""
    async with (
        running_service("llm", LlmSettings, build, variables=environment) as llm,
        channel_to(llm.address, Caller(service, person), audience="llm") as channel,
    ):
        yield Llm(channel, llm.address, llm.runtime)


async def as_person(llm: Llm, person: Person | None, method: str, request: object) -> object:
    """Calls a method of ConversationService as gateway does for a person."""
    async with channel_to(llm.address, Caller("gateway", person), audience="llm") as channel:
        return await getattr(conversations(channel), method)(request, timeout=TIMEOUT)


async def change_settings(llm: Llm, person: Person, scope: settings_pb2.Scope, **values: Any) -> None:
    """Sets values as a person does in Discord."""
    async with channel_to(llm.address, Caller("gateway", person), audience="llm") as channel:
        request = settings_pb2.UpdateSettingsRequest(scope=scope)
        for key, value in values.items():
            ParseDict(value, request.values[key])
        await settings_pb2_grpc.SettingsServiceStub(channel).UpdateSettings(request, timeout=TIMEOUT)


def reason(error: grpc.aio.AioRpcError) -> str:
    """The ErrorInfo reason of a failed call."""
    return from_rpc_error(error).reason


def texts(messages: Iterable[dict[str, Any]]) -> list[str]:
    """What a provider was sent, as role and text."""
    return [f"{message['role']}: {message['content']}" for message in messages]
