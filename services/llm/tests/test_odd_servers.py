"""Servers that speak the wire formats in ways of their own, and servers that don't speak them at all."""

import asyncio
import base64
import json
from typing import Any

import grpc
import pytest
from aiohttp import web
from guildhall.llm.v1 import generation_pb2, image_pb2, image_pb2_grpc

from services.llm.tests.harness import reason, running, variables
from services.llm.tests.upstream import DONE, USAGE, Handler, chunk, fails, says, sends, upstream

STOP = generation_pb2.FINISH_REASON_STOP
QUICK = {"GUILDHALL_LLM__RETRY__COOLDOWN": "0.01", "GUILDHALL_LLM__RETRY__BREAKER_FAILURES": "1000"}


def answers(body: bytes, content_type: str = "application/json") -> Handler:
    """A body at once."""

    async def handle(request: web.Request, _: dict[str, Any]) -> web.StreamResponse:
        return web.Response(body=body, content_type=content_type)

    return handle


def raw(data: bytes) -> Handler:
    """Bytes in place of HTTP."""

    async def handle(request: web.Request, _: dict[str, Any]) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.write(data)
        request.transport.close()
        return web.Response()

    return handle


def event(data: Any) -> bytes:
    return f"data: {json.dumps(data)}\n\n".encode()


