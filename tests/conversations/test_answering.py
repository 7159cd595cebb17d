"""Answers by executor alone: personas, chains, places in the queue, changed questions, places that are gone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.conversations.answering import Answerer, running_answerer
from tests.conversations.talking import DONE, button, buttons
from tests.support import eventually

CREATE_PUBLIC_THREADS, MANAGE_THREADS, SEND_IN_THREADS = 1 << 35, 1 << 34, 1 << 38
MANAGE_WEBHOOKS = 1 << 29
SEEN, RIGHT, WRONG = "\N{EYES}", "\N{WHITE HEAVY CHECK MARK}", "\N{CROSS MARK}"
SHORT = {"GUILDHALL_EXECUTOR__REPLIES__MESSAGE_LIMIT": "600"}
PERSONAS = {"GUILDHALL_EXECUTOR__REPLIES__PERSONAS": '{"tutor": {"name": "The Keeper"}}'}


async def test_a_persona_speaks_by_webhook_and_its_answer_is_given_again_in_place(
    redis_url: str, tmp_path: Path
) -> None:
    async with running_answerer(redis_url, tmp_path, PERSONAS) as there:
        there.model.go_on.set()
        asked = await there.ask("What is a pier?", prompt_name="tutor")
        thread = int((await there.sandbox.wait("thread", message=asked["id"]))["thread"]["id"])
        answer = await there.message(thread, component=DONE)
        assert answer["author"]["username"] == "The Keeper"
        assert answer["webhook_id"]
        reply_id = button(answer, DONE).split(":")[1]
        await there.regenerate(reply_id, int(answer["id"]) + 1)
        again = await there.message(thread, component="reply.page")
        assert (again["id"], "Answer 2" in again["content"]) == (answer["id"], True)
        plain = await there.ask("And a quay?", channel=thread, in_conversation=True)
        assert "webhook_id" not in await there.message(thread, component=DONE, after=plain["id"])
        requests = await there.sandbox.requests(limit=500)
        assert not [each for each in requests if "invalid" in (each["request"]["verdict"], each["response"]["verdict"])]


@pytest.mark.parametrize("allowed", [True, False])
async def test_an_answer_goes_on_where_its_persona_lost_its_webhook(
    redis_url: str, tmp_path: Path, allowed: bool
) -> None:
    async with running_answerer(redis_url, tmp_path, PERSONAS | SHORT) as there:
        words = " ".join(f"word-{number:03}" for number in range(200))
        asked = await there.ask(words, prompt_name="tutor")
        thread = int((await there.sandbox.wait("thread", message=asked["id"]))["thread"]["id"])
        begun = await there.message(thread, component="reply.stop")
        await there.sandbox.rest("owner", "DELETE", f"/webhooks/{begun['webhook_id']}")
        if not allowed:
            await there.deny(MANAGE_WEBHOOKS)
        there.model.go_on.set()
        last = await there.message(thread, component=DONE)
        said = [
            message
            for message in reversed(await there.sandbox.messages("owner", str(thread), limit=50))
            if message["author"].get("bot")
        ]
        assert len(said) > 1
        assert said[-1]["id"] == last["id"]
        told = " ".join(message["content"] for message in said)
        assert [told.count(f"word-{number:03}") for number in range(200)] == [1] * 200
        names = {message["author"]["username"] for message in said}
        assert names == ({"The Keeper"} if allowed else {"guildhall"})
        assert begun["id"] not in {message["id"] for message in said}


async def test_an_answer_is_given_again_where_its_persona_lost_its_webhook_since(
    redis_url: str, tmp_path: Path
) -> None:
    async with running_answerer(redis_url, tmp_path, PERSONAS) as there:
        there.model.go_on.set()
        asked = await there.ask("What is a pier?", prompt_name="tutor")
        thread = int((await there.sandbox.wait("thread", message=asked["id"]))["thread"]["id"])
        answer = await there.message(thread, component=DONE)
        await there.sandbox.rest("owner", "DELETE", f"/webhooks/{answer['webhook_id']}")
        # A process that knew nothing of the old webhook finds only a new one.
        await there.executor.stop()
        await there.executor.start()
        await there.regenerate(button(answer, DONE).split(":")[1], int(answer["id"]) + 1)
        again = await there.message(thread, component="reply.page")
        assert ("Answer 2" in again["content"], again["author"]["username"]) == (True, "The Keeper")
        said = await there.sandbox.messages("owner", str(thread), limit=50)
        assert [message["id"] for message in said if message["author"].get("bot")] == [again["id"]]


async def test_a_reply_to_an_answer_in_the_channel_goes_on_with_its_conversation(
    redis_url: str, tmp_path: Path
) -> None:
    async with running_answerer(redis_url, tmp_path, {}) as there:
        await there.deny(CREATE_PUBLIC_THREADS)
        await there.ask("What is a pier?")
        await there.message(there.channel_id, component="reply.stop")
        there.model.go_on.set()
        first = await there.message(there.channel_id, component=DONE)
        asked = await there.ask("And why?", reply_to_message_id=int(first["id"]))
        second = await there.message(there.channel_id, component=DONE, after=asked["id"])
        assert second["message_reference"]["message_id"] == asked["id"]
        begun, gone_on = there.model.requests
        assert gone_on.conversation_id == begun.conversation_id
        other = await there.ask("Something else?")
        await there.message(there.channel_id, component=DONE, after=other["id"])
        assert there.model.requests[2].conversation_id != begun.conversation_id


async def test_whoever_waits_in_a_conversation_reads_their_place_where_the_answer_will_stand(
    redis_url: str, tmp_path: Path
) -> None:
    narrow = {"GUILDHALL_EXECUTOR__JOBS__MAX_RUNNING": "1", "GUILDHALL_EXECUTOR__JOBS__PLACE_SECONDS": "0.1"}
    async with running_answerer(redis_url, tmp_path, narrow) as there:
        first = await there.ask("What is a pier?")
        await there.sandbox.wait("thread", message=first["id"])
        lab = next(
            each["id"]
            for each in await there.sandbox.rest("owner", "GET", f"/guilds/{there.guild_id}/channels")
            if each["name"] == "bot-lab"
        )
        await there.ask("And a quay?", channel=int(lab), in_conversation=True)
        told = await there.message(int(lab), contains="is number 1")
        there.model.go_on.set()
        answer = await there.message(int(lab), component=DONE)
        assert (answer["id"], "quay" in answer["content"]) == (told["id"], True)


async def test_a_changed_question_is_offered_again_whenever_it_was_changed(redis_url: str, tmp_path: Path) -> None:
    async with running_answerer(redis_url, tmp_path, {}) as there:
        thread = await there.talk()
        asked = await there.ask("What is a pier?", channel=thread, in_conversation=True)
        growing = await there.message(thread, component="reply.stop")
        await there.changed(asked, "What is a quay?")
        there.model.go_on.set()
        offer = await there.message(thread, component="reply.again")
        assert offer["message_reference"]["message_id"] == asked["id"]
        reply_id = button(offer, "reply.again").split(":")[1]
        await there.regenerate(reply_id, int(offer["id"]) + 1, edited=True)
        again = await there.message(thread, contains="quay", component="reply.page")
        assert again["id"] == growing["id"]
        await there.changed(asked, "What is a harbour?", person="member")
        assert [each.text for each in there.model.requests[-1].inputs] == ["What is a quay?"]
        assert there.model.requests[-1].replaces_turn_id == reply_id


async def test_messages_that_came_meanwhile_are_one_turn_and_stay_one(redis_url: str, tmp_path: Path) -> None:
    async with running_answerer(redis_url, tmp_path, {}) as there:
        thread = await there.talk()
        await there.ask("One?", channel=thread, in_conversation=True)
        await there.message(thread, component="reply.stop")
        for words in ("Two?", "Three?"):
            last = await there.ask(words, channel=thread, in_conversation=True)
        there.model.go_on.set()
        both = await there.message(thread, component=DONE, after=last["id"])
        assert [each.text for each in there.model.requests[-1].inputs] == ["Two?", "Three?"]
        await there.regenerate(button(both, DONE).split(":")[1], int(both["id"]) + 1)
        await there.message(thread, component="reply.page")
        assert [each.text for each in there.model.requests[-1].inputs] == ["Two?", "Three?"]


async def test_a_deleted_thread_ends_the_answer_with_one_notice(redis_url: str, tmp_path: Path) -> None:
    async with running_answerer(redis_url, tmp_path, {}) as there:
        asked = await there.ask("What is a pier?")
        thread = int((await there.sandbox.wait("thread", message=asked["id"]))["thread"]["id"])
        await there.message(thread, component="reply.stop")
        await there.sandbox.rest("owner", "DELETE", f"/channels/{thread}")
        there.model.go_on.set()
        await there.message(there.channel_id, contains="thread was deleted")


async def test_a_lost_permission_ends_the_answer_with_one_notice_where_it_can_be_seen(
    redis_url: str, tmp_path: Path
) -> None:
    async with running_answerer(redis_url, tmp_path, {}) as there:
        thread = await there.talk()
        await there.ask("What is a pier?", channel=thread, in_conversation=True)
        await there.message(thread, component="reply.stop")
        await there.deny(MANAGE_THREADS | SEND_IN_THREADS)
        await there.sandbox.rest("owner", "PATCH", f"/channels/{thread}", {"archived": True, "locked": True})
        there.model.go_on.set()
        await there.message(there.channel_id, contains="may not write there any more")


async def test_an_archived_thread_is_opened_again(redis_url: str, tmp_path: Path) -> None:
    async with running_answerer(redis_url, tmp_path, {}) as there:
        thread = await there.talk()
        asked = await there.ask("What is a pier?", channel=thread, in_conversation=True)
        await there.message(thread, component="reply.stop")
        await there.sandbox.rest("owner", "PATCH", f"/channels/{thread}", {"archived": True})
        there.model.go_on.set()
        assert await there.message(thread, component=DONE, after=asked["id"])


async def test_a_channel_that_becomes_a_conversation_is_read_from_its_last_messages(
    redis_url: str, tmp_path: Path
) -> None:
    async with running_answerer(redis_url, tmp_path, {}) as there:
        there.model.knows = False
        there.model.go_on.set()
        for words in ("Remember the lighthouse.", "!status"):
            await there.sandbox.say("member", str(there.channel_id), words)
        asked = await there.ask("Which word?", in_conversation=True, command_prefix="!")
        await there.message(there.channel_id, component=DONE, after=asked["id"])
        told = [each.text for turn in there.model.requests[-1].history for each in turn.inputs]
        assert "Remember the lighthouse." in told
        assert "!status" not in told


async def test_a_model_that_wishes_to_draw_answers_with_a_picture(redis_url: str, tmp_path: Path) -> None:
    async with running_answerer(redis_url, tmp_path, {}) as there:
        there.model.draws = True
        thread = await there.talk()
        there.model.go_on.set()
        asked = await there.ask("Draw me a pier.", channel=thread, in_conversation=True, pictures=True)
        answer = await there.message(thread, component=DONE, after=asked["id"])
        assert [file["filename"] for file in answer["attachments"]] == ["image.png"]
        result = there.model.requests[-1].tool_rounds[0].results[0]
        assert "was made" in result.content


async def marked(there: Answerer, message: dict[str, Any], *wanted: str) -> None:
    async def so() -> bool:
        return await there.reactions(message) == set(wanted)

    await eventually(so, timeout=20, interval=0.05)


async def test_reactions_say_how_far_each_message_of_a_burst_is(redis_url: str, tmp_path: Path) -> None:
    async with running_answerer(redis_url, tmp_path, {}) as there:
        await there.configure(reactions=True)
        thread = await there.talk()
        first = await there.ask("One?", channel=thread, in_conversation=True)
        await marked(there, first, SEEN)
        await there.message(thread, component="reply.stop")
        burst = [await there.ask(words, channel=thread, in_conversation=True) for words in ("Two?", "Three?")]
        there.model.go_on.set()
        for message in (first, *burst):
            await marked(there, message, RIGHT)
        failed = await there.ask("Please fail.", channel=thread, in_conversation=True)
        await marked(there, failed, WRONG)


async def test_a_failure_is_a_reply_a_reaction_or_known_to_the_log_channel_alone(
    redis_url: str, tmp_path: Path
) -> None:
    async with running_answerer(redis_url, tmp_path, {}) as there:
        thread = await there.talk()
        asked = await there.ask("Please fail.", channel=thread, in_conversation=True)
        told = await there.message(thread, component="reply.retry", after=asked["id"])
        await there.configure(error_policy="reaction")
        await marked(there, await there.ask("Please fail.", channel=thread, in_conversation=True), WRONG)
        log = await there.sandbox.rest("owner", "POST", f"/guilds/{there.guild_id}/channels", {"name": "log"})
        await there.configure(error_policy="silent", log_channel=str(log["id"]))
        asked = await there.ask("Please fail.", channel=thread, in_conversation=True)
        await there.message(int(log["id"]), contains=asked["id"])
        await marked(there, asked)
        after = await there.sandbox.messages("owner", str(thread), after=told["id"], limit=50)
        assert not [message for message in after if buttons(message)]


async def test_a_provider_that_asks_for_a_pause_is_told_at_once(redis_url: str, tmp_path: Path) -> None:
    async with running_answerer(redis_url, tmp_path, {}) as there:
        thread = await there.talk()
        await there.ask("Please be limited.", channel=thread, in_conversation=True)
        told = await there.message(thread, component="reply.retry")
        assert "asks for a pause" in told["content"]
        assert "<t:" in told["content"]


async def test_thinking_stands_behind_a_spoiler_or_nowhere(redis_url: str, tmp_path: Path) -> None:
    async with running_answerer(redis_url, tmp_path, {}) as there:
        thread = await there.talk()
        there.model.go_on.set()
        asked = await there.ask("Why?", channel=thread, in_conversation=True)
        shown = await there.message(thread, component=DONE, after=asked["id"])
        assert "||I weigh it carefully.||" in shown["content"]
        await there.configure(thinking_shown="hidden")
        asked = await there.ask("Why?", channel=thread, in_conversation=True)
        hidden = await there.message(thread, component=DONE, after=asked["id"])
        assert "weigh" not in hidden["content"]


async def test_a_private_answer_ends_in_time_marked_and_goes_on_in_a_private_thread(
    redis_url: str, tmp_path: Path
) -> None:
    soon = {"GUILDHALL_EXECUTOR__REPLIES__TOKEN_SECONDS": "3"}
    async with running_answerer(redis_url, tmp_path, soon, with_gateway=True) as there:
        used = await there.sandbox.command("member", "general", "ask", {"prompt": "What is a pier?", "private": True})
        assert used["ephemeral"]
        ended = await there.sandbox.wait_message(
            as_="member", channel="general", id=used["message_id"], component="reply.privately"
        )
        assert "cannot be changed" in ended["content"]
        pressed = await there.sandbox.press("member", ended["id"], button(ended, "reply.privately"))
        told = await there.sandbox.wait_message(
            as_="member", channel="general", id=pressed["message_id"], contains="It goes on in"
        )
        thread = int(told["content"].partition("<#")[2].partition(">")[0])
        assert await there.sandbox.wait_message(as_="member", channel=str(thread), component="reply.continue")
        there.model.go_on.set()
        await there.sandbox.say("member", str(thread), "And why?")
        await there.message(thread, component=DONE)
        assert there.model.requests[-1].conversation_id == there.model.requests[0].conversation_id


async def test_a_message_that_is_changed_in_discord_is_answered_again_at_the_press_of_a_button(
    redis_url: str, tmp_path: Path
) -> None:
    async with running_answerer(redis_url, tmp_path, {}, with_gateway=True) as there:
        there.model.go_on.set()
        used = await there.sandbox.command("member", "general", "ask", {"prompt": "Let us talk."})
        thread = (await there.sandbox.wait("thread", message=used["message_id"]))["thread"]["id"]
        await there.message(int(thread), component=DONE)
        asked = await there.sandbox.say("member", thread, "What is a pier?")
        answer = await there.message(int(thread), component=DONE, after=asked["id"])
        path = f"/channels/{thread}/messages/{asked['id']}"
        await there.sandbox.rest("member", "PATCH", path, {"content": "What is a pier?"})
        await there.sandbox.rest("member", "PATCH", path, {"content": "What is a quay?"})
        offer = await there.message(int(thread), component="reply.again")
        await there.sandbox.press("member", offer["id"], button(offer, "reply.again"))
        again = await there.message(int(thread), component="reply.page")
        assert (again["id"], "quay" in again["content"]) == (answer["id"], True)
        await there.message(int(thread), id=offer["id"], contains="answering again")
        said = await there.sandbox.messages("owner", thread, limit=50)
        assert sum("You changed" in message["content"] or message["id"] == offer["id"] for message in said) == 1


async def test_words_that_ask_for_a_picture_are_offered_one_where_the_channel_says_nothing_else(
    redis_url: str, tmp_path: Path
) -> None:
    async with running_answerer(redis_url, tmp_path, {}, with_gateway=True) as there:
        there.model.go_on.set()
        used = await there.sandbox.command("member", "general", "ask", {"prompt": "Let us talk."})
        thread = (await there.sandbox.wait("thread", message=used["message_id"]))["thread"]["id"]
        await there.message(int(thread), component=DONE)
        await there.sandbox.say("member", thread, "Draw me a pier")
        offer = await there.message(int(thread), component="image.typed")
        pressed = await there.sandbox.press("member", offer["id"], button(offer, "image.typed"))
        drawn = await there.message(int(thread), id=pressed["message_id"], settled=True)
        assert [file["filename"] for file in drawn["attachments"]] == ["image.png"]


async def test_without_an_intent_that_was_taken_away_the_bot_goes_on(redis_url: str, tmp_path: Path) -> None:
    message_content = 1 << 15
    async with running_answerer(redis_url, tmp_path, {}, with_gateway=True) as there:
        there.model.go_on.set()
        (session,) = (await there.sandbox.wait("session", count=1))["sessions"]
        assert session["intents"] & message_content
        await there.sandbox.gateway("close", code=4014)

        async def without_it() -> bool:
            sessions = await there.sandbox.call("GET", "/control/sessions")
            return any(each["ready"] and not each["intents"] & message_content for each in sessions)

        await eventually(without_it, timeout=30, interval=0.1)
        used = await there.sandbox.command("member", "general", "ask", {"prompt": "Still there?"})
        assert used["state"] == "acknowledged"


async def test_a_title_is_shown_without_the_marks_that_a_model_puts_in_it(redis_url: str, tmp_path: Path) -> None:
    async with running_answerer(redis_url, tmp_path, {}) as there:
        there.model.go_on.set()
        asked = await there.ask("What is a pier?")
        thread = (await there.sandbox.wait("thread", message=asked["id"]))["thread"]["id"]
        await there.message(int(thread), component=DONE)
        name = (await there.sandbox.rest("owner", "GET", f"/channels/{thread}"))["name"]
        assert name == "What is a pier?"
