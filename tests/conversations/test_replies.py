"""What answers do beside being there: change with their question, say how far they are, fail as the channel wishes."""

from typing import Any

import pytest

from sandbox.control.client import SandboxClient
from tests.conversations.setting import choose, switch
from tests.conversations.talking import DONE, MEMBER, OWNER, Talk, button, buttons
from tests.support import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

SEEN, RIGHT, WRONG = "\N{EYES}", "\N{WHITE HEAVY CHECK MARK}", "\N{CROSS MARK}"
SEND_IN_THREADS, MANAGE_THREADS = 1 << 38, 1 << 34
CREATE_PUBLIC_THREADS = 1 << 35


async def reactions(talk: Talk, channel: str, message: str) -> set[str]:
    found = await talk.sandbox.rest(OWNER, "GET", f"/channels/{channel}/messages/{message}")
    return {each["emoji"]["name"] for each in found.get("reactions", ())}


async def edit(talk: Talk, message: dict[str, Any], content: str, person: str = MEMBER) -> None:
    path = f"/channels/{message['channel_id']}/messages/{message['id']}"
    await talk.sandbox.rest(person, "PATCH", path, {"content": content})


async def test_a_question_that_is_changed_is_answered_again_where_that_is_wished(
    talk: Talk, sandbox: SandboxClient
) -> None:
    await sandbox.model_rule(contains="colour of grass", text="The grass is certainly green.")
    await sandbox.model_rule(contains="colour of snow", text="The snow is certainly white.")
    answered = await talk.ask("Let us talk about colours.")
    asked = await sandbox.say(MEMBER, answered.thread, "What is the colour of grass?")
    await sandbox.wait("message", as_=OWNER, channel=answered.thread, contains="green", component=DONE)
    await edit(talk, asked, "What is the colour of ice?")
    offer = await sandbox.wait_message(as_=OWNER, channel=answered.thread, component="reply.again")
    for words in ("What is the colour of rain?", "What is the colour of snow?"):
        await edit(talk, asked, words)
    # What is written next in the thread is taken after the changes, which the offer that stands covers.
    await sandbox.say(MEMBER, answered.thread, "And a quay?")
    await talk.answers(answered.thread, 3)
    said = await sandbox.messages(OWNER, answered.thread, limit=50)
    assert [message["id"] for message in said if "reply.again" in buttons(message)] == [offer["id"]]
    await talk.press(offer, button(offer, "reply.again"))
    after = await sandbox.wait_message(as_=OWNER, channel=answered.thread, contains="white", component="reply.page")
    assert "green" not in after["content"]
    assert len(await talk.answers(answered.thread)) == 3
    assert not (await talk.changed(offer, contains="answering again"))["components"]


async def test_a_question_changed_while_it_is_answered_is_offered_again_too(talk: Talk, sandbox: SandboxClient) -> None:
    await sandbox.model_rule(contains="tell slowly", tokens=60, tokens_per_second=20)
    answered = await talk.ask("Let us talk.")
    asked = await sandbox.say(MEMBER, answered.thread, "Please tell slowly of ships.")
    await sandbox.wait("message", as_=MEMBER, channel=answered.thread, component="reply.stop")
    await edit(talk, asked, "Please tell of boats.")
    assert await sandbox.wait_message(as_=OWNER, channel=answered.thread, component="reply.again")


async def test_what_discord_adds_to_a_message_is_no_change(talk: Talk, sandbox: SandboxClient) -> None:
    answered = await talk.ask("Let us talk.")
    asked = await sandbox.say(MEMBER, answered.thread, "What is a harbour?")
    await talk.answers(answered.thread, 2)
    await edit(talk, asked, "What is a harbour?")
    await sandbox.say(MEMBER, answered.thread, "And a quay?")
    await talk.answers(answered.thread, 3)
    said = await sandbox.messages(OWNER, answered.thread, limit=50)
    assert not [message for message in said if "reply.again" in buttons(message)]


async def test_reactions_say_how_far_an_answer_is(talk: Talk, sandbox: SandboxClient) -> None:
    await sandbox.model_rule(contains="tell slowly", tokens=40, tokens_per_second=20)
    await sandbox.model_rule(contains="Fail now", fault={"kind": "unauthorized"})
    await switch(talk, "executor.reactions")
    answered = await talk.ask("Let us talk.")
    asked = await sandbox.say(MEMBER, answered.thread, "Please tell slowly of ships.")
    await eventually(lambda: _has(talk, asked, {SEEN}), timeout=20, interval=0.1)
    await eventually(lambda: _has(talk, asked, {RIGHT}), timeout=20, interval=0.1)
    asked = await sandbox.say(MEMBER, answered.thread, "Fail now, please.")
    await eventually(lambda: _has(talk, asked, {WRONG}), timeout=40, interval=0.1)


