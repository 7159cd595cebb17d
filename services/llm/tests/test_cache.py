"""Answers from the cache, equal requests that become one, and the bounds of both."""

import asyncio
from collections.abc import AsyncGenerator

import grpc
import pytest
from guildhall.llm.v1 import generation_pb2, generation_pb2_grpc

from chassis.caller import Caller, Person
from chassis.testing import channel_to
from services.llm.flights import Flights
from services.llm.lru import LruCache
from services.llm.tests.harness import TIMEOUT, Llm, running, variables
from services.llm.tests.upstream import chunk, fails, says, sends, upstream
from tests.support.clock import ManualClock
from tests.support.waiting import eventually


async def test_an_equal_request_is_answered_from_the_cache(redis_url: str) -> None:
    async with upstream(says("Once.")) as provider, running(variables(redis_url, provider.url)) as llm:
        first = await llm.ask("Same", conversation_id="c1", cacheable=True)
        second = await llm.ask("Same", conversation_id="c2", cacheable=True)
        assert (first.text, first.started.cached, second.text, second.started.cached) == ("Once.", False, "Once.", True)
        assert second.end.usage.output_tokens == 0
        assert len(provider.requests) == 1
        assert [turn.answer for turn in (await llm.conversation("c2")).turns] == ["Once."]
        await llm.ask("Same", conversation_id="c3")
        await llm.ask("Same", conversation_id="c4", cacheable=True, temperature=0.0)
        await llm.ask("Other", conversation_id="c5", cacheable=True)
        assert len(provider.requests) == 4
        assert llm.runtime.statuses["cache"]()["hits"] == 1


async def test_another_guild_is_answered_anew(redis_url: str) -> None:
    async with upstream(says("Once.")) as provider, running(variables(redis_url, provider.url)) as llm:
        await llm.ask("Same", cacheable=True)
        caller = Caller("executor", Person(user_id=11, guild_id=8))
        async with channel_to(llm.address, caller, audience="llm") as channel:
            await Llm(channel, llm.address, llm.runtime).ask("Same", conversation_id="c2", cacheable=True)
        assert len(provider.requests) == 2


async def test_another_replica_finds_it_in_the_shared_store(redis_url: str) -> None:
    async with upstream(says("Once.")) as provider:
        async with running(variables(redis_url, provider.url)) as llm:
            await llm.ask("Same", cacheable=True)
        async with running(variables(redis_url, provider.url)) as llm:
            assert (await llm.ask("Same", conversation_id="c2", cacheable=True)).started.cached
            assert llm.runtime.statuses["cache"]()["shared_hits"] == 1
        assert len(provider.requests) == 1


async def test_equal_requests_at_once_are_one_and_all_stream(redis_url: str) -> None:
    hold = asyncio.Event()
    handler = sends(chunk({"content": "Shared"}), chunk({"content": " words"}), hold=hold)

    async def ending(request, body):  # type: ignore[no-untyped-def]
        response = await handler(request, body)
        await response.write(chunk(finish="stop"))
        return response

    async with upstream(ending) as provider, running(variables(redis_url, provider.url)) as llm:
        calls = [llm.stream("Same", conversation_id=f"c{number}", cacheable=True) for number in range(5)]
        for call in calls:
            assert (await call.read()).HasField("started")
            assert (await call.read()).text_delta.startswith("Shared")
        calls[0].cancel()
        hold.set()
        for call in calls[1:]:
            last = None
            while (event := await call.read()) is not grpc.aio.EOF:
                last = event
            assert last is not None
            assert last.end.finish_reason == generation_pb2.FINISH_REASON_STOP
        assert len(provider.requests) == 1
        assert llm.runtime.statuses["cache"]()["joined"] == 4


async def test_a_request_that_everybody_left_is_ended(redis_url: str) -> None:
    handler = sends(chunk({"content": "Shared"}), hold=asyncio.Event())
    async with upstream(handler) as provider, running(variables(redis_url, provider.url)) as llm:
        calls = [llm.stream("Same", conversation_id=f"c{number}", cacheable=True) for number in range(2)]
        for call in calls:
            await call.read()
        for call in calls:
            call.cancel()
        await asyncio.wait_for(provider.disconnected.wait(), 5)


