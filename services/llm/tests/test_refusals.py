"""What can't be answered: the status, the reason, a sentence that people understand, and nothing charged."""

from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import pytest
from guildhall.llm.v1 import plan_pb2, plan_pb2_grpc

from services.llm.tests.files import attach, png
from services.llm.tests.harness import TIMEOUT, Llm, reason, running
from services.llm.tests.limiter import World
from services.llm.tests.upstream import Handler, fails, says, upstream
from tests.support.waiting import eventually

Case = Callable[[Llm], Awaitable[Any]]
SECRET = "sk-of-this-test"


def asking(**fields: Any) -> Case:
    async def case(llm: Llm) -> Any:
        return await llm.ask(**fields)

    return case


def attaching(name: str, data: bytes, kind: str) -> Case:
    async def case(llm: Llm) -> Any:
        return await attach(llm, "a1", name, data, kind)

    return case


async def planning(llm: Llm) -> Any:
    message = plan_pb2.PlanMessage(text="Two cats")
    request = plan_pb2.PlanRequest(messages=[message], schema_json='{"type": 7}', name="plan", guild_id=7)
    return await plan_pb2_grpc.PlanServiceStub(llm.channel).Plan(request, timeout=TIMEOUT)


@pytest.mark.parametrize(
    ("case", "status", "why", "words"),
    [
        (asking(model="openai/none"), grpc.StatusCode.NOT_FOUND, "MODEL_UNKNOWN", "openai/none"),
        (asking(text="日本語の文章、" * 14_000), grpc.StatusCode.INVALID_ARGUMENT, "PROMPT_TOO_LONG", "too long for"),
        (
            attaching("big.png", png((400, 300)), "image/png"),
            grpc.StatusCode.INVALID_ARGUMENT, "ATTACHMENT_TOO_LARGE", "400 × 300",
        ),
        (
            attaching("long.txt", b"word " * 20_000, "text/plain"),
            grpc.StatusCode.INVALID_ARGUMENT, "ATTACHMENT_TOO_LARGE", "long.txt",
        ),
        (
            attaching("x.png", b"hello world", "image/png"),
            grpc.StatusCode.INVALID_ARGUMENT, "ATTACHMENT_UNREADABLE", "can't be read as a picture",
        ),
        (planning, grpc.StatusCode.INVALID_ARGUMENT, "INVALID_SCHEMA", "schema"),
    ],
    ids=["unknown model", "above the window", "too many pixels", "too many bytes", "not a picture", "invalid schema"],
)  # fmt: skip
async def test_what_is_asked_wrongly_is_refused_before_anything_is_held(
    world: World, case: Case, status: grpc.StatusCode, why: str, words: str
) -> None:
    bounds = {"max_bytes": 65_536, "max_image_pixels": 100_000}
    async with (
        world.serving() as address,
        upstream(says("Hi.")) as provider,
        running(world.variables(provider.url, address, attachments=bounds)) as llm,
    ):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await case(llm)
        assert (caught.value.code(), reason(caught.value)) == (status, why)
        sentence = caught.value.details() or ""
        assert words in sentence
        assert sentence.endswith(".")
        assert provider.requests == []
        assert world.limiter.reserved == []


@pytest.mark.parametrize(
    ("handler", "status", "why", "words"),
    [
        (
            fails(401, {"error": {"message": f"Incorrect API key provided: {SECRET}", "code": "invalid_api_key"}}),
            grpc.StatusCode.FAILED_PRECONDITION, "PROVIDER_AUTHENTICATION", "does not accept our key",
        ),
        (fails(503), grpc.StatusCode.UNAVAILABLE, "PROVIDER_UNAVAILABLE", "does not answer right now"),
        (None, grpc.StatusCode.UNAVAILABLE, "PROVIDER_UNAVAILABLE", "does not answer right now"),
    ],
    ids=["expired key", "failing", "refuses connections"],
)  # fmt: skip
async def test_what_a_provider_does_not_answer_gives_the_reservation_back(
    world: World, closed: str, handler: Handler | None, status: grpc.StatusCode, why: str, words: str
) -> None:
    async with (
        world.serving() as address,
        upstream(handler or says("Never.")) as provider,
        running(world.variables(provider.url if handler else closed, address)) as llm,
    ):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await llm.ask()
        assert (caught.value.code(), reason(caught.value)) == (status, why)
        sentence = caught.value.details() or ""
        assert words in sentence
        assert sentence.endswith(".")
        assert SECRET not in str(caught.value)
        await eventually(lambda: world.limiter.settled)
        (reserved,), (settled,) = world.limiter.reserved, world.limiter.settled
        assert (settled.reservation, settled.nothing_sent) == (reserved.request_id, True)