UNREADABLE = {
    "a choice that is nothing": sends(event({"choices": [None]}), DONE),
    "choices that are a text": sends(event({"choices": "oops"}), DONE),
    "a delta that is a text": sends(event({"choices": [{"delta": "oops"}]}), DONE),
    "a call that is nothing": sends(chunk({"tool_calls": [None]}), chunk(finish="tool_calls"), DONE),
    "a call with a number for a name": sends(
        chunk({"tool_calls": [{"index": "x", "id": 1, "function": {"name": 3, "arguments": {"a": 1}}}]}),
        chunk(finish="tool_calls"),
        DONE,
    ),
    "an array": sends(event([]), DONE),
    "a deep array": sends(b"data: " + b"[" * 100_000 + b"\n\n", DONE),
    "a page": answers(b"<html>Log in</html>", "text/html"),
    "an error inside a stream, with a status": sends(event({"error": {"code": 502, "message": "boom"}}), DONE),
    "an error that is a text": sends(event({"error": "boom"}), DONE),
    "an error in the place of a chunk": sends(event({"object": "error", "message": "engine died", "code": 500}), DONE),
    "an end by error": sends(chunk({}, "error"), DONE),
    "a chunk without a size": raw(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nZZZ\r\nfoo\r\n"),
    "no HTTP": raw(b"SSH-2.0-OpenSSH_9.9\r\n"),
    "a 429 without a time": fails(429),
    "a rate limit inside a stream": sends(event({"error": {"code": 429, "message": "Rate limit exceeded"}}), DONE),
}


@pytest.mark.parametrize("fault", UNREADABLE.values(), ids=UNREADABLE.keys())
async def test_what_can_not_be_read_is_asked_for_again(redis_url: str, fault: Handler) -> None:
    async with (
        upstream(fault, says("Second try.")) as provider,
        running(variables(redis_url, provider.url, **QUICK)) as llm,
    ):
        answer = await llm.ask()
        assert (answer.text, answer.end.finish_reason) == ("Second try.", STOP)
        assert len(provider.requests) == 2


@pytest.mark.parametrize("finish", ["error", "abort", "insufficient_system_resource"])
async def test_a_provider_that_gives_up_ends_no_answer(redis_url: str, finish: str) -> None:
    async with upstream(says("Half", finish=finish)) as provider, running(variables(redis_url, provider.url)) as llm:
        answer = await llm.ask()
        assert (answer.text, answer.end.interruption) == ("Half", "PROVIDER_OVERLOADED")
        assert answer.end.finish_reason == generation_pb2.FINISH_REASON_INTERRUPTED


@pytest.mark.parametrize(
    "usage",
    [
        {"prompt_tokens": "abc", "completion_tokens": -5}, [1], {"prompt_tokens": 10**30}, {"completion_tokens": True},
        {"prompt_tokens": 1, "prompt_tokens_details": [7]},
    ],
    ids=["words", "a list", "too many", "yes", "odd details"],
)  # fmt: skip
async def test_usage_that_is_none_is_counted_here(redis_url: str, usage: Any) -> None:
    handler = sends(chunk({"content": "Fine."}), chunk(finish="stop", usage=usage), DONE)
    async with upstream(handler) as provider, running(variables(redis_url, provider.url)) as llm:
        answer = await llm.ask()
        assert (answer.text, answer.end.finish_reason) == ("Fine.", STOP)
        assert answer.end.usage.estimated
        assert answer.end.usage.output_tokens == 2


async def test_a_whole_answer_in_place_of_a_stream_is_taken(redis_url: str) -> None:
    choice = {"index": 0, "message": {"role": "assistant", "content": "All at once."}, "finish_reason": "stop"}
    whole = json.dumps({"model": "demo-1", "choices": [choice], "usage": USAGE}, indent=2).encode()
    async with upstream(answers(whole)) as provider, running(variables(redis_url, provider.url)) as llm:
        answer = await llm.ask()
        assert (answer.text, answer.end.finish_reason) == ("All at once.", STOP)
        assert (answer.end.usage.input_tokens, answer.end.usage.estimated) == (12, False)


async def test_a_whole_message_in_place_of_a_stream_is_taken(redis_url: str) -> None:
    content = [{"type": "thinking", "thinking": "Hm."}, {"type": "text", "text": "All at once."}]
    usage = {"input_tokens": 9, "output_tokens": 4}
    whole = {"type": "message", "model": "claude", "stop_reason": "end_turn", "usage": usage, "content": content}
    async with upstream(answers(json.dumps(whole).encode())) as provider:
        more = {
            "GUILDHALL_PROVIDERS__ANTHROPIC__WIRE": "anthropic",
            "GUILDHALL_PROVIDERS__ANTHROPIC__BASE_URL": provider.url.removesuffix("/v1"),
        }
        async with running(variables(redis_url, **more)) as llm:
            answer = await llm.ask(model="anthropic/demo")
            assert (answer.thinking, answer.text, answer.end.finish_reason) == ("Hm.", "All at once.", STOP)
            assert (answer.end.usage.input_tokens, answer.end.usage.output_tokens) == (9, 4)


async def test_events_of_another_shape_are_malformed_in_either_format(redis_url: str) -> None:
    start = event({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": "Some"}})
    async with upstream(sends(start, event({"type": "content_block_delta", "delta": "oops"}))) as provider:
        more = {
            "GUILDHALL_PROVIDERS__ANTHROPIC__WIRE": "anthropic",
            "GUILDHALL_PROVIDERS__ANTHROPIC__BASE_URL": provider.url.removesuffix("/v1"),
        }
        async with running(variables(redis_url, **more)) as llm:
            answer = await llm.ask(model="anthropic/demo")
            assert (answer.text, answer.end.interruption) == ("Some", "STREAM_MALFORMED")


async def test_a_tool_that_the_provider_runs_by_itself_is_no_call(redis_url: str) -> None:
    used = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}
    handler = sends(
        event({"type": "content_block_start", "index": 0, "content_block": used}),
        event(
            {
                "type": "content_block_delta",
                "index": 0,
                "delta": {"type": "input_json_delta", "partial_json": '{"q": 1}'},
            }
        ),
        event({"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": "Found."}}),
        event({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 3}}),
        event({"type": "message_stop"}),
    )
    async with upstream(handler) as provider:
        more = {
            "GUILDHALL_PROVIDERS__ANTHROPIC__WIRE": "anthropic",
            "GUILDHALL_PROVIDERS__ANTHROPIC__BASE_URL": provider.url.removesuffix("/v1"),
        }
        async with running(variables(redis_url, **more)) as llm:
            answer = await llm.ask(model="anthropic/demo")
            assert (answer.text, answer.end.finish_reason) == ("Found.", STOP)
            assert "tool_call" not in answer.kinds


