"""A service that is away while somebody does something: they read that the bot thinks, and then what they wished."""

from __future__ import annotations

from pathlib import Path

from tests.conversations.answering import Answerer, running_answerer
from tests.conversations.talking import DONE, button
from tests.support import eventually
from views.messages import EPHEMERAL

DEFERRED_MESSAGE, DEFERRED_UPDATE = 5, 6
# Discord ends an interaction that was not acknowledged after three seconds.
IN_TIME = 3000


async def test_a_question_is_deferred_and_answered_once_the_service_is_back(redis_url: str, tmp_path: Path) -> None:
    async with running_answerer(redis_url, tmp_path, {}, with_gateway=True) as there:
        there.model.go_on.set()
        await there.executor.stop()
        asked = await there.sandbox.command("member", "general", "ask", {"prompt": "What is a pier?"})
        assert (asked["state"], asked["callback_type"], asked["ephemeral"]) == ("acknowledged", DEFERRED_MESSAGE, False)
        assert asked["ack_ms"] < IN_TIME
        secret = await there.sandbox.command("member", "general", "ask", {"prompt": "A secret?", "private": True})
        assert (secret["callback_type"], secret["ephemeral"]) == (DEFERRED_MESSAGE, True)
        await there.executor.start()
        thread = (await there.sandbox.wait("thread", message=asked["message_id"], timeout=30))["thread"]["id"]
        assert "pier" in (await there.message(int(thread), component=DONE))["content"]
        answered = await there.sandbox.wait_message(
            as_="member", channel="general", id=secret["message_id"], component="reply.copy"
        )
        assert "secret" in answered["content"]


async def test_a_press_and_a_text_command_wait_for_the_service_too(redis_url: str, tmp_path: Path) -> None:
    async with running_answerer(redis_url, tmp_path, {}, with_gateway=True) as there:
        there.model.go_on.set()
        used = await there.sandbox.command("member", "general", "ask", {"prompt": "What is a pier?"})
        thread = (await there.sandbox.wait("thread", message=used["message_id"]))["thread"]["id"]
        answer = await there.message(int(thread), component=DONE)
        await there.executor.stop()
        pressed = await there.sandbox.press("member", answer["id"], button(answer, "reply.copy"))
        assert (pressed["callback_type"], pressed["ack_ms"] < IN_TIME) == (DEFERRED_UPDATE, True)
        await there.sandbox.say("member", thread, "!help")
        again = await there.sandbox.press("member", answer["id"], button(answer, "reply.regenerate"))
        assert again["callback_type"] == DEFERRED_UPDATE
        await there.executor.start()
        copied = await there.sandbox.wait_message(
            as_="member", channel=thread, after=answer["id"], contains="pier", timeout=30
        )
        assert copied["flags"] & EPHEMERAL
        assert copied["content"].strip() in answer["content"]
        await there.message(int(thread), contains="!history")
        # What was held in place leaves the answer as it is until there is a new one.
        shown = await there.message(int(thread), component="reply.page")
        assert (shown["id"], "Answer 2" in shown["content"]) == (answer["id"], True)


async def test_patience_ends_with_a_private_sentence(redis_url: str, tmp_path: Path) -> None:
    soon = {"GUILDHALL_GATEWAY__DEADLINES__AWAY": "1.5", "GUILDHALL_GATEWAY__DEADLINES__UNNOTICED": "0.2"}
    async with running_answerer(redis_url, tmp_path, {}, with_gateway=True, of_gateway=soon) as there:
        await there.executor.stop()
        asked = await there.sandbox.command("member", "general", "ask", {"prompt": "What is a pier?"})
        assert (asked["callback_type"], asked["ephemeral"]) == (DEFERRED_MESSAGE, False)
        told = await there.sandbox.wait_message(as_="member", channel="general", contains="not reachable", timeout=10)
        assert told["flags"] & EPHEMERAL
        await eventually(lambda: gone(there, str(told["id"])), timeout=5)
        # Nobody else sees a bot that thinks for ever, or what was said to one alone.
        assert not [m for m in await there.sandbox.messages("owner", "general") if m["author"].get("bot")]
        # Whoever only types is offered nothing, at once.
        assert not await there.sandbox.autocomplete("member", "general", "ask", {"prompt": "x", "model": ""}, "model")


async def gone(there: Answerer, message: str) -> bool:
    said = await there.sandbox.messages("member", "general")
    return [each["id"] for each in said if each["author"].get("bot")] == [message]
