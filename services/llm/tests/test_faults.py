"""Providers that fail, in every way that was seen, and what becomes of the answer."""

import asyncio
import time
from pathlib import Path
from typing import Any

import grpc
import pytest
from aiohttp import web
from guildhall.llm.v1 import generation_pb2

from chassis.errors import from_rpc_error
from services.llm.tests.harness import config, reason, running, variables
from services.llm.tests.upstream import DONE, USAGE, chunk, fails, says, sends, upstream, waits

SHORT = {"GUILDHALL_PROVIDERS__OPENAI__IDLE_TIMEOUT": "0.3", "GUILDHALL_PROVIDERS__OPENAI__FIRST_TOKEN_TIMEOUT": "0.5"}


@pytest.fixture
def two_models(tmp_path: Path) -> dict[str, str]:
    """Two models, the second the first one's fallback."""
    models = {"openai/first": {"fallbacks": ["openai/second"]}, "openai/second": {}}
    return {"GUILDHALL_CONFIG": config(tmp_path, models=models, llm={"default_models": ["openai/first"]})}


@pytest.mark.parametrize(
    "fault",
    [
        fails(500), fails(529, {"error": {"type": "overloaded_error"}}), fails(429, retry_after="0"),
        sends(b"data: {not json\n\n"), sends(), sends(drop=True), sends(chunk(error={"type": "server_error"})),
        says(usage=None),
    ],
    ids=["500", "529", "429", "malformed", "empty", "dropped", "error event", "no words"],
)  # fmt: skip
async def test_what_fails_before_the_first_word_is_tried_again(redis_url: str, fault) -> None:  # type: ignore[no-untyped-def]
    more = {"GUILDHALL_LLM__RETRY__COOLDOWN": "0.01"}
    async with (
        upstream(fault, says("Second try.")) as provider,
        running(variables(redis_url, provider.url, **more)) as llm,
    ):
        answer = await llm.ask()
        assert answer.text == "Second try."
        assert answer.end.finish_reason == generation_pb2.FINISH_REASON_STOP
        assert len(provider.requests) == 2


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        (sends(chunk({"content": "Some"})), "STREAM_TRUNCATED"),
        (sends(chunk({"content": "Some"}), drop=True), "STREAM_DROPPED"),
        (sends(chunk({"content": "Some"}), b"data: {oops\n\n"), "STREAM_MALFORMED"),
        (sends(chunk({"content": "Some"}), chunk(error={"type": "server_error"})), "PROVIDER_OVERLOADED"),
        (sends(chunk({"content": "Some"}), hold=asyncio.Event()), "STREAM_STALLED"),
    ],
    ids=["truncated", "dropped", "malformed", "error event", "stalled"],
)
async def test_what_breaks_after_the_first_word_ends_as_interrupted(redis_url: str, fault, why: str) -> None:  # type: ignore[no-untyped-def]
    async with upstream(fault) as provider, running(variables(redis_url, provider.url, **SHORT)) as llm:
        answer = await llm.ask()
        assert (answer.text, answer.end.interruption) == ("Some", why)
        assert answer.end.finish_reason == generation_pb2.FINISH_REASON_INTERRUPTED
        assert answer.end.usage.estimated
        assert len(provider.requests) == 1
        assert [(turn.answer, turn.complete) for turn in (await llm.conversation()).turns] == [("Some", False)]


async def test_a_slow_first_word_is_not_waited_for_longer_than_configured(redis_url: str) -> None:
    held = asyncio.Event()
    async with (
        upstream(waits(held), says("Quick.")) as provider,
        running(variables(redis_url, provider.url, **SHORT)) as llm,
    ):
        assert (await llm.ask()).text == "Quick."
        async with asyncio.timeout(5):
            await provider.disconnected.wait()


async def test_a_refused_connection_is_told_at_once_for_what_it_is(redis_url: str, closed: str) -> None:
    async with running(variables(redis_url, closed)) as llm:
        begun = time.monotonic()
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await llm.ask()
        assert time.monotonic() - begun < 5
        assert (caught.value.code(), reason(caught.value)) == (grpc.StatusCode.UNAVAILABLE, "PROVIDER_UNAVAILABLE")
        assert from_rpc_error(caught.value).metadata["failure"] == "PROVIDER_UNREACHABLE"


