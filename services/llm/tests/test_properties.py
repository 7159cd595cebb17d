"""Rules that hold for every input: the think parser, the truncation, the cache key, merged deltas, events in bytes."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.llm.cache import request_key
from services.llm.catalogue import Model
from services.llm.chat import ChatRequest, DocumentFormat, Image, Message, TextDelta, ThinkingDelta, ToolCall, ToolSpec
from services.llm.coalescing import merge
from services.llm.context import PromptTooLongError, fit
from services.llm.counting import Counter, load_encodings
from services.llm.model_settings import ModelSettings
from services.llm.sse import sse_data
from services.llm.thinking import ThinkParser

load_encodings()
PIECES = st.lists(
    st.sampled_from(["<think>", "</think>", "<", "th", "ink>", "</", "a", " ", "\n", "think", ">", "é"]), max_size=12
)


def parsed(text: str, cuts: list[int], *, starts: bool) -> tuple[str, str]:
    """Thinking and answer of a text that arrives in pieces."""
    parser = ThinkParser(starts_in_thinking=starts)
    places = sorted({min(cut, len(text)) for cut in cuts})
    events = []
    for begin, end in zip([0, *places], [*places, len(text)], strict=True):
        events += parser.feed(text[begin:end])
    events += parser.flush()
    thinking = "".join(event.text for event in events if isinstance(event, ThinkingDelta))
    return thinking, "".join(event.text for event in events if isinstance(event, TextDelta))


@given(PIECES.map("".join), st.lists(st.integers(0, 60), max_size=20), st.booleans())
def test_thinking_is_told_apart_however_it_is_cut(text: str, cuts: list[int], starts: bool) -> None:
    assert parsed(text, cuts, starts=starts) == parsed(text, [], starts=starts)


@pytest.mark.parametrize(
    ("text", "starts", "expected"),
    [
        ("<think>hm</think>\n\nYes", False, ("hm", "Yes")),
        ("hm</think>Yes", True, ("hm", "Yes")),
        ("<think>hm</think>Yes", True, ("hm", "Yes")),
        ("Use <think> tags", False, ("", "Use <think> tags")),
        ("<think>never closed", False, ("never closed", "")),
        ("  <think>x</think> y", False, ("x", "y")),
        ("<thinker>", False, ("", "<thinker>")),
        ("a</think>b</think>c", True, ("a", "b</think>c")),
    ],
)
def test_thinking_and_answer(text: str, starts: bool, expected: tuple[str, str]) -> None:
    assert parsed(text, [], starts=starts) == expected
    assert parsed(text, list(range(len(text))), starts=starts) == expected


def a_turn(words: int, tools: int) -> tuple[Message, ...]:
    """A question, rounds of tool calls, and an answer."""
    messages = [Message("user", "word " * words)]
    for number in range(tools):
        call = ToolCall(f"call{number}", "look", json.dumps({"n": number}))
        messages += [
            Message("assistant", "", tool_calls=(call,)),
            Message("tool", "found " * words, tool_call_id=call.id),
        ]
    return (*messages, Message("assistant", "answer " * words))


@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(0, 2)), min_size=1, max_size=12),
    st.integers(60, 900),
    st.integers(0, 50),
    st.integers(0, 20),
)
def test_truncation_fits_and_never_splits_a_turn(
    shapes: list[tuple[int, int]], window: int, output: int, system: int
) -> None:
    turns = [a_turn(*shape) for shape in shapes]
    instructions = [Message("system", "rule " * system)]
    counter = Counter("o200k_base")
    newest = counter.messages([*instructions, *turns[-1]])
    try:
        context = fit(instructions, turns, counter=counter, window=window, output=output)
    except PromptTooLongError:
        assert newest > window - output
        return
    assert counter.messages(context.messages) == context.tokens <= window - output
    kept = turns[context.dropped_turns :]
    assert list(context.messages) == [*instructions, *(message for turn in kept for message in turn)]
    if context.dropped_turns:
        one_more = [message for turn in turns[context.dropped_turns - 1 :] for message in turn]
        assert counter.messages([*instructions, *one_more]) > window - output


texts = st.text(max_size=8)
requests = st.builds(
    ChatRequest,
    st.lists(
        st.builds(
            Message,
            st.sampled_from(["user", "assistant"]),
            texts,
            st.lists(st.builds(Image, st.just("image/png"), st.binary(max_size=4)), max_size=1).map(tuple),
        ),
        min_size=1,
        max_size=3,
    ).map(tuple),
    st.integers(1, 3),
    st.sampled_from([None, 0.0, 1.0]),
    st.sampled_from(["off", "low"]),
    st.lists(st.builds(ToolSpec, texts, texts, st.just({"type": "object"})), max_size=1).map(tuple),
    st.none()
    | st.builds(DocumentFormat, st.just("d"), st.just({"type": "object"}), st.sampled_from(["tool", "prompt"])),
)
MODEL = Model("p/m", "p", "m", ModelSettings())


@given(requests, requests, st.integers(0, 2), st.integers(0, 2))
def test_keys_are_equal_exactly_for_equal_requests(
    one: ChatRequest, other: ChatRequest, guild: int, second: int
) -> None:
    same = one == other and guild == second
    assert (request_key(MODEL, one, guild) == request_key(MODEL, other, second)) is same


def test_an_omitted_temperature_is_not_zero_and_a_model_is_part_of_the_key() -> None:
    request = ChatRequest((Message("user", "Hi"),), 10)
    warm = replace(request, temperature=0.0)
    other = replace(MODEL, name="p/n")
    keys = {
        request_key(MODEL, request, 1),
        request_key(MODEL, warm, 1),
        request_key(other, request, 1),
        request_key(MODEL, request, 2),
    }
    assert len(keys) == 4


@given(st.lists(st.builds(TextDelta, texts) | st.builds(ThinkingDelta, texts) | st.integers()))
def test_merging_deltas_keeps_all_text_in_order(events: list[Any]) -> None:
    def flat(items: list[Any]) -> list[Any]:
        found: list[Any] = []
        for item in items:
            found += (
                [(type(item), letter) for letter in item.text]
                if isinstance(item, TextDelta | ThinkingDelta)
                else [item]
            )
        return found

    merged = merge(events)
    assert flat(merged) == flat(events)
    kinds = [type(event) for event in merged if not isinstance(event, int)]
    assert all(type(a) is not type(b) or isinstance(a, int) for a, b in pairwise(merged)), kinds


@given(
    st.lists(st.text(alphabet="ab\u2028é{}", max_size=6), max_size=5), st.sampled_from(["\n", "\r\n", "\r"]), st.data()
)
async def test_events_are_read_however_the_bytes_are_cut(payloads: list[str], end: str, data: st.DataObject) -> None:
    stream = "".join(f": note{end}event: x{end}data: {payload}{end}{end}" for payload in payloads).encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))

    async def chunks() -> AsyncIterator[bytes]:
        for begin, stop in zip([0, *cuts], [*cuts, len(stream)], strict=True):
            yield stream[begin:stop]

    assert [found async for found in sse_data(chunks())] == payloads
