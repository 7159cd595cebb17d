"""Reservations against a real gRPC server of ratelimit's contract, settled with what was used."""

import asyncio
import json
from typing import Any

import grpc
import pytest
from guildhall.llm.v1 import (
    generation_pb2,
    generation_pb2_grpc,
    plan_pb2,
    plan_pb2_grpc,
)
from guildhall.ratelimit.v1 import ratelimit_pb2, ratelimit_pb2_grpc

from chassis.testing import serve_in_process
from services.llm.tests.harness import ALICE, TIMEOUT, reason, running
from services.llm.tests.limiter import PRICED, Limiter, World
from services.llm.tests.test_usage import usage
from services.llm.tests.upstream import chunk, fails, says, sends, upstream
from tests.support.waiting import eventually, free_port


async def test_an_answer_is_reserved_before_and_settled_with_what_was_used(world: World) -> None:
    async with (
        world.serving() as address,
        upstream(says("Hi.")) as provider,
        running(world.variables(provider.url, address)) as llm,
    ):
        end = (await llm.ask("Hello", channel_id=5)).end
        assert end.usage.cost_nanos == 12 * 1_000 + 3 * 10_000
        request = world.limiter.reserved[0]
        estimates = {charge.limit: charge.cost for charge in request.charges}
        assert (request.subject.user_id, request.subject.guild_id, request.subject.channel_id) == (11, 7, 5)
        assert (request.subject.model, request.subject.provider) == ("openai/demo", "openai")
        assert estimates["llm_requests"] == 1
        assert 4_096 < estimates["llm_tokens"] < 4_200
        assert estimates["llm_money"] > 4_096 * 10_000
        await eventually(lambda: world.limiter.settled)
        assert world.limiter.amounts() == {"llm_requests": 1, "llm_tokens": 15, "llm_money": 42_000}


async def test_a_ratelimit_that_settles_one_by_one_is_told_one_by_one(world: World) -> None:
    """As during a roll-out: settling many at once came later than settling."""

    class Older(Limiter):
        async def Settle(self, request: ratelimit_pb2.SettleRequest, context: Any) -> ratelimit_pb2.SettleResponse:
            self.settled.append(request)
            return ratelimit_pb2.SettleResponse()

        async def SettleBatch(
            self, request: ratelimit_pb2.SettleBatchRequest, context: Any
        ) -> ratelimit_pb2.SettleBatchResponse:
            raise NotImplementedError

    older = Older()  # type: ignore[abstract]  # the other methods are never called
    add = ratelimit_pb2_grpc.add_RateLimitServiceServicer_to_server
    async with (
        serve_in_process((add, older), name="ratelimit") as address,
        upstream(says("Hi.")) as provider,
        running(world.variables(provider.url, address)) as llm,
    ):
        await llm.ask("Hello")
        await eventually(lambda: older.settled)
        assert older.amounts() == {"llm_requests": 1, "llm_tokens": 15, "llm_money": 42_000}


async def test_a_denial_is_an_answer_that_says_what_is_left_and_when(world: World) -> None:
    world.limiter.denied_models = {"openai/demo": "llm_requests"}
    async with (
        world.serving() as address,
        upstream(says("Hi.")) as provider,
        running(world.variables(provider.url, address)) as llm,
    ):
        answer = await llm.ask()
        assert answer.kinds == ["denied"]
        denied = answer.events[0].denied
        assert (denied.limit, denied.remaining, denied.capacity, denied.retry_after.seconds) == (
            "llm_requests",
            3,
            9,
            90,
        )
        assert "2 minutes" in denied.message
        assert provider.requests == []


@pytest.mark.parametrize(("policy", "kinds"), [("cheaper", "started"), ("stop", "denied")])
async def test_at_the_end_of_a_budget_a_cheaper_model_answers_or_none(world: World, policy: str, kinds: str) -> None:
    world.limiter.denied_models = {"openai/demo": "llm_money"}
    async with (
        world.serving() as address,
        upstream(says("Hi."), models=["demo", "small"]) as provider,
        running(world.variables(provider.url, address, limits={"when_exhausted": policy})) as llm,
    ):
        answer = await llm.ask()
        assert answer.kinds[0] == kinds
        if policy == "cheaper":
            await eventually(lambda: world.limiter.settled)
            assert world.limiter.amounts() == {"llm_requests": 1, "llm_tokens": 15}
            assert (answer.started.model, answer.started.downgraded_from) == ("openai/small", "openai/demo")
            assert not answer.end.usage.HasField("cost_nanos")


