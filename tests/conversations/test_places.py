"""Where people talk that is no plain channel, and what a question is about that is no text of its own."""

import io

import pytest
from PIL import Image

from sandbox.control.client import SandboxClient
from tests.conversations.setting import choose, switch
from tests.conversations.talking import MEMBER, OWNER, Talk, button
from tests.conversations.test_messages import bot

pytestmark = pytest.mark.asyncio(loop_scope="session")


def picture(colour: str) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (64, 64), colour).save(out, "PNG")
    return out.getvalue()


async def own_thread(talk: Talk, person: str = MEMBER) -> str:
    """A thread that a person opened from a message of theirs."""
    said = await talk.sandbox.say(person, talk.channel, "let us talk aside")
    path = f"/channels/{talk.channel}/messages/{said['id']}/threads"
    return str((await talk.sandbox.rest(person, "POST", path, {"name": "aside"}))["id"])


async def test_what_is_set_for_a_channel_holds_in_the_threads_of_its_people(talk: Talk, sandbox: SandboxClient) -> None:
    thread = await own_thread(talk)
    await choose(talk, "llm.model", "openai/demo-small", page=0)
    said = await sandbox.say(MEMBER, thread, f"<@{await bot(sandbox)}> what is 6 * 7?")
    (answer,) = await talk.answers(thread)
    assert "42" in answer["content"]
    assert "demo-small" in answer["content"].splitlines()[-1]
    assert answer["message_reference"]["message_id"] == said["id"]


async def test_a_paused_channel_is_paused_in_the_threads_of_its_people_too(talk: Talk, sandbox: SandboxClient) -> None:
    thread = await own_thread(talk)
    asks = f"<@{await bot(sandbox)}> what is 6 * 7?"
    await sandbox.say(MEMBER, thread, asks)
    (answer,) = await talk.answers(thread)
    await switch(talk, "gateway.paused")
    for action in ("reply.regenerate", "reply.fork", "reply.continue"):
        refused = await talk.press(answer, button(answer, action))
        assert "is paused here" in (await talk.said(refused, channel=thread))["content"]
    refused = await talk.use("image", channel=thread, prompt="a pier")
    assert "is paused here" in (await talk.said(refused, channel=thread))["content"]
    await sandbox.say(MEMBER, thread, asks)
    await switch(talk, "gateway.paused")
    await sandbox.say(MEMBER, thread, asks)
    # In one channel messages are taken in their order: the one before was passed over.
    assert len(await talk.answers(thread, 2)) == 2


async def test_a_command_is_answered_with_its_question_where_no_thread_shows_it(
    talk: Talk, sandbox: SandboxClient
) -> None:
    forum = await sandbox.rest(OWNER, "POST", f"/guilds/{talk.guild}/channels", {"name": "posts", "type": 15})
    post = await sandbox.rest(
        MEMBER, "POST", f"/channels/{forum['id']}/threads", {"name": "help", "message": {"content": "who knows?"}}
    )
    await talk.use("ask", channel=post["id"], prompt="what is 6 * 7?")
    (answer,) = await talk.answers(post["id"])
    first, *rest = answer["content"].splitlines()
    assert first.startswith("-# **")
    assert "what is 6" in first
    assert "42" in "".join(rest)
    await talk.press(answer, button(answer, "reply.fork"))
    await sandbox.wait("message", as_=MEMBER, channel=post["id"], contains="I can't open a thread here")


async def test_who_took_no_part_reads_privately_that_they_may_not_fork(talk: Talk) -> None:
    answered = await talk.ask("What is a pier?", OWNER)
    refused = await talk.press(answered.message, answered.button("reply.fork"), MEMBER)
    said = await talk.said(refused, MEMBER, channel=answered.thread)
    assert refused["ephemeral"]
    assert "Only those who took part" in said["content"]


async def test_what_is_attached_to_the_message_that_is_asked_about_is_seen(talk: Talk, sandbox: SandboxClient) -> None:
    shown = await sandbox.upload(OWNER, talk.channel, "red.png", picture("red"), "image/png")
    asks = f"<@{await bot(sandbox)}> what do you see there?"
    said = await sandbox.say(MEMBER, talk.channel, asks, message_reference={"message_id": shown["id"]})
    assert "mostly red" in (await talk.answers(await talk.thread(said["id"])))[0]["content"]

    opened = await sandbox.command(MEMBER, talk.channel, "Ask about this message", type=3, target_id=shown["id"])
    asked = await sandbox.submit(MEMBER, opened["id"], {"prompt": "Which colour?", "message": ""})
    assert "mostly red" in (await talk.answers(await talk.thread(asked["message_id"])))[0]["content"]

    summed = await sandbox.command(MEMBER, talk.channel, "Summarise", type=3, target_id=shown["id"])
    assert "mostly red" in (await talk.said(summed, contains="mostly"))["content"]


async def test_a_mention_alone_asks_what_it_replies_to(talk: Talk, sandbox: SandboxClient) -> None:
    asked = await sandbox.say(OWNER, talk.channel, "what is 6 * 7?")
    called = await sandbox.say(
        MEMBER, talk.channel, f"<@{await bot(sandbox)}>", message_reference={"message_id": asked["id"]}
    )
    assert "42" in (await talk.answers(await talk.thread(called["id"])))[0]["content"]
