"""The llm service against the sandbox's demo model: both formats, thinking, pictures, documents, every fault."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import ClientSession, web
from guildhall.llm.v1 import generation_pb2, generation_pb2_grpc, image_pb2, image_pb2_grpc, plan_pb2, plan_pb2_grpc

from chassis.caller import Caller, Person
from chassis.testing import channel_to, running_service
from sandbox.model.engine import Engine
from sandbox.model.routes import add_routes
from sandbox.model.settings import ModelSettings
from services.llm.composition import build
from services.llm.settings import LlmSettings

TIMEOUT = 30.0
ALICE = Person(user_id=11, guild_id=7)
SHORT = {"idle_timeout": 0.5, "first_token_timeout": 5.0}


class Demo:
    """A demo model on loopback."""

    def __init__(self, url: str) -> None:
        self.url = url

    async def rule(self, **rule: Any) -> None:
        """Tells it how to answer."""
        async with ClientSession() as session, session.post(f"{self.url}/model/api/rules", json=rule) as answer:
            assert answer.status == 201, await answer.text()


@asynccontextmanager
async def demo() -> AsyncIterator[Demo]:
    app = web.Application(client_max_size=64 * 2**20)
    add_routes(app, engine=Engine(ModelSettings(tokens_per_second=0, first_token_seconds=0)))
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield Demo(f"http://127.0.0.1:{runner.addresses[0][1]}")
    finally:
        await runner.cleanup()


@asynccontextmanager
async def llm(redis_url: str, folder: Path, model: Demo) -> AsyncIterator[Any]:
    """The service with both vendors' formats pointed at the demo model, and the models as they are shipped."""
    shipped = yaml.safe_load(Path("guildhall.yaml").read_text(encoding="utf-8"))
    sections = {name: shipped[name] for name in ("models", "prompts", "roles")}
    sections["llm"] = {**shipped["llm"], "retry": {"base_delay": 0.01, "cooldown": 0.05}, "limits": {"enabled": False}}
    sections["providers"] = {
        **shipped["providers"],
        "openai": {"wire": "openai", "base_url": f"{model.url}/v1", **SHORT},
        "anthropic": {"wire": "anthropic", "base_url": model.url, **SHORT},
    }
    path = folder / "guildhall.yaml"
    path.write_text(yaml.safe_dump(sections, sort_keys=False), encoding="utf-8")
    variables = {"REDIS_URL": redis_url, "GUILDHALL_CONFIG": str(path)}
    async with (
        running_service("llm", LlmSettings, build, variables=variables) as service,
        channel_to(service.address, Caller("executor", ALICE), audience="llm") as channel,
    ):
        yield channel


async def ask(
    channel: Any, text: str, model: str, number: int = 0, **fields: Any
) -> list[generation_pb2.GenerateResponse]:
    request = generation_pb2.GenerateRequest(
        conversation_id=f"c-{model.replace('/', '-')}-{number}",
        turn_id="t",
        inputs=[generation_pb2.Input(text=text, author_id=11)],
        model=model,
        **fields,
    )
    call = generation_pb2_grpc.GenerationServiceStub(channel).Generate(request, timeout=TIMEOUT)
    return [event async for event in call]


def words(events: list[generation_pb2.GenerateResponse]) -> str:
    return "".join(event.text_delta for event in events)


BOTH = pytest.mark.parametrize("provider", ["openai", "anthropic"])


@BOTH
async def test_it_answers_in_both_formats(redis_url: str, tmp_path: Path, provider: str) -> None:
    async with demo() as model, llm(redis_url, tmp_path, model) as channel:
        events = await ask(channel, "What is 6 times 7?", f"{provider}/demo")
        assert "42" in words(events)
        assert events[-1].end.finish_reason == generation_pb2.FINISH_REASON_STOP
        assert events[-1].end.usage.input_tokens > 0
        assert not events[-1].end.usage.estimated