async def _has(talk: Talk, message: dict[str, Any], wanted: set[str]) -> bool:
    return await reactions(talk, message["channel_id"], message["id"]) == wanted


async def test_a_failure_can_be_a_reaction_alone(talk: Talk, sandbox: SandboxClient) -> None:
    await sandbox.model_rule(contains="Fail now", fault={"kind": "unauthorized"})
    await choose(talk, "executor.error_policy", "reaction")
    answered = await talk.ask("Let us talk.")
    asked = await sandbox.say(MEMBER, answered.thread, "Fail now, please.")
    await eventually(lambda: _has(talk, asked, {WRONG}), timeout=40, interval=0.1)
    await sandbox.say(MEMBER, answered.thread, "And now a good one?")
    assert len(await talk.answers(answered.thread, 2)) == 2
    said = await sandbox.messages(OWNER, answered.thread, limit=50)
    assert not [message for message in said if "reply.retry" in buttons(message)]


async def test_a_failure_can_be_told_to_the_log_channel_alone(talk: Talk, sandbox: SandboxClient) -> None:
    await sandbox.model_rule(contains="Fail now", fault={"kind": "unauthorized"})
    await choose(talk, "executor.error_policy", "silent")
    log = await sandbox.rest(OWNER, "POST", f"/guilds/{talk.guild}/channels", {"name": "quiet-log", "type": 0})
    menu = await talk.private("settings", OWNER)
    await talk.press(menu, button(menu, "settings.show:guild"), OWNER)
    menu = await talk.changed(menu, component="settings.show:guild:2")
    await talk.press(menu, button(menu, "settings.show:guild:2"), OWNER)
    menu = await talk.changed(menu, component="settings.choose:guild:2:executor.log_channel")
    await talk.press(menu, "settings.choose:guild:2:executor.log_channel", OWNER, [log["id"]])
    answered = await talk.ask("Let us talk.")
    asked = await sandbox.say(MEMBER, answered.thread, "Fail now, please.")
    logged = await sandbox.wait_message(as_=OWNER, channel=log["id"], contains=asked["id"], timeout=40)
    assert "Trace" in logged["content"]
    assert len([m for m in await sandbox.messages(OWNER, answered.thread, limit=50) if m["components"]]) == 1


async def test_thinking_is_shown_behind_a_spoiler_or_not_at_all(talk: Talk, sandbox: SandboxClient) -> None:
    await sandbox.model_rule(contains="Think about it", text="It is so.", thinking="First I weigh it carefully.")
    shown = await talk.ask("Think about it", model="openai/demo-thinking")
    assert "||First I weigh it carefully.||" in shown.message["content"]
    await choose(talk, "executor.thinking_shown", "hidden")
    hidden = await talk.ask("Think about it", model="openai/demo-thinking")
    assert "weigh" not in hidden.message["content"]


async def test_a_deleted_thread_ends_the_answer_with_one_notice(talk: Talk, sandbox: SandboxClient) -> None:
    await sandbox.model_rule(contains="endlessly", tokens=2000, tokens_per_second=20)
    used = await talk.use("ask", prompt="Talk endlessly")
    thread = await talk.thread(used["message_id"])
    await sandbox.wait("message", as_=MEMBER, channel=thread, component="reply.stop")
    await sandbox.rest(OWNER, "DELETE", f"/channels/{thread}")
    await sandbox.wait_message(as_=OWNER, channel=talk.channel, contains="thread was deleted")


async def test_a_lost_permission_ends_the_answer_with_one_notice_where_it_can_be_seen(
    talk: Talk, sandbox: SandboxClient
) -> None:
    await sandbox.model_rule(contains="endlessly", tokens=2000, tokens_per_second=20)
    answered = await talk.ask("Let us talk.")
    await sandbox.say(MEMBER, answered.thread, "Talk endlessly")
    await sandbox.wait("message", as_=MEMBER, channel=answered.thread, component="reply.stop")
    await deny(talk, SEND_IN_THREADS | MANAGE_THREADS)
    await sandbox.rest(OWNER, "PATCH", f"/channels/{answered.thread}", {"archived": True, "locked": True})
    await sandbox.wait_message(as_=OWNER, channel=talk.channel, contains="so I stopped")
    said = await sandbox.messages(OWNER, talk.channel, limit=50)
    assert len([message for message in said if "so I stopped" in message["content"]]) == 1


