"""Anthropic's Messages: what is sent for each style of thinking, what is read, and how it breaks."""

import json
from pathlib import Path
from typing import Any

import grpc
import pytest
from guildhall.llm.v1 import generation_pb2, plan_pb2, plan_pb2_grpc

from services.llm.tests.harness import TIMEOUT, config, reason, running, variables
from services.llm.tests.upstream import Handler, fails, sends, upstream

MODELS: dict[str, Any] = {
    "anthropic/plain": {"encoding": "", "structured": ["json_schema", "tool"]},
    "anthropic/adaptive": {"thinking": "adaptive", "efforts": {"low": "low", "high": "high"}, "temperature": False},
    "anthropic/budget": {"thinking": "budget", "max_output_tokens": 32_000, "context_window": 200_000},
}


def events(*found: dict[str, Any]) -> Handler:
    return sends(*(f"event: {each['type']}\ndata: {json.dumps(each)}\n\n".encode() for each in found))


def start(**usage: int) -> dict[str, Any]:
    return {
        "type": "message_start",
        "message": {"model": "claude-x", "usage": {"input_tokens": 10, "output_tokens": 1, **usage}},
    }


def delta(index: int, **fields: Any) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": fields}


def stop(reason: str = "end_turn", tokens: int = 5) -> list[dict[str, Any]]:
    return [
        {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {"output_tokens": tokens}},
        {"type": "message_stop"},
    ]


def text(words: str) -> list[dict[str, Any]]:
    return [
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        delta(0, type="text_delta", text=words),
    ]


def environment(redis_url: str, url: str, folder: Path) -> dict[str, str]:
    path = config(folder, providers={"anthropic": {"wire": "anthropic", "discover": False}}, models=MODELS)
    address = {"ANTHROPIC_BASE_URL": url.removesuffix("/v1"), "ANTHROPIC_API_KEY": "secret"}
    return {**variables(redis_url), **address, "GUILDHALL_CONFIG": path}


async def test_an_answer_with_thinking_and_cached_input(redis_url: str, tmp_path: Path) -> None:
    thinking = [
        {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}},
        delta(0, type="thinking_delta", thinking="Hm."), delta(0, type="signature_delta", signature="sig"),
        {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
        {"type": "ping"}, delta(1, type="text_delta", text="Yes."),
    ]  # fmt: skip
    handler = events(start(cache_read_input_tokens=30, cache_creation_input_tokens=2), *thinking, *stop())
    async with upstream(handler) as provider, running(environment(redis_url, provider.url, tmp_path)) as llm:
        answer = await llm.ask(
            "Hi", model="anthropic/adaptive", thinking=generation_pb2.THINKING_EFFORT_HIGH, temperature=0.5
        )
        assert (answer.thinking, answer.text) == ("Hm.", "Yes.")
        usage = answer.end.usage
        assert (usage.input_tokens, usage.cached_input_tokens, usage.output_tokens) == (42, 30, 5)
        assert answer.started.context_tokens_estimated
        sent, headers = provider.requests[0], provider.headers[0]
        assert (sent["thinking"], sent["output_config"]) == ({"type": "adaptive"}, {"effort": "high"})
        assert "temperature" not in sent
        assert sent["system"] == "Be kind."
        assert sent["messages"] == [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}]
        assert headers["Authorization"] == "Bearer secret"


@pytest.mark.parametrize(
    ("model", "effort", "expected"),
    [
        ("anthropic/adaptive", generation_pb2.THINKING_EFFORT_OFF, {"type": "disabled"}),
        ("anthropic/budget", generation_pb2.THINKING_EFFORT_LOW, {"type": "enabled", "budget_tokens": 2_048}),
        ("anthropic/budget", generation_pb2.THINKING_EFFORT_OFF, None),
        ("anthropic/plain", generation_pb2.THINKING_EFFORT_MAX, None),
    ],
)
async def test_thinking_is_asked_for_as_the_model_wants_it(
    redis_url: str, tmp_path: Path, model: str, effort: Any, expected: Any
) -> None:
    handler = events(start(), *text("Yes."), *stop())
    async with upstream(handler) as provider, running(environment(redis_url, provider.url, tmp_path)) as llm:
        await llm.ask(model=model, thinking=effort, temperature=1.5)
        sent = provider.requests[0]
        assert sent.get("thinking") == expected
        assert sent["max_tokens"] == 4_096 + (2_048 if expected and "budget_tokens" in expected else 0)
        assert sent.get("temperature") == (
            1.0 if model != "anthropic/adaptive" and not (expected and "budget_tokens" in expected) else None
        )


