"""What people write without a command: follow-ups, mentions, replies, auto-respond, names of models, text commands."""

import asyncio

import pytest

from sandbox.control.client import SandboxClient
from tests.conversations.talking import CRAFTER, MEMBER, OWNER, Talk, button
from tests.support.platform import RunningPlatform

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def bot(sandbox: SandboxClient) -> str:
    people = await sandbox.call("GET", "/control/people")
    return str(next(person["id"] for person in people if person["bot"]))


async def reply_of_bot(talk: Talk, channel: str, contains: str) -> dict[str, object]:
    found = await talk.sandbox.wait(
        "message", as_=OWNER, channel=channel, author=await bot(talk.sandbox), contains=contains
    )
    message: dict[str, object] = found["messages"][0]
    return message


async def test_a_mention_is_answered_in_a_thread_of_its_own(talk: Talk, sandbox: SandboxClient) -> None:
    said = await sandbox.say(MEMBER, talk.channel, f"<@{await bot(sandbox)}> what is a lighthouse?")
    thread = await talk.thread(said["id"])
    assert (await talk.answers(thread))[0]["content"]


async def test_a_reply_to_the_bot_is_answered_with_what_it_replies_to(talk: Talk, sandbox: SandboxClient) -> None:
    answered = await talk.ask("What is a pier?")
    opening = answered.interaction["message_id"]
    said = await sandbox.say(MEMBER, talk.channel, "and why?", message_reference={"message_id": opening})
    assert (await talk.answers(await talk.thread(said["id"])))[0]["content"]


async def test_messages_that_are_not_meant_for_the_bot_stay_unanswered(talk: Talk, sandbox: SandboxClient) -> None:
    answered = await talk.ask("What is a quay?")
    people = {person["username"]: person["id"] for person in await sandbox.call("GET", "/control/people")}
    await sandbox.say(MEMBER, talk.channel, "just talking among ourselves")
    await sandbox.say(MEMBER, answered.thread, f"<@{people['crafter']}> look at this")
    await sandbox.say(MEMBER, answered.thread, "Which quay is it?")
    assert len(await talk.answers(answered.thread, 2)) == 2
    in_channel = await sandbox.messages(OWNER, talk.channel)
    assert [message["author"]["bot"] for message in in_channel if message["author"].get("bot")] == [True]


async def test_auto_respond_makes_the_channel_one_conversation(talk: Talk, sandbox: SandboxClient) -> None:
    await sandbox.say(OWNER, talk.channel, "!autorespond on")
    await reply_of_bot(talk, talk.channel, "Set: Auto-respond")
    await reply_of_bot(talk, talk.channel, "gh1.")
    await sandbox.say(MEMBER, talk.channel, "Remember the word lighthouse.")
    await talk.answers(talk.channel, 1)
    await sandbox.say(CRAFTER, talk.channel, "Which word was to be remembered?")
    assert "lighthouse" in (await talk.answers(talk.channel, 2))[1]["content"].lower()
    await sandbox.say(MEMBER, talk.channel, "!autorespond")
    await reply_of_bot(talk, talk.channel, "Auto-respond")


async def test_a_model_is_addressed_by_its_name(talk: Talk, sandbox: SandboxClient) -> None:
    said = await sandbox.say(MEMBER, talk.channel, "demo, what is a pier?")
    answer = (await talk.answers(await talk.thread(said["id"])))[0]
    assert "demo" in answer["content"].splitlines()[-1]


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("!help", "!ask"),
        ("!status", "Model"),
        ("!model", "Model"),
        ("!prompt", "Prompt"),
        ("!thinking", "Thinking"),
        ("!provider nobody", "There are: "),
        ("!image a pier", "a pier"),
        ("!clear", "not kept any more"),
    ],
)
async def test_text_commands(talk: Talk, sandbox: SandboxClient, typed: str, answer: str) -> None:
    await sandbox.say(MEMBER, talk.channel, typed)
    await reply_of_bot(talk, talk.channel, answer)


async def shown_as(talk: Talk, name: str) -> str:
    """The line of a setting in the channel's menu; whatever was set elsewhere says where in brackets."""
    menu = await talk.private("settings", OWNER)
    lines = str(menu["content"]).replace("\\", "").splitlines()
    return next(line for line in lines if line.startswith(f"**{name}**"))