async def test_another_provider_answers_where_one_refuses_connections(
    redis_url: str, tmp_path: Path, closed: str
) -> None:
    async with upstream(says("From the second.")) as provider:
        path = config(
            tmp_path,
            providers={
                "away": {"wire": "openai", "base_url": closed, "discover": False},
                "there": {"wire": "openai", "base_url": provider.url, "discover": False},
            },
            models={"away/first": {"fallbacks": ["there/second"]}, "there/second": {}},
            llm={"default_models": ["away/first"]},
        )
        async with running(variables(redis_url, GUILDHALL_CONFIG=path)) as llm:
            answer = await llm.ask()
            assert (answer.text, answer.started.model) == ("From the second.", "there/second")


async def test_a_provider_that_hangs_up_is_asked_again(redis_url: str) -> None:
    async def hangs_up(request: web.Request, _: dict[str, Any]) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    async with upstream(hangs_up) as provider, running(variables(redis_url, provider.url)) as llm:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await llm.ask()
        assert from_rpc_error(caught.value).metadata["failure"] == "PROVIDER_UNREACHABLE"
        assert len(provider.requests) > 1


async def test_another_model_answers_where_the_first_can_not(redis_url: str, two_models: dict[str, str]) -> None:
    async with (
        upstream(fails(401), says("From the second."), models=["first", "second"]) as provider,
        running(variables(redis_url, provider.url, **two_models)) as llm,
    ):
        answer = await llm.ask()
        assert (answer.text, answer.started.model) == ("From the second.", "openai/second")
        assert [request["model"] for request in provider.requests] == ["first", "second"]


async def test_a_long_retry_after_means_the_next_model_and_a_rest(redis_url: str, two_models: dict[str, str]) -> None:
    async with (
        upstream(fails(429, retry_after="60"), says("Other."), models=["first", "second"]) as provider,
        running(variables(redis_url, provider.url, **two_models)) as llm,
    ):
        begun = time.monotonic()
        assert (await llm.ask()).started.model == "openai/second"
        assert (await llm.ask(turn_id="t2")).started.model == "openai/second"
        assert time.monotonic() - begun < 5
        assert [request["model"] for request in provider.requests] == ["first", "second", "second"]


async def test_a_model_that_keeps_failing_is_left_alone(redis_url: str, two_models: dict[str, str]) -> None:
    more = {"GUILDHALL_LLM__RETRY__ATTEMPTS": "1", "GUILDHALL_LLM__RETRY__BREAKER_FAILURES": "2"}
    script = [fails(500), says("a"), fails(500), says("b"), says("c")]
    async with (
        upstream(*script, models=["first", "second"]) as provider,
        running(variables(redis_url, provider.url, **two_models, **more)) as llm,
    ):
        for turn in ("t1", "t2", "t3"):
            assert (await llm.ask(turn_id=turn)).started.model == "openai/second"
        assert [request["model"] for request in provider.requests] == ["first", "second", "first", "second", "second"]


async def test_the_last_resort_is_taken_when_every_model_rests(redis_url: str) -> None:
    script = [fails(429, retry_after="60"), says("All the same.")]
    async with upstream(*script) as provider, running(variables(redis_url, provider.url)) as llm:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await llm.ask()
        assert reason(caught.value) == "PROVIDER_RATE_LIMITED"
        assert (await llm.ask()).text == "All the same."


async def test_the_deadline_is_the_whole_budget(redis_url: str) -> None:
    held = asyncio.Event()
    async with upstream(waits(held)) as provider, running(variables(redis_url, provider.url)) as llm:
        begun = time.monotonic()
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await llm.ask(timeout=1.0)
        assert time.monotonic() - begun < 1.5
        assert (caught.value.code(), reason(caught.value)) == (grpc.StatusCode.UNAVAILABLE, "PROVIDER_UNAVAILABLE")