async def test_thinking_and_text_may_come_as_parts(redis_url: str) -> None:
    thought = {"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}
    text = {"type": "text", "text": "Well."}
    handler = sends(chunk({"content": [thought]}), chunk({"content": [text]}), chunk(finish="stop"), DONE)
    async with upstream(handler) as provider, running(variables(redis_url, provider.url)) as llm:
        answer = await llm.ask()
        assert (answer.thinking, answer.text) == ("Hm.", "Well.")


@pytest.mark.parametrize("index", [{}, {"index": 0}], ids=["no numbers", "one number"])
async def test_calls_without_numbers_of_their_own_are_told_apart(redis_url: str, index: dict[str, int]) -> None:
    def call(name: str) -> bytes:
        return chunk({"tool_calls": [{**index, "id": f"id-{name}", "function": {"name": name, "arguments": "{"}}]})

    rest = chunk({"tool_calls": [{**index, "function": {"arguments": "}"}}]})
    handler = sends(call("first"), rest, call("second"), rest, chunk(finish="stop"), DONE)
    async with upstream(handler) as provider, running(variables(redis_url, provider.url)) as llm:
        answer = await llm.ask(tools=[generation_pb2.Tool(name="first"), generation_pb2.Tool(name="second")])
        calls = [each.tool_call for each in answer.events if each.HasField("tool_call")]
        assert [(each.id, each.name, each.arguments_json) for each in calls] == [
            ("id-first", "first", "{}"),
            ("id-second", "second", "{}"),
        ]
        assert answer.end.finish_reason == generation_pb2.FINISH_REASON_TOOL_CALLS


@pytest.mark.parametrize("drop", [False, True], ids=["held open", "dropped"])
async def test_an_answer_that_has_ended_is_whole_however_its_connection_ends(redis_url: str, drop: bool) -> None:
    hold = None if drop else asyncio.Event()
    handler = sends(chunk({"content": "Whole."}), chunk(finish="stop"), hold=hold, drop=drop)
    async with upstream(handler) as provider, running(variables(redis_url, provider.url)) as llm:
        answer = await llm.ask()
        assert (answer.text, answer.end.finish_reason, answer.end.interruption) == ("Whole.", STOP, "")


async def test_a_mark_of_byte_order_is_no_part_of_the_first_event(redis_url: str) -> None:
    handler = sends(b"\xef", b"\xbb\xbf", chunk({"content": "First"}), chunk({"content": " and second."}, "stop"), DONE)
    async with upstream(handler) as provider, running(variables(redis_url, provider.url)) as llm:
        assert (await llm.ask()).text == "First and second."


async def test_an_answer_without_end_ends_far_beyond_its_cap(redis_url: str) -> None:
    async def forever(request: web.Request, _: dict[str, Any]) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        while True:
            await response.write(chunk({"content": "blah " * 2_000}))

    async with upstream(forever) as provider, running(variables(redis_url, provider.url)) as llm:
        answer = await llm.ask()
        assert answer.end.finish_reason == generation_pb2.FINISH_REASON_LENGTH
        assert len(answer.text) < 200_000
        async with asyncio.timeout(10):
            await provider.disconnected.wait()


async def test_an_event_without_end_is_not_kept_for_ever(redis_url: str) -> None:
    async def forever(request: web.Request, _: dict[str, Any]) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(b"data: ")
        while True:
            await response.write(b"x" * 2**18)

    async with (
        upstream(forever, says("Second try.")) as provider,
        running(variables(redis_url, provider.url, **QUICK)) as llm,
    ):
        assert (await llm.ask()).text == "Second try."


@pytest.mark.parametrize(
    "body",
    [
        b"<html>Log in</html>", b"[]", b'"oops"', b'{"data": "oops"}', b'{"data": [null, 3, {}]}',
        b'{"data": [{"id": null}, {"id": 7}, {"id": ""}]}', b"",
    ],
)  # fmt: skip
async def test_a_list_of_models_that_is_none_stops_nothing(redis_url: str, body: bytes) -> None:
    async with upstream() as provider:
        provider.model_list = body
        async with running(variables(redis_url, provider.url)) as llm:
            assert (await llm.ask(model="openai/gpt-6-luna")).text == "Hello there."


@pytest.mark.parametrize(
    ("given", "media_type"),
    [
        (base64.b64encode(b"\x89PNG\r\n\x1a\n...").decode(), "image/png"),
        ("data:image/png;base64," + base64.b64encode(b"\xff\xd8\xff...").decode(), "image/jpeg"),
        ("\n".join(base64.b64encode(b"RIFF....WEBP...").decode()), "image/webp"),
        (base64.b64encode(b"<html>Log in</html>").decode(), ""),
        ("%%%", ""),
        (5, ""),
    ],
    ids=["png", "data address", "broken lines", "a page", "no base64", "a number"],
)
async def test_a_picture_is_what_its_bytes_say(redis_url: str, given: Any, media_type: str) -> None:
    body = json.dumps({"data": [{"b64_json": given}], "usage": {"output_tokens": "many"}}).encode()
    more = {"GUILDHALL_LLM__IMAGES__MODELS": '["openai/painter"]'}
    async with (
        upstream(answers(body), models=["painter"]) as provider,
        running(variables(redis_url, provider.url, **more)) as llm,
    ):
        stub = image_pb2_grpc.ImageServiceStub(llm.channel)
        call = stub.GenerateImage(image_pb2.GenerateImageRequest(prompt="A square", guild_id=7), timeout=20)
        if media_type:
            events = [each async for each in call]
            assert events[0].started.content_type == media_type
        else:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                _ = [each async for each in call]
            assert reason(caught.value) == "PROVIDER_UNAVAILABLE"
