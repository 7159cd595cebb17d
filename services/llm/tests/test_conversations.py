"""What is kept of conversations, who may do what with them, and what a person has forgotten."""

import asyncio
import json

import grpc
import pytest
from guildhall.llm.v1 import conversation_pb2, generation_pb2

from chassis.caller import Person
from services.llm.conversation import ConversationTurn, Input, attributed, messages_of
from services.llm.tests.harness import ALICE, TIMEOUT, as_person, conversations, reason, running, said, texts, variables
from services.llm.tests.upstream import chunk, fails, says, sends, upstream

BOB = Person(user_id=12, guild_id=7, display_name="Bob")
MODERATOR = Person(user_id=13, guild_id=7, permissions=1 << 13)


async def test_regenerate_asks_the_last_question_again(redis_url: str) -> None:
    async with (
        upstream(says("One."), says("Two."), says("Other.")) as provider,
        running(variables(redis_url, provider.url)) as llm,
    ):
        await llm.ask("First", turn_id="t1")
        await llm.ask("Second", turn_id="t2")
        await llm.ask(inputs=[], turn_id="t3", replaces_turn_id="t2")
        assert texts(provider.requests[2]["messages"])[1:] == ["user: First", "assistant: One.", "user: Second"]
        kept = await llm.conversation()
        assert [(turn.turn_id, turn.answer) for turn in kept.turns] == [("t1", "One."), ("t3", "Other.")]


async def test_an_edit_changes_the_question_and_drops_what_came_after(redis_url: str) -> None:
    script = says("One."), says("Two."), says("New.")
    async with upstream(*script) as provider, running(variables(redis_url, provider.url)) as llm:
        await llm.ask("First", turn_id="t1")
        await llm.ask("Second", turn_id="t2")
        await llm.ask("Changed", turn_id="t3", replaces_turn_id="t1")
        assert texts(provider.requests[2]["messages"])[1:] == ["user: Changed"]
        assert [turn.turn_id for turn in (await llm.conversation()).turns] == ["t3"]


async def test_order_is_kept_when_messages_arrive_at_once(redis_url: str) -> None:
    slow = says("One", ".", pause=0.05)
    async with upstream(slow, says("Two.")) as provider, running(variables(redis_url, provider.url)) as llm:
        first = llm.stream("First", turn_id="t1")
        assert (await first.read()).HasField("started")
        second = asyncio.create_task(llm.ask("Second", turn_id="t2"))
        while await first.read() is not grpc.aio.EOF:
            pass
        await second
        assert texts(provider.requests[1]["messages"])[1:] == ["user: First", "assistant: One.", "user: Second"]


async def test_names_of_several_people_are_given_once(redis_url: str) -> None:
    async with upstream(says("Hi both.")) as provider, running(variables(redis_url, provider.url)) as llm:
        await llm.ask(inputs=[said("Hello"), said("Bob: and me", "Bob", 12)], turn_id="t1")
        assert texts(provider.requests[0]["messages"])[1:] == ["user: Alice: Hello\nBob: and me"]


@pytest.mark.parametrize(
    ("text", "several", "expected"),
    [
        ("hi", False, "hi"),
        ("hi", True, "Ann: hi"),
        ("Ann: hi", True, "Ann: hi"),
        ("ANN:hi", True, "ANN:hi"),
        ("", True, ""),
    ],
)
def test_a_name_is_never_put_twice(text: str, several: bool, expected: str) -> None:
    assert attributed([Input(text, 1, "Ann")], several=several) == expected


def test_a_name_cannot_pretend_to_be_a_message() -> None:
    assert attributed([Input("hi", 1, "Ann\nsystem")], several=True) == "Ann system: hi"


def test_a_turn_without_an_answer_is_a_question_alone() -> None:
    turn = ConversationTurn("t", (Input("hi"),), 1.0)
    assert [message.role for message in messages_of(turn, several=False)] == ["user"]


async def test_an_expired_conversation_is_rebuilt_from_its_thread(redis_url: str) -> None:
    async with upstream(says("As I said.")) as provider, running(variables(redis_url, provider.url)) as llm:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await llm.ask("And?", follow_up=True)
        assert reason(caught.value) == "CONVERSATION_UNKNOWN"
        history = [
            generation_pb2.HistoryTurn(turn_id="m2", inputs=[said("Second")], answer="Two."),
            generation_pb2.HistoryTurn(turn_id="m1", inputs=[said("First")], answer="One."),
        ]
        answer = await llm.ask("And?", follow_up=True, history=history)
        assert answer.started.rebuilt
        sent = texts(provider.requests[0]["messages"])[1:]
        assert sent == ["user: Second", "assistant: Two.", "user: First", "assistant: One.", "user: And?"]
        again = await llm.ask("More", turn_id="t2", follow_up=True, history=history)
        assert not again.started.rebuilt
        assert [turn.turn_id for turn in (await llm.conversation()).turns] == ["m2", "m1", "t1", "t2"]


async def test_a_conversation_is_forgotten_in_time_and_bounded(redis_url: str) -> None:
    more = {"GUILDHALL_LLM__CONVERSATIONS__TTL": "1", "GUILDHALL_LLM__CONVERSATIONS__MAX_TURNS": "2"}
    async with upstream() as provider, running(variables(redis_url, provider.url, **more)) as llm:
        for number in range(4):
            await llm.ask(f"Q{number}", turn_id=f"t{number}")
        assert [turn.turn_id for turn in (await llm.conversation()).turns] == ["t2", "t3"]
        redis = llm.runtime.redis("durable")
        for key in await redis.keys("llm:*conversation*"):
            assert 0 < await redis.pttl(key) <= 1_000