async def test_a_failure_is_not_kept(redis_url: str) -> None:
    broken = sends(chunk({"content": "Half"}))
    async with upstream(broken, says("Whole.")) as provider, running(variables(redis_url, provider.url)) as llm:
        await llm.ask("Same", cacheable=True)
        assert (await llm.ask("Same", conversation_id="c2", cacheable=True)).text == "Whole."


async def test_titles_come_from_the_cache_and_never_fail(redis_url: str) -> None:
    async def title(llm: Llm, text: str, **fields: int) -> generation_pb2.TitleResponse:
        stub = generation_pb2_grpc.GenerationServiceStub(llm.channel)
        return await stub.Title(generation_pb2.TitleRequest(text=text, **fields), timeout=TIMEOUT)

    script = (
        says('<think>hm</think>"Title: **Fine Things**."'),
        says("x" * 300),
        says("<think>only thoughts"),
        fails(500),
    )
    async with upstream(*script) as provider, running(variables(redis_url, provider.url)) as llm:
        assert (await title(llm, "Tell me of fine things")).title == "Fine Things"
        assert (await title(llm, "Tell me of fine things")).title == "Fine Things"
        assert len(provider.requests) == 1
        assert len((await title(llm, "Long", max_length=50)).title) == 50
        thoughts = await title(llm, "What is the capital of France?")
        assert (thoughts.title, thoughts.fallback) == ("What is the capital of France?", True)
        down = await title(llm, "word " * 100)
        assert down.fallback
        assert len(down.title) <= 60
        assert (await title(llm, " \x00")).title == "New conversation"


async def test_a_title_that_takes_too_long_is_first_words(redis_url: str) -> None:
    hold = asyncio.Event()
    handler = sends(chunk({"content": "Never"}), hold=hold)
    more = {"GUILDHALL_LLM__TITLE_TIMEOUT": "0.3"}
    async with upstream(handler) as provider, running(variables(redis_url, provider.url, **more)) as llm:
        stub = generation_pb2_grpc.GenerationServiceStub(llm.channel)
        answer = await stub.Title(generation_pb2.TitleRequest(text="First words here"), timeout=5)
        assert (answer.title, answer.fallback) == ("First words here", True)
        await eventually(lambda: provider.open_streams == 0)


def test_the_map_forgets_by_use_size_and_time(clock: ManualClock) -> None:
    cache = LruCache(clock, entries=2, max_bytes=10)
    cache.put("a", b"1", 10)
    cache.put("b", b"2", 10)
    assert cache.get("a") == b"1"
    cache.put("c", b"3", 10)
    assert [cache.get(key) for key in "abc"] == [b"1", None, b"3"]
    cache.put("d", b"x" * 10, 10)
    assert ([cache.get(key) for key in "acd"], cache.bytes, len(cache)) == ([None, None, b"x" * 10], 10, 1)
    cache.put("e", b"x" * 11, 10)
    assert cache.get("e") is None
    clock.advance(10)
    assert (cache.get("d"), cache.bytes, cache.evictions) == (None, 0, 3)
    cache.put("f", b"1", 10)
    cache.resize(entries=0, max_bytes=10)
    assert (len(cache), cache.bytes) == (0, 0)


async def test_what_fails_fails_for_everyone_who_listens() -> None:
    flights: Flights[int] = Flights()
    go = asyncio.Event()

    async def source() -> AsyncGenerator[int, None]:
        yield 1
        await go.wait()
        raise ValueError("no")

    async def listen() -> list[int]:
        seen = []
        with pytest.raises(ValueError, match="no"):
            async for number in flights.take("k", source()):
                seen.append(number)  # noqa: PERF401 - what came before the failure counts
        return seen

    tasks = [asyncio.create_task(listen()) for _ in range(3)]
    await eventually(lambda: flights.others("k") == 3)
    go.set()
    assert await asyncio.gather(*tasks) == [[1], [1], [1]]
    assert not flights.joinable("k")