async def deny(talk: Talk, permissions: int) -> None:
    roles = await talk.sandbox.rest(OWNER, "GET", f"/guilds/{talk.guild}/roles")
    bot = next(role["id"] for role in roles if role["name"] == "Guildhall")
    body = {"type": 0, "deny": str(permissions), "allow": "0"}
    await talk.sandbox.rest(OWNER, "PUT", f"/channels/{talk.channel}/permissions/{bot}", body)


async def test_a_chain_of_replies_is_a_conversation_where_there_are_no_threads(
    talk: Talk, sandbox: SandboxClient
) -> None:
    await deny(talk, CREATE_PUBLIC_THREADS)
    used = await talk.use("ask", prompt="Remember the word lighthouse.")
    first = (await talk.answers(talk.channel))[0]
    assert first["id"] == used["message_id"]
    asked = await sandbox.say(
        MEMBER, talk.channel, "Which word did I ask you to remember?", message_reference={"message_id": first["id"]}
    )
    second = await sandbox.wait_message(as_=OWNER, channel=talk.channel, after=asked["id"], component=DONE)
    assert "lighthouse" in second["content"].lower()
    assert second["message_reference"]["message_id"] == asked["id"]


async def test_an_archived_thread_is_answered_in_as_any_other(talk: Talk, sandbox: SandboxClient) -> None:
    await sandbox.model_rule(contains="tell slowly", tokens=60, tokens_per_second=20)
    answered = await talk.ask("Let us talk.")
    await sandbox.say(MEMBER, answered.thread, "Please tell slowly of ships.")
    await sandbox.wait("message", as_=MEMBER, channel=answered.thread, component="reply.stop")
    await sandbox.rest(OWNER, "PATCH", f"/channels/{answered.thread}", {"archived": True})
    assert len(await talk.answers(answered.thread, 2)) == 2


async def test_messages_that_come_while_an_answer_is_given_are_answered_together(
    talk: Talk, sandbox: SandboxClient
) -> None:
    await sandbox.model_rule(contains="tell slowly", tokens=60, tokens_per_second=20)
    answered = await talk.ask("Let us talk.")
    await sandbox.say(MEMBER, answered.thread, "Please tell slowly of ships.")
    await sandbox.wait("message", as_=MEMBER, channel=answered.thread, component="reply.stop")
    for word in ("anchor", "buoy", "compass"):
        last = await sandbox.say(MEMBER, answered.thread, f"Remember the word {word}.")
    together = await sandbox.wait_message(as_=OWNER, channel=answered.thread, after=last["id"], component=DONE)
    assert len(await talk.answers(answered.thread, 3)) == 3
    await talk.press(together, button(together, "reply.regenerate"))
    await talk.changed(together, component="reply.page")
    seen = (await sandbox.call("GET", "/model/api/requests"))["requests"]
    assert all(word in str(seen[-1]) for word in ("anchor", "buoy", "compass")), seen[-1]


async def test_a_channel_that_becomes_a_conversation_is_read_from_its_last_messages(
    talk: Talk, sandbox: SandboxClient
) -> None:
    await sandbox.say(MEMBER, talk.channel, "Remember the word lighthouse.")
    await sandbox.say(MEMBER, talk.channel, "!status")
    await switch(talk, "gateway.auto_respond")
    await sandbox.say(OWNER, talk.channel, "Which word was to be remembered?")
    answer = (await talk.answers(talk.channel))[0]
    assert "lighthouse" in answer["content"].lower()
    assert "I had forgotten" not in answer["content"]


@pytest.mark.parametrize("mode", ["auto", "always", "never", "ask"])
async def test_pictures_are_made_of_messages_as_the_channel_wishes(
    talk: Talk, sandbox: SandboxClient, mode: str
) -> None:
    answered = await talk.ask("Let us talk.")
    if mode != "ask":
        await choose(talk, "gateway.images", mode)
    asked = await sandbox.say(MEMBER, answered.thread, "Draw me a picture of a lighthouse")
    if mode == "ask":
        offer = await sandbox.wait_message(as_=OWNER, channel=answered.thread, component="image.typed")
        assert "lighthouse" in offer["content"]
        return

    async def settled() -> list[dict[str, Any]]:
        said = await sandbox.messages(OWNER, answered.thread, after=asked["id"], limit=50)
        return [message for message in said if message["attachments"] or DONE in buttons(message)]

    message = (await eventually(settled, timeout=40, interval=0.2))[0]
    assert bool(message["attachments"]) == (mode != "never")
    assert (DONE in buttons(message)) == (mode != "always")
