"""The demo model through the official OpenAI SDK, and its refusals in OpenAI's shape."""

from __future__ import annotations

import base64
import io
from collections.abc import AsyncIterator

import aiohttp
import openai
import pytest
from PIL import Image

from sandbox.model import pictures, tokens


@pytest.fixture
async def client(base: str) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(api_key="demo", base_url=f"{base}/v1", max_retries=0) as sdk:
        yield sdk


async def test_a_stream_joins_to_the_whole_answer_and_ends_with_its_usage(client: openai.AsyncOpenAI) -> None:
    messages = [{"role": "user", "content": "What is 12 * 7?"}]
    whole = await client.chat.completions.create(model="demo", messages=messages)
    stream = await client.chat.completions.create(
        model="demo", messages=messages, stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == whole.choices[0].message.content
    assert "84" in text
    assert "demo model" in text
    assert chunks[-1].choices == []
    assert chunks[-1].usage == whole.usage
    assert whole.usage.completion_tokens == tokens.count(text)
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "stop"


async def test_no_usage_is_sent_where_none_was_asked_for(client: openai.AsyncOpenAI) -> None:
    stream = await client.chat.completions.create(
        model="demo", messages=[{"role": "user", "content": "hi"}], stream=True
    )
    assert all(chunk.usage is None and chunk.choices for chunk in [c async for c in stream])


async def test_it_uses_the_whole_conversation(client: openai.AsyncOpenAI) -> None:
    messages = [
        {"role": "user", "content": "My name is Ada and my favourite colour is teal."},
        {"role": "assistant", "content": "Noted."},
    ]

    async def ask(text: str) -> str:
        answer = await client.chat.completions.create(
            model="demo", messages=[*messages, {"role": "user", "content": text}]
        )
        return answer.choices[0].message.content or ""

    assert "Ada" in await ask("What is my name?")
    assert "teal" in await ask("What did I say before?")
    assert "teal" in await ask("Which favourite colour do I have?")


async def test_it_says_that_it_is_a_demo_once(client: openai.AsyncOpenAI) -> None:
    first = await client.chat.completions.create(model="demo", messages=[{"role": "user", "content": "Explain DNS"}])
    assert "demo" in first.choices[0].message.content
    later = await client.chat.completions.create(
        model="demo",
        messages=[
            {"role": "user", "content": "count to 3"},
            {"role": "assistant", "content": "1, 2, 3"},
            {"role": "user", "content": "count to 4"},
        ],
    )
    assert later.choices[0].message.content == "1, 2, 3, 4"


async def test_max_tokens_and_stop_cut_the_answer(client: openai.AsyncOpenAI) -> None:
    messages = [{"role": "user", "content": "write a 100 word story about owls"}]
    cut = await client.chat.completions.create(model="demo", messages=messages, max_completion_tokens=7)
    assert cut.choices[0].finish_reason == "length"
    assert cut.usage.completion_tokens == 7
    stopped = await client.chat.completions.create(
        model="demo", messages=[{"role": "user", "content": "count to 9"}], stop=[" 5"]
    )
    assert stopped.choices[0].message.content == "1, 2, 3, 4,"


async def test_a_title_is_made_of_the_texts_own_words(client: openai.AsyncOpenAI) -> None:
    answer = await client.chat.completions.create(
        model="demo",
        messages=[
            {"role": "system", "content": "Give a short title of at most six words for the message. Only the title."},
            {"role": "user", "content": "How do I bake a sourdough bread at home?"},
        ],
    )
    title = answer.choices[0].message.content
    assert "sourdough" in title
    assert len(title) <= 60
    assert "\n" not in title


async def test_tools_are_called_and_their_results_told(client: openai.AsyncOpenAI) -> None:
    tools = [
        {
            "type": "function",
            "function": {
                "name": "get_weather",
                "description": "The weather in a city",
                "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
            },
        },
        {"type": "function", "function": {"name": "play_music", "description": "Plays a song", "parameters": {}}},
    ]
    messages = [{"role": "user", "content": "How is the weather in Lisbon?"}]
    first = await client.chat.completions.create(model="demo", messages=messages, tools=tools)
    call = first.choices[0].message.tool_calls[0]
    assert (call.function.name, call.function.arguments) == ("get_weather", '{"city": "Lisbon"}')
    assert first.choices[0].finish_reason == "tool_calls"
    streamed = await client.chat.completions.create(model="demo", messages=messages, tools=tools, stream=True)
    parts = [c.choices[0].delta.tool_calls[0] async for c in streamed if c.choices and c.choices[0].delta.tool_calls]
    assert "".join(p.function.arguments or "" for p in parts) == '{"city": "Lisbon"}'
    messages += [
        first.choices[0].message.model_dump(exclude_none=True),
        {"role": "tool", "tool_call_id": call.id, "content": "21 degrees"},
    ]
    second = await client.chat.completions.create(model="demo", messages=messages, tools=tools)
    assert "21 degrees" in second.choices[0].message.content
    idle = await client.chat.completions.create(
        model="demo", messages=[{"role": "user", "content": "What is 3 + 4?"}], tools=tools
    )
    assert idle.choices[0].message.tool_calls is None


async def test_it_sees_the_size_and_the_colour_of_a_picture(client: openai.AsyncOpenAI) -> None:
    out = io.BytesIO()
    Image.new("RGB", (64, 48), (20, 40, 220)).save(out, "PNG")
    url = "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()
    content = [{"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {"url": url}}]
    answer = await client.chat.completions.create(model="demo", messages=[{"role": "user", "content": content}])
    assert "64×48" in answer.choices[0].message.content
    assert "blue" in answer.choices[0].message.content


async def test_thinking_is_apart_from_the_text_or_inline_as_r1_has_it(client: openai.AsyncOpenAI) -> None:
    messages = [{"role": "user", "content": "What is 2 + 2?"}]
    stream = await client.chat.completions.create(model="demo-thinking", messages=messages, stream=True)
    deltas = [c.choices[0].delta async for c in stream if c.choices]
    assert "".join(d.model_extra.get("reasoning_content") or "" for d in deltas).startswith("The last message")
    assert "4" in "".join(d.content or "" for d in deltas)
    inline = await client.chat.completions.create(model="demo-r1", messages=messages)
    assert "<think>" not in inline.choices[0].message.content
    assert "</think>" in inline.choices[0].message.content


async def test_images_are_real_pngs_of_the_size_that_was_asked_for(client: openai.AsyncOpenAI) -> None:
    answer = await client.images.generate(model="demo-image", prompt="a red dragon over the sea", size="256x192")
    with Image.open(io.BytesIO(base64.b64decode(answer.data[0].b64_json))) as image:
        assert (image.format, image.size) == ("PNG", (256, 192))
    assert answer.usage.output_tokens > 0
    assert pictures.draw("a", 64, 64) == pictures.draw("a", 64, 64) != pictures.draw("b", 64, 64)
    with pytest.raises(openai.BadRequestError, match="size"):
        await client.images.generate(model="demo-image", prompt="x", size="9x9")


async def test_models_are_listed(client: openai.AsyncOpenAI) -> None:
    assert "demo" in [model.id async for model in client.models.list()]
    assert (await client.models.retrieve("demo")).id == "demo"
    with pytest.raises(openai.NotFoundError):
        await client.models.retrieve("gpt-unknown")


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        ({}, 400, "model"),
        ({"model": "demo"}, 400, "messages"),
        ({"model": "demo", "messages": []}, 400, "messages"),
        ({"model": "nope", "messages": [{"role": "user", "content": "x"}]}, 404, "model"),
        ({"model": "demo", "messages": [{"role": "robot", "content": "x"}]}, 400, "messages[0].role"),
        (
            {"model": "demo", "messages": [{"role": "tool", "tool_call_id": "a", "content": "x"}]},
            400,
            "messages[0].role",
        ),
        ({"model": "demo", "messages": [{"role": "user", "content": "x"}], "n": 2}, 400, "n"),
        ({"model": "demo", "messages": [{"role": "user", "content": "x"}], "max_tokens": 0.5}, 400, "max_tokens"),
        (
            {
                "model": "demo",
                "messages": [
                    {
                        "role": "user",
                        "content": [{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}],
                    }
                ],
            },
            400,
            "messages[0].content",
        ),
    ],
)
async def test_what_a_provider_refuses_is_refused_in_its_shape(
    http: aiohttp.ClientSession, body: object, status: int, param: str
) -> None:
    async with http.post("/v1/chat/completions", json=body) as answer:
        error = (await answer.json())["error"]
        assert (answer.status, error["param"]) == (status, param)
        assert error["message"]


async def test_a_request_without_a_key_or_with_broken_json_is_refused(base: str, http: aiohttp.ClientSession) -> None:
    async with aiohttp.ClientSession() as bare, bare.post(f"{base}/v1/chat/completions", json={}) as answer:
        assert answer.status == 401
    async with http.post("/v1/chat/completions", data=b"{") as answer:
        assert (answer.status, "JSON" in (await answer.json())["error"]["message"]) == (400, True)


async def test_a_request_beyond_the_window_is_refused(client: openai.AsyncOpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        await client.chat.completions.create(model="demo", messages=[{"role": "user", "content": "word " * 130_000}])
    assert caught.value.code == "context_length_exceeded"


async def test_everybody_is_answered_who_said_something_at_once(client: openai.AsyncOpenAI) -> None:
    said = "Ada: what is 6 * 7?\nBob: what is 2 * 8?"
    answer = await client.chat.completions.create(model="demo", messages=[{"role": "user", "content": said}])
    first, second, *_ = (answer.choices[0].message.content or "").splitlines()
    assert first.startswith("**Ada**")
    assert "42" in first
    assert second.startswith("**Bob**")
    assert "16" in second
