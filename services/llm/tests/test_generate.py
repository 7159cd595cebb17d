"""Generate, from the RPC to the provider's socket and back."""

import asyncio

import grpc
import pytest
from guildhall.llm.v1 import generation_pb2

from services.llm.tests.harness import reason, running, texts, variables
from services.llm.tests.upstream import chunk, fails, says, sends, upstream
from tests.support.waiting import eventually


async def test_an_answer_streams_and_is_kept(redis_url: str) -> None:
    async with upstream(says("Hello", " there", ".")) as provider, running(variables(redis_url, provider.url)) as llm:
        answer = await llm.ask("Hi")
        assert answer.kinds[0] == "started"
        assert answer.started.model == "openai/demo"
        assert answer.text == "Hello there."
        assert answer.end.finish_reason == generation_pb2.FINISH_REASON_STOP
        assert (answer.end.usage.input_tokens, answer.end.usage.output_tokens) == (12, 3)
        kept = await llm.conversation()
        assert [(turn.turn_id, turn.answer, turn.complete) for turn in kept.turns] == [("t1", "Hello there.", True)]


async def test_a_follow_up_sees_the_whole_conversation(redis_url: str) -> None:
    script = says("One."), says("Two.")
    async with upstream(*script) as provider, running(variables(redis_url, provider.url)) as llm:
        await llm.ask("First", turn_id="t1")
        await llm.ask("Second", turn_id="t2")
        sent = texts(provider.requests[1]["messages"])
        assert sent[1:] == ["user: First", "assistant: One.", "user: Second"]


async def test_a_repeated_turn_replaces_what_was_left(redis_url: str) -> None:
    broken = sends(chunk({"content": "Half an"}))
    async with upstream(broken, says("Whole.")) as provider, running(variables(redis_url, provider.url)) as llm:
        first = await llm.ask("Q")
        assert first.end.finish_reason == generation_pb2.FINISH_REASON_INTERRUPTED
        assert first.end.interruption == "STREAM_TRUNCATED"
        assert first.text == "Half an"
        second = await llm.ask("Q")
        assert second.text == "Whole."
        assert [message["role"] for message in provider.requests[1]["messages"]] == ["system", "user"]
        kept = await llm.conversation()
        assert [(turn.turn_id, turn.answer, turn.complete) for turn in kept.turns] == [("t1", "Whole.", True)]


async def test_a_cancel_reaches_the_provider_at_once(redis_url: str) -> None:
    never = asyncio.Event()
    handler = sends(chunk({"content": "Some"}), hold=never)
    async with upstream(handler) as provider, running(variables(redis_url, provider.url)) as llm:
        call = llm.stream("Q")
        assert (await call.read()).HasField("started")
        assert (await call.read()).text_delta == "Some"
        call.cancel()
        async with asyncio.timeout(5):
            await provider.disconnected.wait()
        await eventually(lambda: provider.open_streams == 0)

        async def kept() -> bool:
            return [(turn.answer, turn.complete) for turn in (await llm.conversation()).turns] == [("Some", False)]

        await eventually(kept)


async def test_a_provider_that_cuts_prompts_is_noticed(redis_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    usage = {"prompt_tokens": 4_096, "completion_tokens": 3}
    async with upstream(says("Hm.", usage=usage)) as provider, running(variables(redis_url, provider.url)) as llm:
        await llm.ask("日本語の文章、" * 2_400)
    assert "seems to have cut the prompt" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("fields", "code", "why"),
    [
        ({"text": ""}, grpc.StatusCode.INVALID_ARGUMENT, "EMPTY_PROMPT"),
        ({"text": " \x00\u202e\n"}, grpc.StatusCode.INVALID_ARGUMENT, "EMPTY_PROMPT"),
        ({"text": "word " * 40_000}, grpc.StatusCode.INVALID_ARGUMENT, "PROMPT_TOO_LONG"),
        ({"text": "Hi", "model": "openai/none"}, grpc.StatusCode.NOT_FOUND, "MODEL_UNKNOWN"),
        ({"text": "Hi", "conversation_id": ""}, grpc.StatusCode.INVALID_ARGUMENT, "INVALID_ID"),
        ({"text": "Hi", "conversation_id": "{a}b"}, grpc.StatusCode.INVALID_ARGUMENT, "INVALID_ID"),
    ],
)
async def test_bad_input_is_refused_with_a_reason(
    redis_url: str, fields: dict[str, str], code: grpc.StatusCode, why: str
) -> None:
    async with upstream() as provider, running(variables(redis_url, provider.url)) as llm:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await llm.ask(**fields)
        assert (caught.value.code(), reason(caught.value)) == (code, why)
        assert provider.requests == []


async def test_a_prompt_above_the_window_is_refused(redis_url: str) -> None:
    async with upstream(models=["demo"]) as provider, running(variables(redis_url, provider.url)) as llm:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await llm.ask("日本語の長い文章、" * 11_000)
        assert reason(caught.value) == "PROMPT_TOO_LONG"
        assert "too long for" in (caught.value.details() or "")


@pytest.mark.parametrize("text", ["<|endoftext|>", "👩‍👩‍👧‍👦 \U0001f3f3", "a\x07b\x1b[31m", "日本語" * 50])
async def test_odd_text_is_answered(redis_url: str, text: str) -> None:
    async with upstream(says("Fine.")) as provider, running(variables(redis_url, provider.url)) as llm:
        assert (await llm.ask(text)).text == "Fine."


@pytest.mark.parametrize(
    ("handler", "code", "why"),
    [
        (fails(401), grpc.StatusCode.FAILED_PRECONDITION, "PROVIDER_AUTHENTICATION"),
        (fails(503), grpc.StatusCode.UNAVAILABLE, "PROVIDER_UNAVAILABLE"),
        (fails(429, retry_after="30"), grpc.StatusCode.UNAVAILABLE, "PROVIDER_RATE_LIMITED"),
        (fails(404), grpc.StatusCode.NOT_FOUND, "MODEL_UNKNOWN"),
        (fails(400), grpc.StatusCode.FAILED_PRECONDITION, "PROVIDER_REFUSED"),
    ],
)
async def test_a_provider_that_fails_is_told_plainly(redis_url: str, handler, code, why) -> None:  # type: ignore[no-untyped-def]
    async with upstream(handler) as provider, running(variables(redis_url, provider.url)) as llm:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await llm.ask("Hi")
        assert (caught.value.code(), reason(caught.value)) == (code, why)


async def test_a_provider_that_is_down_is_told_plainly(redis_url: str) -> None:
    async with running(variables(redis_url, "http://127.0.0.1:9/v1")) as llm:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await llm.ask("Hi", model="openai/gpt-6-luna")
        assert reason(caught.value) == "PROVIDER_UNAVAILABLE"