@pytest.mark.parametrize(
    ("typed", "name", "set_to"),
    [
        ("!thinking on", "Thinking", "Some"),
        ("!thinking off", "Thinking", "Off"),
        ("!autorespond on", "Auto-respond", "on"),
        ("!autorespond off", "Auto-respond", "off"),
        ("!model openai/demo", "Model", "openai/demo"),
        ("!provider openai", "Model", "openai/"),
        ("!prompt tutor", "Prompt", "tutor"),
    ],
)
async def test_text_commands_that_change_something_do_it_for_those_who_may(
    talk: Talk, sandbox: SandboxClient, typed: str, name: str, set_to: str
) -> None:
    await sandbox.say(MEMBER, talk.channel, typed)
    await reply_of_bot(talk, talk.channel, "You may not change this")
    assert (await shown_as(talk, name)).endswith("(default)")
    await sandbox.say(OWNER, talk.channel, typed)
    await reply_of_bot(talk, talk.channel, f"Set: {name}")
    await reply_of_bot(talk, talk.channel, "gh1.")
    shown = await shown_as(talk, name)
    assert shown.startswith(f"**{name}**: {set_to}")
    assert not shown.endswith(")")


async def test_history_and_clear_are_of_the_thread_they_are_typed_in(talk: Talk, sandbox: SandboxClient) -> None:
    answered = await talk.ask("What is a capstan?", CRAFTER)
    await sandbox.say(CRAFTER, answered.thread, "!history")
    assert "capstan" in str((await reply_of_bot(talk, answered.thread, "has 1 questions"))["content"])
    await sandbox.say(MEMBER, answered.thread, "!clear")
    await reply_of_bot(talk, answered.thread, "Only those who took part")
    await sandbox.say(CRAFTER, answered.thread, "!clear")
    await reply_of_bot(talk, answered.thread, "Forgotten: 1")


async def test_pictures_and_plans_that_are_typed_take_a_press_and_the_right_to_it(
    talk: Talk, sandbox: SandboxClient
) -> None:
    await sandbox.say(MEMBER, talk.channel, "!image a pier at dawn")
    offer = await reply_of_bot(talk, talk.channel, "a pier at dawn")
    await talk.press(offer, button(offer, "image.typed"), MEMBER)
    found = await sandbox.wait("message", as_=MEMBER, channel=talk.channel, contains="> a pier at dawn")
    assert [file["filename"] for file in found["messages"][0]["attachments"]] == ["image.png"]
    menu = await talk.private("settings", OWNER)
    await talk.press(menu, button(menu, "settings.show:channel:1"), OWNER)
    menu = await talk.changed(menu, component="settings.choose:channel:1:gateway.images")
    await talk.press(menu, "settings.choose:channel:1:gateway.images", OWNER, ["never"])
    await talk.changed(menu, contains="Never")
    refused = await talk.press(offer, button(offer, "image.typed"), MEMBER)
    assert "turned off" in (await talk.said(refused, MEMBER))["content"]


async def test_ask_as_a_text_command(talk: Talk, sandbox: SandboxClient) -> None:
    said = await sandbox.say(MEMBER, talk.channel, "!ask what is a harbour?")
    assert (await talk.answers(await talk.thread(said["id"])))[0]["content"]


async def test_direct_messages_are_one_conversation(sandbox: SandboxClient, talk: Talk) -> None:
    channel = await sandbox.rest(MEMBER, "POST", "/users/@me/channels", {"recipient_id": await bot(sandbox)})
    await sandbox.say(MEMBER, channel["id"], "Remember the word lighthouse.")
    found = await sandbox.wait("message", as_=MEMBER, channel=channel["id"], component="reply.regenerate")
    assert found["messages"]
    await sandbox.say(MEMBER, channel["id"], "Which word did I ask you to remember?")
    found = await sandbox.wait("message", as_=MEMBER, channel=channel["id"], component="reply.regenerate", count=2)
    assert "lighthouse" in found["messages"][1]["content"].lower()


async def test_a_gateway_that_restarts_misses_nothing_and_answers_nothing_twice(
    talk: Talk, sandbox: SandboxClient, platform: RunningPlatform
) -> None:
    answered = await talk.ask("Remember the word lighthouse.")
    for number in range(1, 4):
        restarting = asyncio.create_task(platform.restart("gateway"))
        await sandbox.say(MEMBER, answered.thread, f"Message {number}: which word did I ask you to remember?")
        await restarting
        answers = await talk.answers(answered.thread, number + 1, timeout=60)
        assert "lighthouse" in answers[number]["content"].lower()
    await platform.kill("gateway")
    await sandbox.say(MEMBER, answered.thread, "And once more: which word?")
    assert len(await talk.answers(answered.thread, 5, timeout=60)) == 5
    await platform.all_ready()
    sessions = await sandbox.call("GET", "/control/sessions")
    assert len(sessions) == 1, sessions
