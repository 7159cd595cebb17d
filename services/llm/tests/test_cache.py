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
from services.llm.tests.limiter import World
from services.llm.tests.upstream import DONE, USAGE, chunk, fails, says, sends, upstream
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
    handler = sends(chunk({"content": "Shared"}), chunk({"content": " words"}), hold=hold, then=(chunk(finish="stop"),))
    async with upstream(handler) as provider, running(variables(redis_url, provider.url)) as llm:
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
        async with asyncio.timeout(5):
            await provider.disconnected.wait()


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
            async for number in flights.join("k") or flights.lead("k", source()):
                seen.append(number)  # noqa: PERF401 - what came before the failure counts
        return seen

    tasks = [asyncio.create_task(listen()) for _ in range(3)]
    await eventually(lambda: flights.listeners("k") == 3)
    go.set()
    assert await asyncio.gather(*tasks) == [[1], [1], [1]]
    assert len(flights) == 0


async def test_a_request_that_everybody_left_cannot_be_joined_while_it_ends() -> None:
    flights: Flights[int] = Flights()
    ending, end = asyncio.Event(), asyncio.Event()

    async def source() -> AsyncGenerator[int, None]:
        try:
            yield 1
            await asyncio.Event().wait()
        finally:
            ending.set()
            await end.wait()

    leader = flights.lead("k", source())
    assert await anext(leader) == 1
    observer = leader.observer()
    leaving = asyncio.create_task(leader.aclose())
    await ending.wait()
    assert flights.join("k") is None
    assert not leader.shared
    end.set()
    await leaving
    assert [number async for number in observer] == [1]


async def test_who_joins_counts_before_listening() -> None:
    flights: Flights[int] = Flights()
    go = asyncio.Event()

    async def source() -> AsyncGenerator[int, None]:
        await go.wait()
        yield 1

    leader = flights.lead("k", source())
    joined = flights.join("k")
    assert joined is not None
    await leader.aclose()
    assert leader.shared
    go.set()
    assert [number async for number in joined] == [1]
    assert joined.shared, "it went to its end"
    alone = flights.lead("k", source())
    await alone.aclose()
    assert not alone.shared, "it never began"
    assert [number async for number in alone.observer()] == []


async def test_equal_requests_that_wait_for_their_reservations_are_one(world: World) -> None:
    """All look before any may ask, so all find nothing; the slower ones must not ask again, nor pay."""
    async with (
        world.serving() as address,
        upstream(says("Once.")) as provider,
        running(world.variables(provider.url, address)) as llm,
    ):
        world.limiter.open.clear()
        asked = [llm.ask("Same", conversation_id=f"c{number}", cacheable=True) for number in range(3)]
        answering = asyncio.gather(*asked)
        await eventually(lambda: len(world.limiter.reserved) == 3)
        world.limiter.open.set()
        assert [answer.text for answer in await answering] == ["Once."] * 3
        assert len(provider.requests) == 1
        await eventually(lambda: len(world.limiter.settled) == 3)
        assert sorted(each.nothing_sent for each in world.limiter.settled) == [False, True, True]


async def test_who_left_pays_for_an_answer_that_others_hear_out(world: World) -> None:
    hold = asyncio.Event()
    handler = sends(chunk({"content": "Shared"}), hold=hold, then=(chunk(finish="stop"), chunk(usage=USAGE), DONE))
    async with (
        world.serving() as address,
        upstream(handler, says("Other.")) as provider,
        running(world.variables(provider.url, address)) as llm,
    ):
        leader = llm.stream("Same", conversation_id="c1", cacheable=True)
        await leader.read()
        other = asyncio.create_task(llm.ask("Same", conversation_id="c2", cacheable=True))
        await eventually(lambda: llm.runtime.statuses["cache"]()["joined"] == 1)
        leader.cancel()
        # Nothing outside shows that the cancel has arrived, except that the next turn of its conversation may begin.
        assert (await llm.ask("Other", conversation_id="c1", turn_id="t2")).text == "Other."
        hold.set()
        assert (await other).end.usage.cost_nanos == 0
        assert llm.runtime.statuses["cache"]()["joined"] == 1, "listening on for the bill is no joining"
        await eventually(lambda: len(world.limiter.settled) == 2)
        assert len(provider.requests) == 2
        first = world.limiter.reserved[0].request_id
        charged = next(each for each in world.limiter.settled if each.reservation == first)
        assert {usage.limit: usage.amount for usage in charged.usages}["llm_tokens"] == 15