FALLING_BACK = {
    "openai/demo": {**PRICED["models"]["openai/demo"], "fallbacks": ["openai/small", "openai/other"]},
    "openai/small": {"price": {"input": 2.0, "output": 20.0}},
    "openai/other": {},
}


async def test_a_fallback_is_reserved_anew_at_its_own_price(world: World) -> None:
    async with (
        world.serving() as address,
        upstream(fails(401), says("Hi."), models=["demo", "small", "other"]) as provider,
        running(world.variables(provider.url, address, models=FALLING_BACK)) as llm,
    ):
        assert (await llm.ask()).started.model == "openai/small"
        await eventually(lambda: len(world.limiter.settled) == 2)
        assert [each.subject.model for each in world.limiter.reserved] == ["openai/demo", "openai/small"]
        first, second = (each.request_id for each in world.limiter.reserved)
        assert first != second
        assert [(each.reservation, each.nothing_sent) for each in world.limiter.settled] == [
            (first, True),
            (second, False),
        ]
        assert world.limiter.amounts() == {"llm_requests": 1, "llm_tokens": 15, "llm_money": 12 * 2_000 + 3 * 20_000}


async def test_a_fallback_with_a_limit_of_its_own_against_it_is_passed_over(world: World) -> None:
    world.limiter.denied_models = {"openai/small": "llm_tokens"}
    async with (
        world.serving() as address,
        upstream(fails(401), says("Hi."), fails(401), models=["demo", "small", "other"]) as provider,
        running(world.variables(provider.url, address, models=FALLING_BACK)) as llm,
    ):
        assert (await llm.ask()).started.model == "openai/other"
        assert [request["model"] for request in provider.requests] == ["demo", "other"]
        await eventually(lambda: len(world.limiter.settled) == 2)
        assert world.limiter.amounts() == {"llm_requests": 1, "llm_tokens": 15}
        world.limiter.denied_models["openai/other"] = "llm_requests"
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await llm.ask(turn_id="t2")
        assert reason(caught.value) == "PROVIDER_AUTHENTICATION"


async def test_a_title_falls_back_to_a_model_that_is_reserved_anew(world: World) -> None:
    async with (
        world.serving() as address,
        upstream(fails(401), says("A title"), models=["demo", "small", "other"]) as provider,
        running(world.variables(provider.url, address, models=FALLING_BACK)) as llm,
    ):
        stub = generation_pb2_grpc.GenerationServiceStub(llm.channel)
        answer = await stub.Title(generation_pb2.TitleRequest(text="What is this?"), timeout=TIMEOUT)
        assert (answer.title, answer.fallback) == ("A title", False)
        await settled_for_the_fallback(world)


async def test_a_plan_falls_back_to_a_model_that_is_reserved_anew(world: World) -> None:
    async with (
        world.serving() as address,
        upstream(fails(401), says('{"steps": 2}'), models=["demo", "small", "other"]) as provider,
        running(world.variables(provider.url, address, models=FALLING_BACK)) as llm,
    ):
        schema = {"type": "object", "properties": {"steps": {"type": "integer"}}, "required": ["steps"]}
        request = plan_pb2.PlanRequest(
            messages=[plan_pb2.PlanMessage(text="Plan")], schema_json=json.dumps(schema), name="plan"
        )
        answer = await plan_pb2_grpc.PlanServiceStub(llm.channel).Plan(request, timeout=TIMEOUT)
        assert json.loads(answer.document_json) == {"steps": 2}
        await settled_for_the_fallback(world)


async def settled_for_the_fallback(world: World) -> None:
    """The model that was meant held something and gave it back; its fallback was charged at its own price."""
    await eventually(lambda: len(world.limiter.settled) == 2)
    assert [each.subject.model for each in world.limiter.reserved] == ["openai/demo", "openai/small"]
    first, second = (each.request_id for each in world.limiter.reserved)
    assert first != second
    assert {each.reservation: each.nothing_sent for each in world.limiter.settled} == {first: True, second: False}
    charged = next(each for each in world.limiter.settled if each.reservation == second)
    amounts = {usage.limit: usage.amount for usage in charged.usages}
    assert amounts == {"llm_requests": 1, "llm_tokens": 15, "llm_money": 12 * 2_000 + 3 * 20_000}


