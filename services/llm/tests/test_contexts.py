"""What people said stays out of other people's contexts where they ask for it."""

from typing import Any

import grpc
import pytest
from guildhall.llm.v1 import generation_pb2
from guildhall.settings.v1 import settings_pb2

from chassis.caller import Caller, Person
from chassis.testing import channel_to
from services.llm.conversation import ConversationTurn, Input, ToolExchange, without
from services.llm.tests.harness import ALICE, Llm, change_settings, reason, running, texts, variables
from services.llm.tests.upstream import says, upstream

BOB = Person(user_id=12, guild_id=7, display_name="Bob")


def said(text: str, person: Person) -> generation_pb2.Input:
    return generation_pb2.Input(text=text, author_name=person.display_name, author_id=person.user_id)


async def ask(llm: Llm, person: Person, turn_id: str, *inputs: generation_pb2.Input, **fields: Any) -> Any:
    async with channel_to(llm.address, Caller("executor", person), audience="llm") as channel:
        asked = Llm(channel, llm.address, llm.runtime)
        return await asked.ask(inputs=inputs, turn_id=turn_id, **fields)


async def keep_out(llm: Llm, person: Person, *, contexts: bool = False) -> None:
    scope = settings_pb2.Scope(kind=settings_pb2.SCOPE_KIND_PERSON, id=person.user_id)
    await change_settings(llm, person, scope, contexts=contexts)


async def test_what_was_kept_out_goes_with_its_answer_and_stays_in_ones_own_context(redis_url: str) -> None:
    async with (
        upstream(says("One."), says("Two."), says("Three.")) as provider,
        running(variables(redis_url, provider.url)) as llm,
    ):
        await ask(llm, BOB, "t1", said("My secret", BOB))
        await keep_out(llm, BOB)
        await ask(llm, ALICE, "t2", said("Hello", ALICE))
        assert texts(provider.requests[1]["messages"])[1:] == ["user: Hello"]
        await ask(llm, BOB, "t3", said("And mine?", BOB))
        assert texts(provider.requests[2]["messages"])[1:] == [
            "user: Bob: My secret", "assistant: One.", "user: Alice: Hello", "assistant: Two.", "user: Bob: And mine?",
        ]  # fmt: skip
        await keep_out(llm, BOB, contexts=True)
        await ask(llm, ALICE, "t4", said("Now?", ALICE))
        assert texts(provider.requests[3]["messages"])[1] == "user: Bob: My secret"


async def test_it_holds_for_a_rebuilt_conversation_and_in_a_turn_of_several_people(redis_url: str) -> None:
    async with upstream(says("As said.")) as provider, running(variables(redis_url, provider.url)) as llm:
        await keep_out(llm, BOB)
        history = [
            generation_pb2.HistoryTurn(turn_id="m1", inputs=[said("Mine", BOB)], answer="Bob said mine."),
            generation_pb2.HistoryTurn(
                turn_id="m2", inputs=[said("Ours", ALICE), said("Also mine", BOB)], answer="Both."
            ),
        ]
        await ask(llm, ALICE, "t1", said("And?", ALICE), follow_up=True, history=history)
        assert texts(provider.requests[0]["messages"])[1:] == ["user: Ours", "user: And?"]


async def test_only_the_person_sets_it_for_themselves(redis_url: str) -> None:
    async with upstream() as provider, running(variables(redis_url, provider.url)) as llm:
        scope = settings_pb2.Scope(kind=settings_pb2.SCOPE_KIND_PERSON, id=BOB.user_id)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await change_settings(llm, ALICE, scope, contexts=False)
        assert reason(caught.value) == "SETTING_FORBIDDEN"
        guild = settings_pb2.Scope(kind=settings_pb2.SCOPE_KIND_GUILD, guild_id=7, id=7)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await change_settings(llm, Person(user_id=1, guild_id=7, permissions=1 << 3), guild, contexts=False)
        assert reason(caught.value) == "SETTING_INVALID"


def test_a_turn_without_somebody_loses_what_answered_them() -> None:
    exchange = ToolExchange((), (("call", "result"),))
    turn = ConversationTurn("t", (Input("a", 1), Input("b", 2)), 1.0, answer="both", exchanges=(exchange,))
    assert without(turn, {3}) is turn
    assert without(turn, {1, 2}) is None
    left = without(turn, {2})
    assert left is not None
    assert (left.inputs, left.answer, left.exchanges) == ((Input("a", 1),), "", ())
