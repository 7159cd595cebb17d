"""What is cleared or forgotten stays so, also where an answer is just being given."""

import asyncio
import re
import time
from typing import Any

import grpc
import pytest
from guildhall.llm.v1 import conversation_pb2, generation_pb2, usage_pb2, usage_pb2_grpc

from chassis.caller import Caller, Person
from chassis.testing import channel_to
from services.llm.conversation import DISCORD_EPOCH
from services.llm.tests.harness import TIMEOUT, Llm, as_person, conversations, reason, running, said, texts, variables
from services.llm.tests.upstream import DONE, Handler, chunk, says, sends, upstream
from tests.support import eventually

BOB = Person(user_id=12, guild_id=7, display_name="Bob")


def held(hold: asyncio.Event) -> Handler:
    """Begins an answer, and ends it when it may."""
    return sends(chunk({"content": "I know"}), hold=hold, then=(chunk(finish="stop"), DONE))


async def clear(llm: Llm) -> int:
    request = conversation_pb2.ClearConversationRequest(conversation_id="c1")
    return (await conversations(llm.channel).ClearConversation(request, timeout=TIMEOUT)).cleared_turns


async def forget(llm: Llm) -> None:
    """Has Alice forgotten."""
    request = conversation_pb2.DeletePersonDataRequest(user_id=11)
    await conversations(llm.channel).DeletePersonData(request, timeout=TIMEOUT)


async def rest_of(stream: Any) -> list[generation_pb2.GenerateResponse]:
    events = []
    while (event := await stream.read()) is not grpc.aio.EOF:
        events.append(event)
    return events


async def kept_of(llm: Llm) -> bytes:
    """Everything that is kept of any conversation."""
    redis: Any = llm.runtime.redis("durable")
    return b"".join([value for key in await redis.keys("llm:conversation:*") for value in await redis.hvals(key)])


async def test_a_person_is_forgotten_whole(redis_url: str) -> None:
    async with upstream() as provider, running(variables(redis_url, provider.url)) as llm:
        await llm.ask("Mine", conversation_id="c1")
        await llm.ask("Shared", conversation_id="c2", turn_id="t1")
        await llm.ask(inputs=[said("Bob's", "Bob", 12)], conversation_id="c2", turn_id="t2")
        request = conversation_pb2.DeletePersonDataRequest(user_id=11)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await as_person(llm, BOB, "DeletePersonData", request)
        assert reason(caught.value) == "PERSON_FORBIDDEN"
        gone = await conversations(llm.channel).DeletePersonData(request, timeout=TIMEOUT)
        assert (gone.deleted_turns, gone.deleted_conversations) == (2, 1)
        rest = await as_person(
            llm, None, "GetConversation", conversation_pb2.GetConversationRequest(conversation_id="c2")
        )
        assert [turn.turn_id for turn in rest.conversation.turns] == ["t2"]  # type: ignore[attr-defined]
        redis: Any = llm.runtime.redis("durable")
        for key in await redis.keys("*"):
            assert "11" not in re.split("[:{}]", key.decode()), key
        async with channel_to(llm.address, Caller("gateway"), audience="llm") as channel:
            report = await usage_pb2_grpc.UsageServiceStub(channel).GetUsage(
                usage_pb2.GetUsageRequest(guild_id=7, group=usage_pb2.USAGE_GROUP_PERSON), timeout=TIMEOUT
            )
        assert "11" not in [row.key for row in report.rows]
        assert report.total.calls == 3


def snowflake(seconds: float) -> str:
    """An id that Discord would have made so many seconds from now."""
    return str(int((time.time() + seconds - DISCORD_EPOCH) * 1_000) << 22)


