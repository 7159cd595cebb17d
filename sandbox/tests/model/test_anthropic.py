"""The demo model through the official Anthropic SDK, and its refusals in Anthropic's shape."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import anthropic
import pytest


@pytest.fixture
async def client(base: str) -> AsyncIterator[anthropic.AsyncAnthropic]:
    async with anthropic.AsyncAnthropic(api_key="demo", base_url=base, max_retries=0) as sdk:
        yield sdk


USER = [{"role": "user", "content": "What is 12 * 7?"}]


async def test_a_stream_joins_to_the_whole_message(client: anthropic.AsyncAnthropic) -> None:
    whole = await client.messages.create(model="demo", max_tokens=500, messages=USER)
    async with client.messages.stream(model="demo", max_tokens=500, messages=USER) as stream:
        text = "".join([piece async for piece in stream.text_stream])
        final = await stream.get_final_message()
    assert text == whole.content[0].text == final.content[0].text
    assert "84" in text
    assert (final.stop_reason, final.usage.output_tokens) == ("end_turn", whole.usage.output_tokens)


async def test_thinking_comes_first_in_signed_blocks_that_can_be_sent_back(client: anthropic.AsyncAnthropic) -> None:
    options = {"model": "demo-thinking", "max_tokens": 4000, "thinking": {"type": "enabled", "budget_tokens": 1024}}
    async with client.messages.stream(messages=USER, **options) as stream:
        first = await stream.get_final_message()
    assert [block.type for block in first.content] == ["thinking", "text"]
    assert first.content[0].signature
    history: list[Any] = [*USER, {"role": "assistant", "content": [block.model_dump() for block in first.content]}]
    again = await client.messages.create(messages=[*history, {"role": "user", "content": "and before?"}], **options)
    assert again.content[-1].type == "text"
    history[1]["content"][0]["signature"] = "forged"
    with pytest.raises(anthropic.BadRequestError, match="signature"):
        await client.messages.create(messages=[*history, {"role": "user", "content": "and?"}], **options)


TOOL = {
    "name": "get_weather",
    "description": "The weather in a city",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}


async def test_tools_are_called_in_a_stream_and_their_results_told(client: anthropic.AsyncAnthropic) -> None:
    messages: list[Any] = [{"role": "user", "content": "How is the weather in Lisbon?"}]
    async with client.messages.stream(model="demo", max_tokens=500, messages=messages, tools=[TOOL]) as stream:
        first = await stream.get_final_message()
    call = first.content[-1]
    assert (first.stop_reason, call.name, call.input) == ("tool_use", "get_weather", {"city": "Lisbon"})
    messages.append({"role": "assistant", "content": [block.model_dump() for block in first.content]})
    result = {"type": "tool_result", "tool_use_id": call.id, "content": "21 degrees"}
    answer = await client.messages.create(
        model="demo", max_tokens=500, tools=[TOOL], messages=[*messages, {"role": "user", "content": [result]}]
    )
    assert "21 degrees" in answer.content[0].text
    with pytest.raises(anthropic.BadRequestError, match="tool_result"):
        await client.messages.create(
            model="demo", max_tokens=9, tools=[TOOL], messages=[*messages, {"role": "user", "content": "hm"}]
        )


async def test_answers_by_schema_and_counts(client: anthropic.AsyncAnthropic) -> None:
    schema = {
        "type": "object",
        "properties": {"title": {"type": "string"}, "urgent": {"type": "boolean"}},
        "required": ["title", "urgent"],
        "additionalProperties": False,
    }
    answer = await client.messages.create(
        model="demo",
        max_tokens=500,
        messages=[{"role": "user", "content": "The printer on floor 3 burns"}],
        extra_body={"output_config": {"format": {"type": "json_schema", "schema": schema}}},
    )
    assert answer.content[0].text == '{"title":"Printer floor 3 burns","urgent":true}'
    counted = await client.messages.count_tokens(model="demo", messages=USER)
    assert counted.input_tokens > 5


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"model": "claude-unknown"}, anthropic.NotFoundError),
        ({"messages": [{"role": "user", "content": ""}]}, anthropic.BadRequestError),
        ({"messages": [{"role": "robot", "content": "x"}]}, anthropic.BadRequestError),
        ({"thinking": {"type": "enabled", "budget_tokens": 10}}, anthropic.BadRequestError),
        ({"thinking": {"type": "enabled", "budget_tokens": 5000}}, anthropic.BadRequestError),
        ({"tools": [TOOL], "tool_choice": {"type": "tool", "name": "none"}}, anthropic.BadRequestError),
        ({"extra_headers": {"X-Sandbox-Fault": "rate_limited; retry_after=3"}}, anthropic.RateLimitError),
        ({"extra_headers": {"X-Sandbox-Fault": "overloaded"}}, anthropic.InternalServerError),
        ({"extra_headers": {"X-Sandbox-Fault": "unauthorized"}}, anthropic.AuthenticationError),
    ],
)
async def test_what_a_provider_refuses_is_refused(
    client: anthropic.AsyncAnthropic, change: dict[str, object], error: type[anthropic.APIStatusError]
) -> None:
    with pytest.raises(error) as caught:
        await client.messages.create(**{"model": "demo", "max_tokens": 2000, "messages": USER, **change})
    assert caught.value.body["error"]["message"]
    if error is anthropic.RateLimitError:
        assert caught.value.response.headers["retry-after"] == "3"


async def test_a_truncated_stream_has_no_stop(client: anthropic.AsyncAnthropic) -> None:
    stream = await client.messages.create(
        model="demo",
        max_tokens=500,
        messages=USER,
        stream=True,
        extra_headers={"X-Sandbox-Fault": "truncate; after_tokens=2"},
    )
    kinds = [event.type async for event in stream]
    assert "message_stop" not in kinds
    assert kinds.count("content_block_delta") == 2