async def test_what_a_long_answer_holds_is_extended_until_it_ends(world: World) -> None:
    hold = asyncio.Event()
    more = {"GUILDHALL_LLM__LIMITS__HOLD": "0.2"}
    async with (
        world.serving() as address,
        upstream(sends(chunk({"content": "Long"}), hold=hold)) as provider,
        running({**world.variables(provider.url, address), **more}) as llm,
    ):
        answering = asyncio.create_task(llm.ask())
        await eventually(lambda: len(world.limiter.extended) >= 3)
        assert not answering.done()
        assert {each.reservation for each in world.limiter.extended} == {world.limiter.reserved[0].request_id}
        assert world.limiter.extended[0].ttl.ToMilliseconds() == 200
        hold.set()
        await answering
        await eventually(lambda: world.limiter.settled)
        await eventually(lambda: "_Held._extend" not in str(asyncio.all_tasks()))


@pytest.mark.parametrize("fault", [fails(401), fails(400)])
async def test_what_was_not_answered_costs_nothing(world: World, fault: Any) -> None:
    async with (
        world.serving() as address,
        upstream(fault) as provider,
        running(world.variables(provider.url, address)) as llm,
    ):
        with pytest.raises(grpc.aio.AioRpcError):
            await llm.ask()
        await eventually(lambda: world.limiter.settled)
        assert world.limiter.settled[0].nothing_sent


async def test_what_a_cancelled_answer_used_is_charged_and_recorded(world: World) -> None:
    async with (
        world.serving() as address,
        upstream(sends(chunk({"content": "Some words"}), hold=asyncio.Event())) as provider,
        running(world.variables(provider.url, address)) as llm,
    ):
        call = llm.stream()
        await call.read()
        await call.read()
        call.cancel()
        await eventually(lambda: world.limiter.settled)
        assert world.limiter.amounts()["llm_tokens"] > 2

        async def recorded() -> bool:
            report = await usage(llm, ALICE, user_id=11)
            return report.total.calls == 1 and report.total.usage.estimated and report.total.usage.output_tokens == 3

        await eventually(recorded)


@pytest.mark.parametrize(("policy", "answered"), [("allow", True), ("deny", False)])
async def test_a_ratelimit_that_can_not_be_reached(world: World, policy: str, answered: bool) -> None:
    limits = {"when_unavailable": policy, "patience": 0.1}
    async with (
        upstream() as provider,
        running(world.variables(provider.url, f"127.0.0.1:{free_port()}", limits=limits)) as llm,
    ):
        if answered:
            assert (await llm.ask()).end.finish_reason == generation_pb2.FINISH_REASON_STOP
        else:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await llm.ask()
            assert reason(caught.value) == "LIMITS_UNAVAILABLE"


@pytest.mark.parametrize("policy", ["allow", "deny"])
async def test_what_ratelimit_refuses_without_its_store_stays_refused(world: World, policy: str) -> None:
    world.limiter.away = True
    async with (
        world.serving() as address,
        upstream() as provider,
        running(world.variables(provider.url, address, limits={"when_unavailable": policy, "patience": 0.1})) as llm,
    ):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await llm.ask()
        assert reason(caught.value) == "LIMITS_UNAVAILABLE"


async def test_a_restart_of_the_limits_store_is_waited_for(world: World) -> None:
    world.limiter.away = True
    async with (
        world.serving() as address,
        upstream() as provider,
        running(world.variables(provider.url, address, limits={"patience": 30.0})) as llm,
    ):
        asking = asyncio.create_task(llm.ask())
        await eventually(lambda: world.limiter.asked_away > 1)
        world.limiter.away = False
        assert (await asking).end.finish_reason == generation_pb2.FINISH_REASON_STOP
        # Asked again with the same id, so nothing can have been taken twice.
        assert len({one.request_id for one in world.limiter.reserved}) == 1