async def test_the_default_is_what_there_is(redis_url: str, tmp_path: Path) -> None:
    async with demo() as model, llm(redis_url, tmp_path, model) as channel:
        events = await ask(channel, "Hello", "")
        assert events[0].started.model == "openai/demo"
        title = await generation_pb2_grpc.GenerationServiceStub(channel).Title(
            generation_pb2.TitleRequest(text="How do I bake bread at home?"), timeout=TIMEOUT
        )
        assert title.title
        assert not title.fallback


async def test_thinking_that_starts_in_the_prompt(redis_url: str, tmp_path: Path) -> None:
    async with demo() as model, llm(redis_url, tmp_path, model) as channel:
        events = await ask(channel, "What is 6 times 7?", "openai/demo-r1")
        assert "".join(event.thinking_delta for event in events)
        assert "think>" not in words(events)
        assert "42" in words(events)


@BOTH
@pytest.mark.parametrize(
    ("fault", "interruption"),
    [
        ({"kind": "rate_limited", "retry_after": 0}, ""),
        ({"kind": "server_error"}, ""),
        ({"kind": "overloaded"}, ""),
        ({"kind": "drop", "after_tokens": 3}, "STREAM_DROPPED"),
        ({"kind": "truncate", "after_tokens": 3}, "STREAM_TRUNCATED"),
        ({"kind": "malformed", "after_tokens": 3}, "STREAM_MALFORMED"),
        ({"kind": "stall", "after_tokens": 3, "seconds": 2}, "STREAM_STALLED"),
    ],
    ids=lambda value: value["kind"] if isinstance(value, dict) else "",
)
async def test_every_fault(
    redis_url: str, tmp_path: Path, provider: str, fault: dict[str, Any], interruption: str
) -> None:
    async with demo() as model, llm(redis_url, tmp_path, model) as channel:
        await model.rule(text="One two three four five six seven eight.", times=1, fault=fault)
        events = await ask(channel, "Count", f"{provider}/demo")
        assert events[-1].end.interruption == interruption
        assert words(events)


async def test_a_slow_first_token_is_waited_for(redis_url: str, tmp_path: Path) -> None:
    async with demo() as model, llm(redis_url, tmp_path, model) as channel:
        await model.rule(text="Late.", first_token_seconds=1.0, times=1)
        assert words(await ask(channel, "Hi", "openai/demo")) == "Late."


@BOTH
async def test_documents(redis_url: str, tmp_path: Path, provider: str) -> None:
    schema = {
        "type": "object",
        "properties": {"name": {"type": "string"}, "count": {"type": "integer"}},
        "required": ["name"],
    }
    async with demo() as model, llm(redis_url, tmp_path, model) as channel:
        request = plan_pb2.PlanRequest(
            messages=[plan_pb2.PlanMessage(text="Two cats")], schema_json=json.dumps(schema), model=f"{provider}/demo"
        )
        answer = await plan_pb2_grpc.PlanServiceStub(channel).Plan(request, timeout=TIMEOUT)
        assert isinstance(json.loads(answer.document_json)["name"], str)


async def test_a_picture(redis_url: str, tmp_path: Path) -> None:
    async with demo() as model, llm(redis_url, tmp_path, model) as channel:
        # What the provider offers has to be known before: only then are models skipped that it does not have.
        await ask(channel, "Hi", "openai/demo")
        request = image_pb2.GenerateImageRequest(prompt="a red fox")
        call = image_pb2_grpc.ImageServiceStub(channel).GenerateImage(request, timeout=TIMEOUT)
        events = [event async for event in call]
        assert events[0].started.model == "openai/demo-image"
        assert sum(len(event.chunk) for event in events) == events[0].started.size > 0


async def test_many_at_once(redis_url: str, tmp_path: Path) -> None:
    async with demo() as model, llm(redis_url, tmp_path, model) as channel:
        answers = await asyncio.gather(*(ask(channel, f"What is {n} times 2?", "openai/demo", n) for n in range(12)))
        assert [str(n * 2) in words(events) for n, events in enumerate(answers)] == [True] * 12