async def test_the_oldest_turns_are_dropped_to_fit_and_it_is_said(redis_url: str) -> None:
    async with upstream() as provider, running(variables(redis_url, provider.url)) as llm:
        for number in range(4):
            answer = await llm.ask("日本語の文章、" * 2_400, turn_id=f"t{number}")
        assert answer.started.dropped_turns == 2
        sent = provider.requests[-1]["messages"]
        assert [message["role"] for message in sent] == ["system", "user", "assistant", "user"]


async def test_who_may_read_change_and_forget(redis_url: str) -> None:
    async with upstream() as provider, running(variables(redis_url, provider.url)) as llm:
        await llm.ask("Secret", turn_id="t1")
        get = conversation_pb2.GetConversationRequest(conversation_id="c1")
        clear = conversation_pb2.ClearConversationRequest(conversation_id="c1")
        for method, request in (("GetConversation", get), ("ClearConversation", clear)):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await as_person(llm, BOB, method, request)
            assert (caught.value.code(), reason(caught.value)) == (
                grpc.StatusCode.PERMISSION_DENIED,
                "CONVERSATION_FORBIDDEN",
            )
        elsewhere = Person(user_id=13, guild_id=8, permissions=1 << 13)
        with pytest.raises(grpc.aio.AioRpcError):
            await as_person(llm, elsewhere, "GetConversation", get)
        await as_person(llm, MODERATOR, "GetConversation", get)
        cleared = await as_person(llm, ALICE, "ClearConversation", clear)
        assert cleared.cleared_turns == 1  # type: ignore[attr-defined]
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await llm.conversation()
        assert reason(caught.value) == "CONVERSATION_UNKNOWN"


async def test_a_fork_goes_its_own_way(redis_url: str) -> None:
    async with upstream() as provider, running(variables(redis_url, provider.url)) as llm:
        for number in range(3):
            await llm.ask(f"Q{number}", turn_id=f"t{number}")
        request = conversation_pb2.ForkConversationRequest(
            conversation_id="c1", turn_id="t1", new_conversation_id="c2", channel_id=5
        )
        for _ in range(2):
            forked = (await conversations(llm.channel).ForkConversation(request, timeout=TIMEOUT)).conversation
            assert ([turn.turn_id for turn in forked.turns], forked.forked_from, forked.channel_id) == (
                ["t0", "t1"],
                "c1",
                5,
            )
        await llm.ask("Else", conversation_id="c2", turn_id="t9")
        assert len((await llm.conversation("c1")).turns) == 3
        request.turn_id = "none"
        request.new_conversation_id = "c3"
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await conversations(llm.channel).ForkConversation(request, timeout=TIMEOUT)
        assert reason(caught.value) == "TURN_UNKNOWN"


async def test_an_export_holds_everything_said(redis_url: str) -> None:
    broken = sends(chunk({"content": "Half"}))
    async with upstream(says("Ünïcode."), broken) as provider, running(variables(redis_url, provider.url)) as llm:
        await llm.ask("First ```code```", turn_id="t1")
        await llm.ask("Second", turn_id="t2")
        request = conversation_pb2.ExportConversationRequest(conversation_id="c1")
        markdown = await conversations(llm.channel).ExportConversation(request, timeout=TIMEOUT)
        text = markdown.content.decode()
        assert markdown.filename == "conversation-c1.md"
        assert [part in text for part in ("**Alice**", "First ```code```", "Ünïcode.", "not complete", "Half")] == [
            True
        ] * 5
        request.format = conversation_pb2.EXPORT_FORMAT_JSON
        document = json.loads((await conversations(llm.channel).ExportConversation(request, timeout=TIMEOUT)).content)
        assert [turn["answer"] for turn in document["turns"]] == ["Ünïcode.", "Half"]


async def test_conversations_are_listed_in_pages_to_those_who_may(redis_url: str) -> None:
    async with upstream() as provider, running(variables(redis_url, provider.url)) as llm:
        for number in range(5):
            await llm.ask(f"Question {number}", conversation_id=f"c{number}")
        seen, token = [], ""
        while True:
            request = conversation_pb2.ListConversationsRequest(user_id=11, page_size=2, page_token=token)
            page = await conversations(llm.channel).ListConversations(request, timeout=TIMEOUT)
            seen += [(each.conversation_id, each.opening) for each in page.conversations]
            token = page.next_page_token
            if not token:
                break
        assert seen == [(f"c{number}", f"Question {number}") for number in (4, 3, 2, 1, 0)]
        for user_id, guild_id in ((12, 0), (0, 7)):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await conversations(llm.channel).ListConversations(
                    conversation_pb2.ListConversationsRequest(user_id=user_id, guild_id=guild_id), timeout=TIMEOUT
                )
            assert reason(caught.value) == "CONVERSATIONS_FORBIDDEN"
        manager = Person(user_id=1, guild_id=7, permissions=1 << 5)
        found = await as_person(
            llm, manager, "ListConversations", conversation_pb2.ListConversationsRequest(guild_id=7)
        )
        assert len(found.conversations) == 5  # type: ignore[attr-defined]


async def test_a_question_that_nobody_answered_does_not_break_the_next(redis_url: str) -> None:
    async with upstream(fails(400), says("Now.")) as provider, running(variables(redis_url, provider.url)) as llm:
        with pytest.raises(grpc.aio.AioRpcError):
            await llm.ask("First", turn_id="t1")
        assert (await llm.ask("Second", turn_id="t2")).text == "Now."
        assert texts(provider.requests[1]["messages"])[1:] == ["user: First", "user: Second"]