async def test_what_a_person_had_forgotten_does_not_come_back_from_the_thread(redis_url: str) -> None:
    async with upstream(says("Yes.")) as provider, running(variables(redis_url, provider.url)) as llm:
        await llm.ask("My secret", turn_id="t1")
        await conversations(llm.channel).DeletePersonData(
            conversation_pb2.DeletePersonDataRequest(user_id=11), timeout=TIMEOUT
        )
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await llm.ask("And?", turn_id="t2", follow_up=True)
        assert reason(caught.value) == "CONVERSATION_UNKNOWN"
        history = [
            generation_pb2.HistoryTurn(turn_id=snowflake(-60), inputs=[said("My secret")], answer="I know it."),
            generation_pb2.HistoryTurn(
                turn_id=snowflake(-50), inputs=[said("Bob's", "Bob", 12), said("and mine")], answer="Both."
            ),
            generation_pb2.HistoryTurn(
                turn_id=snowflake(-55), inputs=[generation_pb2.Input(text="Alice asks: my secret?")], answer="Yes, it."
            ),
            generation_pb2.HistoryTurn(turn_id="a-turn", inputs=[said("When was this?")], answer="Nobody knows."),
            generation_pb2.HistoryTurn(turn_id=snowflake(60), inputs=[said("Since then")], answer="New."),
        ]
        await llm.ask("And?", turn_id="t2", follow_up=True, history=history)
        assert texts(provider.requests[-1]["messages"])[1:] == [
            "user: Bob: Bob's", "user: Alice: Since then", "assistant: New.", "user: Alice: And?",
        ]  # fmt: skip
        kept = [entry.text for turn in (await llm.conversation()).turns for entry in turn.inputs]
        assert kept == ["Bob's", "Since then", "And?"]


async def test_an_answer_that_ends_after_its_asker_was_forgotten_is_not_kept(redis_url: str) -> None:
    hold = asyncio.Event()
    answering = sends(chunk({"content": "I know"}), hold=hold, then=(chunk(finish="stop"), DONE))
    async with upstream(answering) as provider, running(variables(redis_url, provider.url)) as llm:
        stream = llm.stream("My secret", turn_id="t1")
        await stream.read()
        await stream.read()
        await conversations(llm.channel).DeletePersonData(
            conversation_pb2.DeletePersonDataRequest(user_id=11), timeout=TIMEOUT
        )
        hold.set()
        await rest_of(stream)
        assert b"secret" not in await kept_of(llm)
        redis: Any = llm.runtime.redis("durable")
        assert not [key for key in await redis.keys("*") if "11" in re.split("[:{}]", key.decode())]


async def test_what_was_cleared_is_not_read_again_in_discord(redis_url: str) -> None:
    async with upstream() as provider, running(variables(redis_url, provider.url)) as llm:
        await llm.ask("Secret", turn_id="t1")
        assert await clear(llm) == 1
        answer = await llm.ask("And now?", turn_id="t2", follow_up=True)
        assert not answer.started.rebuilt
        assert "Secret" not in str(provider.requests[-1]["messages"])


async def test_an_answer_is_not_kept_when_its_conversation_was_cleared_meanwhile(redis_url: str) -> None:
    hold = asyncio.Event()
    async with (
        upstream(says("Before."), held(hold), says("After.")) as provider,
        running(variables(redis_url, provider.url)) as llm,
    ):
        await llm.ask("Old secret", turn_id="t1")
        stream = llm.stream("New secret", turn_id="t2")
        await stream.read()
        await stream.read()
        await eventually(lambda: asked(llm, "t2"))
        assert await clear(llm) == 2
        hold.set()
        events = await rest_of(stream)
        # Whoever waited for the answer has it; only the conversation goes on without.
        assert events[-1].end.finish_reason == generation_pb2.FINISH_REASON_STOP
        assert b"secret" not in await kept_of(llm)
        answer = await llm.ask("And now?", turn_id="t3", follow_up=True)
        assert not answer.started.rebuilt
        assert texts(provider.requests[-1]["messages"])[1:] == ["user: And now?"]
        assert [turn.turn_id for turn in (await llm.conversation()).turns] == ["t3"]
        assert await clear(llm) == 1


async def test_a_cancelled_answer_is_not_kept_either(redis_url: str) -> None:
    hold = asyncio.Event()
    async with (
        upstream(says("Before."), held(hold)) as provider,
        running(variables(redis_url, provider.url)) as llm,
    ):
        await llm.ask("Old secret", turn_id="t1")
        stream = llm.stream("New secret", turn_id="t2")
        await stream.read()
        await stream.read()
        await clear(llm)
        stream.cancel()

        async def nothing_left() -> bool:
            return provider.open_streams == 0 and b"secret" not in await kept_of(llm)

        await eventually(nothing_left)


async def asked(llm: Llm, turn_id: str) -> bool:
    """Whether a question has been written down."""
    return turn_id in [turn.turn_id for turn in (await llm.conversation()).turns]