async def test_tools_go_and_come(redis_url: str, tmp_path: Path) -> None:
    calls = [
        {"type": "content_block_start", "content_block": {"type": "tool_use", "id": "toolu_1", "name": "look"}},
        delta(0, type="input_json_delta", partial_json='{"at'), delta(0, type="input_json_delta", partial_json='": 1}'),
    ]  # fmt: skip
    script = events(start(), *calls, *stop("tool_use")), events(start(), *text("Seen."), *stop())
    async with upstream(*script) as provider, running(environment(redis_url, provider.url, tmp_path)) as llm:
        tools = [generation_pb2.Tool(name="look", parameters_json='{"type": "object"}')]
        answer = await llm.ask(model="anthropic/plain", tools=tools)
        (call,) = [event.tool_call for event in answer.events if event.HasField("tool_call")]
        assert (call.id, call.name, call.arguments_json) == ("toolu_1", "look", '{"at": 1}')
        results = [generation_pb2.ToolResult(call_id="toolu_1", content="a cat")]
        rounds = [generation_pb2.ToolRound(calls=[call], results=results)]
        assert (await llm.ask(model="anthropic/plain", tools=tools, tool_rounds=rounds)).text == "Seen."
        assert [message["role"] for message in provider.requests[1]["messages"]] == ["user", "assistant", "user"]
        assert provider.requests[1]["messages"][2]["content"][0]["tool_use_id"] == "toolu_1"


@pytest.mark.parametrize(
    ("handler", "why"),
    [
        (events(start(), *text("Some")), "STREAM_TRUNCATED"),
        (
            events(start(), *text("Some"), {"type": "error", "error": {"type": "overloaded_error"}}),
            "PROVIDER_OVERLOADED",
        ),
    ],
)
async def test_streams_that_break(redis_url: str, tmp_path: Path, handler: Handler, why: str) -> None:
    async with upstream(handler) as provider, running(environment(redis_url, provider.url, tmp_path)) as llm:
        end = (await llm.ask(model="anthropic/plain")).end
        assert (end.finish_reason, end.interruption) == (generation_pb2.FINISH_REASON_INTERRUPTED, why)


async def test_overloaded_is_tried_again_and_a_refusal_is_said(redis_url: str, tmp_path: Path) -> None:
    script = fails(529), events(start(), *text("I won't."), *stop("refusal")), fails(401)
    async with upstream(*script) as provider, running(environment(redis_url, provider.url, tmp_path)) as llm:
        answer = await llm.ask(model="anthropic/plain")
        assert answer.end.finish_reason == generation_pb2.FINISH_REASON_CONTENT_FILTER
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await llm.ask(model="anthropic/plain", turn_id="t2")
        assert reason(caught.value) == "PROVIDER_AUTHENTICATION"


async def test_a_document_in_both_ways(redis_url: str, tmp_path: Path) -> None:
    by_tool = [
        {
            "type": "content_block_start",
            "index": 0,
            "content_block": {"type": "tool_use", "id": "t", "name": "plan", "input": {}},
        },
        delta(0, type="input_json_delta", partial_json='{"a": 1}'),
    ]
    script = events(start(), *text('{"a": 2}'), *stop()), fails(400), events(start(), *by_tool, *stop("tool_use"))
    async with upstream(*script) as provider, running(environment(redis_url, provider.url, tmp_path)) as llm:
        request = plan_pb2.PlanRequest(
            messages=[plan_pb2.PlanMessage(text="x")], name="plan", model="anthropic/plain",
            schema_json='{"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}',
        )  # fmt: skip
        stub = plan_pb2_grpc.PlanServiceStub(llm.channel)
        assert json.loads((await stub.Plan(request, timeout=TIMEOUT)).document_json) == {"a": 2}
        assert provider.requests[0]["output_config"]["format"]["schema"]["additionalProperties"] is False
        assert json.loads((await stub.Plan(request, timeout=TIMEOUT)).document_json) == {"a": 1}
        assert provider.requests[2]["tool_choice"] == {"type": "tool", "name": "plan"}
