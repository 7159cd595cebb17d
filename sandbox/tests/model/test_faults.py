"""Scripted answers and faults, through the control and by header."""

from __future__ import annotations

import asyncio
import json
import random
from typing import Any

import aiohttp
import pytest

from sandbox.model import tokens
from sandbox.model.dialogue import Ask, Turn
from sandbox.model.engine import Engine
from sandbox.model.pacing import paced
from sandbox.model.scripts import Rule, RuleBook

BODY = {"model": "demo", "messages": [{"role": "user", "content": "hello there"}]}


async def _stream(http: aiohttp.ClientSession, **headers: str) -> list[str]:
    async with http.post("/v1/chat/completions", json={**BODY, "stream": True}, headers=headers) as answer:
        assert answer.status == 200
        return [line.decode().strip() async for line in answer.content if line.strip()]


async def test_a_rule_answers_exactly_so_many_tokens_and_is_used_up(http: aiohttp.ClientSession) -> None:
    async with http.post("/model/api/rules", json={"tokens": 20, "times": 1}) as made:
        assert made.status == 201
    async with http.post("/v1/chat/completions", json=BODY) as answer:
        first = await answer.json()
    assert first["usage"]["completion_tokens"] == 20
    assert len(first["choices"][0]["message"]["content"].split()) == 20
    async with http.get("/model/api/rules") as answer:
        assert (await answer.json())["rules"] == []


async def test_rules_hold_for_what_they_say_and_the_newest_wins(http: aiohttp.ClientSession) -> None:
    for rule in ({"text": "one"}, {"text": "two", "contains": "HELLO"}, {"text": "three", "model": "demo-small"}):
        async with http.post("/model/api/rules", json=rule) as made:
            assert made.status == 201
    async with http.post("/v1/chat/completions", json=BODY) as answer:
        assert (await answer.json())["choices"][0]["message"]["content"] == "two"
    async with http.delete("/model/api/rules") as answer:
        assert answer.status == 204


@pytest.mark.parametrize("rule", [{"fault": "explode"}, {"nonsense": 1}, {"tokens": -1}, {"text": 5}, [], {"fault": 3}])
async def test_a_rule_that_makes_no_sense_is_refused(http: aiohttp.ClientSession, rule: Any) -> None:
    async with http.post("/model/api/rules", json=rule) as answer:
        assert (answer.status, bool((await answer.json())["error"])) == (400, True)


@pytest.mark.parametrize(
    ("fault", "status", "retry"),
    [
        ("rate_limited; retry_after=2", 429, "2"),
        ("server_error", 500, None),
        ("bad_gateway", 502, None),
        ("unavailable; retry_after=1.5", 503, "1.5"),
        ("overloaded", 529, "1"),
        ("unauthorized", 401, None),
    ],
)
async def test_faults_before_the_answer(
    http: aiohttp.ClientSession, fault: str, status: int, retry: str | None
) -> None:
    async with http.post("/v1/chat/completions", json=BODY, headers={"X-Sandbox-Fault": fault}) as answer:
        assert (answer.status, answer.headers.get("Retry-After")) == (status, retry)
        assert (await answer.json())["error"]["type"]


async def test_a_truncated_stream_ends_with_no_finish_and_no_done(http: aiohttp.ClientSession) -> None:
    lines = await _stream(http, **{"X-Sandbox-Fault": "truncate; after_tokens=3"})
    assert "data: [DONE]" not in lines
    chunks = [json.loads(line.removeprefix("data: ")) for line in lines]
    assert all(chunk["choices"][0]["finish_reason"] is None for chunk in chunks)
    assert len(chunks) == 4


async def test_a_malformed_stream_has_a_line_that_is_no_json(http: aiohttp.ClientSession) -> None:
    lines = await _stream(http, **{"X-Sandbox-Fault": "malformed; after_tokens=1"})
    with pytest.raises(json.JSONDecodeError):
        json.loads(lines[-1].removeprefix("data: "))


async def test_a_dropped_stream_is_cut_in_the_middle(http: aiohttp.ClientSession) -> None:
    with pytest.raises((aiohttp.ClientPayloadError, aiohttp.ClientConnectionError)):
        await _stream(http, **{"X-Sandbox-Fault": "drop"})


async def test_a_stalled_stream_falls_silent(http: aiohttp.ClientSession, engine: Engine) -> None:
    stalled = asyncio.Event()
    over = asyncio.Event()

    async def sleep(seconds: float) -> None:
        assert seconds == 30
        stalled.set()
        await over.wait()

    engine.sleep = sleep
    asking = asyncio.create_task(_stream(http, **{"X-Sandbox-Fault": "stall"}))
    async with asyncio.timeout(5):
        await stalled.wait()
    assert not asking.done()
    over.set()
    with pytest.raises((aiohttp.ClientPayloadError, aiohttp.ClientConnectionError)):
        await asking


async def test_the_pace_is_kept_without_adding_up_delays() -> None:
    clock = [100.0]

    async def sleep(seconds: float) -> None:
        clock[0] += seconds + 0.01

    tokens_due = paced(["a"] * 41, per_second=40, first_seconds=0.5, sleep=sleep, monotonic=lambda: clock[0])
    times = [clock[0] - 100 async for _ in tokens_due]
    assert times[0] == pytest.approx(0.51)
    assert times[-1] == pytest.approx(1.5, abs=0.03)


def test_a_probability_strikes_its_share() -> None:
    book = RuleBook(random.Random(3))
    book.add(Rule(probability=0.25))
    ask = Ask("demo", (Turn("user", "x"),))
    assert 180 < sum(book.take(ask) is not None for _ in range(1000)) < 320


@pytest.mark.parametrize("text", ["", "a  b\n\nc", "naïve 123456 café_x ½ 你好 👍🏽 ```py\nx=1```", " lead", "x" * 50])
def test_pieces_join_to_the_text_again(text: str) -> None:
    assert "".join(tokens.pieces(text)) == text
    assert tokens.count(text) == len(tokens.pieces(text))


@pytest.mark.parametrize("number", [0, 1, 20, 500])
def test_filler_has_exactly_its_tokens(number: int) -> None:
    assert tokens.count(tokens.filler(number)) == number