async def test_the_first_delta_is_not_held_and_later_ones_are_gathered(redis_url: str) -> None:
    words = [f"w{number} " for number in range(60)]
    handler = says(*words, pause=0.002)
    async with upstream(handler) as provider, running(variables(redis_url, provider.url)) as llm:
        answer = await llm.ask()
        assert answer.text == "".join(words)
        assert answer.kinds[0] == "started"
        assert answer.events[1].text_delta == "w0 "
        assert answer.kinds.count("text_delta") < 20


async def test_usage_on_a_chunk_with_choices_is_read(redis_url: str) -> None:
    handler = sends(chunk({"content": "Hi"}), chunk({}, "stop", usage=USAGE), DONE)
    async with upstream(handler) as provider, running(variables(redis_url, provider.url)) as llm:
        end = (await llm.ask()).end
        assert (end.usage.input_tokens, end.usage.output_tokens, end.usage.estimated) == (12, 3, False)


async def test_usage_is_estimated_where_none_is_given(redis_url: str) -> None:
    async with (
        upstream(says("Hello there", usage=None)) as provider,
        running(variables(redis_url, provider.url)) as llm,
    ):
        end = (await llm.ask()).end
        assert end.usage.estimated
        assert end.usage.output_tokens == 2


@pytest.mark.parametrize("field", ["reasoning", "reasoning_content"])
async def test_thinking_in_a_field_of_its_own(redis_url: str, field: str) -> None:
    handler = sends(chunk({field: "Let me see."}), chunk({"content": "Yes."}), chunk(finish="stop"), DONE)
    async with upstream(handler) as provider, running(variables(redis_url, provider.url)) as llm:
        answer = await llm.ask()
        assert (answer.thinking, answer.text) == ("Let me see.", "Yes.")


async def test_a_model_that_starts_in_thinking(redis_url: str) -> None:
    handler = says("Hm, ", "so</th", "ink>", "\n\nYes.")
    async with (
        upstream(handler, models=["deepseek-r1:8b"]) as provider,
        running(variables(redis_url, provider.url)) as llm,
    ):
        answer = await llm.ask()
        assert (answer.thinking, answer.text) == ("Hm, so", "Yes.")
        await llm.ask(turn_id="t2")
        assert "Hm" not in str(provider.requests[1]["messages"])


async def test_tool_calls_come_whole_and_their_results_go_back(redis_url: str) -> None:
    def piece(index: int, **function: str) -> bytes:
        head = {"id": f"call_{index}"} if "name" in function else {}
        return chunk({"tool_calls": [{"index": index, **head, "function": function}]})

    calls = sends(
        piece(0, name="look", arguments=""), piece(0, arguments='{"wh'), piece(1, name="hear", arguments="{}"),
        piece(0, arguments='ere": "here"}'), chunk(finish="tool_calls"), DONE,
    )  # fmt: skip
    async with upstream(calls, says("Seen.")) as provider, running(variables(redis_url, provider.url)) as llm:
        tools = [generation_pb2.Tool(name="look"), generation_pb2.Tool(name="hear")]
        answer = await llm.ask(tools=tools)
        got = [event.tool_call for event in answer.events if event.HasField("tool_call")]
        assert [(call.name, call.arguments_json) for call in got] == [("look", '{"where": "here"}'), ("hear", "{}")]
        assert answer.end.finish_reason == generation_pb2.FINISH_REASON_TOOL_CALLS
        results = [generation_pb2.ToolResult(call_id=call.id, content="a cat") for call in got]
        second = await llm.ask(tools=tools, tool_rounds=[generation_pb2.ToolRound(calls=got, results=results)])
        assert second.text == "Seen."
        sent = provider.requests[1]["messages"]
        assert [message["role"] for message in sent] == ["system", "user", "assistant", "tool", "tool"]


async def test_a_tool_call_that_was_cut_off_is_never_given(redis_url: str) -> None:
    call = {"index": 0, "id": "c", "function": {"name": "look", "arguments": '{"a": '}}
    handler = sends(chunk({"content": "Wait"}), chunk({"tool_calls": [call]}), chunk(finish="length"), DONE)
    async with upstream(handler) as provider, running(variables(redis_url, provider.url)) as llm:
        answer = await llm.ask(tools=[generation_pb2.Tool(name="look")])
        assert answer.end.finish_reason == generation_pb2.FINISH_REASON_LENGTH
        assert "tool_call" not in answer.kinds
