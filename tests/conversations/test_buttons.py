"""Every button under an answer does what it says, for those who may, and says why not to the others."""

import pytest

from sandbox.control.client import SandboxClient
from tests.conversations.talking import CRAFTER, DONE, MEMBER, MODERATOR, OWNER, Talk, button, buttons, page_button
from tests.support.platform import RunningPlatform

pytestmark = pytest.mark.asyncio(loop_scope="session")

_NOT_YOURS = "Only the person who asked"


async def test_an_answer_carries_its_buttons_and_its_cost(talk: Talk) -> None:
    answered = await talk.ask("What is a lighthouse?")
    assert buttons(answered.message) == [
        "reply.regenerate",
        "reply.continue",
        "reply.copy",
        "reply.fork",
        "reply.settings",
        "reply.clear",
        "reply.report",
    ]
    assert "tokens" in answered.message["content"].splitlines()[-1]


async def test_regenerate_keeps_the_earlier_version_to_page_back(talk: Talk, sandbox: SandboxClient) -> None:
    await sandbox.model_rule(contains="Name a colour", text="It is certainly the colour red.", times=1)
    await sandbox.model_rule(contains="Name a colour", text="It is certainly the colour blue.")
    answered = await talk.ask("Name a colour")
    first = "red" if "red" in answered.message["content"] else "blue"
    await talk.press(answered.message, answered.button("reply.regenerate"))
    second = await talk.changed(answered.message, component="reply.page")
    assert len(await talk.answers(answered.thread)) == 1
    await talk.press(second, page_button(second, "back"))
    assert first in (await talk.changed(answered.message, contains=first))["content"]


async def test_the_buttons_work_after_every_service_was_restarted(talk: Talk, platform: RunningPlatform) -> None:
    answered = await talk.ask("Tell me about bridges")
    for service in ("executor", "gateway", "llm"):
        await platform.restart(service)
    await platform.all_ready()
    used = await talk.press(answered.message, answered.button("reply.copy"))
    copied = await talk.said(used, channel=answered.thread)
    assert copied["content"].strip() in answered.message["content"]
    used = await talk.press(answered.message, answered.button("reply.settings"))
    assert "settings.choose" in buttons(await talk.said(used, channel=answered.thread))
    opened = await talk.press(answered.message, answered.button("reply.report"), CRAFTER)
    assert opened["modal"]
    await talk.press(answered.message, answered.button("reply.fork"))
    await talk.sandbox.wait("message", as_=MEMBER, channel=talk.channel, contains="goes on from an answer")
    await talk.press(answered.message, answered.button("reply.regenerate"))
    await talk.changed(answered.message, component="reply.page")


async def test_continue_adds_a_turn(talk: Talk) -> None:
    answered = await talk.ask("Tell a long story")
    await talk.press(answered.message, answered.button("reply.continue"))
    assert len(await talk.answers(answered.thread, 2)) == 2


async def test_stop_ends_an_answer_that_streams(talk: Talk, sandbox: SandboxClient) -> None:
    await sandbox.model_rule(contains="endlessly", tokens=2000, tokens_per_second=20)
    used = await talk.use("ask", prompt="Talk endlessly")
    thread = await talk.thread(used["message_id"])
    growing = (await sandbox.wait("message", as_=MEMBER, channel=thread, component="reply.stop"))["messages"][0]
    refused = await talk.press(growing, button(growing, "reply.stop"), CRAFTER)
    assert _NOT_YOURS in (await talk.said(refused, CRAFTER, channel=thread))["content"]
    await talk.press(growing, button(growing, "reply.stop"))
    stopped = (await talk.answers(thread, timeout=15))[0]
    assert "(Stopped.)" in stopped["content"]


async def test_copy_gives_a_long_answer_as_a_file(talk: Talk, sandbox: SandboxClient) -> None:
    await sandbox.model_rule(contains="at length", tokens=900, tokens_per_second=5000)
    used = await talk.use("ask", prompt="Explain at length")
    thread = await talk.thread(used["message_id"])
    last = (await talk.answers(thread))[-1]
    copied = await talk.said(await talk.press(last, button(last, "reply.copy"), CRAFTER), CRAFTER, channel=thread)
    assert [file["filename"] for file in copied["attachments"]] == ["answer.md"], copied


async def test_clear_forgets_the_conversation(talk: Talk) -> None:
    answered = await talk.ask("Remember the word lighthouse.")
    used = await talk.press(answered.message, answered.button("reply.clear"))
    assert "Forgotten: 1 questions" in (await talk.said(used, channel=answered.thread))["content"]


async def test_fork_opens_a_thread_that_knows_what_was_said(talk: Talk, sandbox: SandboxClient) -> None:
    answered = await talk.ask("Remember the word lighthouse.")
    await talk.press(answered.message, answered.button("reply.fork"))
    forked = await sandbox.wait("message", as_=MEMBER, channel=talk.channel, contains="goes on from an answer")
    thread = await talk.thread(forked["messages"][0]["id"])
    assert thread != answered.thread
    await sandbox.say(MEMBER, thread, "Which word did I ask you to remember?")
    assert "lighthouse" in (await talk.answers(thread))[0]["content"].lower()


async def choose_log_channel(talk: Talk, channels: list[str]) -> None:
    menu = await talk.private("settings", OWNER)
    await talk.press(menu, button(menu, "settings.show:guild"), OWNER)
    menu = await talk.changed(menu, component="settings.show:guild:2")
    await talk.press(menu, button(menu, "settings.show:guild:2"), OWNER)
    choice = "settings.choose:guild:2:executor.log_channel"
    menu = await talk.changed(menu, component=choice)
    await talk.press(menu, choice, OWNER, channels)


async def test_report_reaches_the_log_channel_with_context(talk: Talk, sandbox: SandboxClient) -> None:
    answered = await talk.ask("Say something odd")
    await choose_log_channel(talk, [])
    opened = await talk.press(answered.message, answered.button("reply.report"), CRAFTER)
    refused = await sandbox.submit(CRAFTER, opened["id"], {"reason": "It is odd"})
    assert "no log channel" in (await talk.said(refused, CRAFTER, channel=answered.thread))["content"]
    log = await sandbox.rest(OWNER, "POST", f"/guilds/{talk.guild}/channels", {"name": "bot-log", "type": 0})
    await choose_log_channel(talk, [log["id"]])
    opened = await talk.press(answered.message, answered.button("reply.report"), CRAFTER)
    await sandbox.submit(CRAFTER, opened["id"], {"reason": "It is *very* odd"})
    reported = await sandbox.wait("message", as_=OWNER, channel=log["id"], contains="reports an answer")
    assert "very" in reported["messages"][0]["content"]
    assert answered.message["id"] in reported["messages"][0]["content"]


async def test_others_may_not_regenerate_but_moderators_may(talk: Talk) -> None:
    answered = await talk.ask("What is a harbour?")
    refused = await talk.press(answered.message, answered.button("reply.regenerate"), CRAFTER)
    assert _NOT_YOURS in (await talk.said(refused, CRAFTER, channel=answered.thread))["content"]
    await talk.press(answered.message, answered.button("reply.regenerate"), MODERATOR)
    await talk.changed(answered.message, component="reply.page")


async def test_an_answer_that_failed_offers_to_try_again(talk: Talk, sandbox: SandboxClient) -> None:
    await sandbox.model_rule(contains="Fail once", fault={"kind": "unauthorized"})
    used = await talk.use("ask", prompt="Fail once, please")
    thread = await talk.thread(used["message_id"])
    failed = (await sandbox.wait("message", as_=MEMBER, channel=thread, component="reply.retry", timeout=40))[
        "messages"
    ]
    assert "Trace" in failed[0]["content"]
    await sandbox.call("DELETE", "/model/api/rules")
    await talk.press(failed[0], button(failed[0], "reply.retry"))
    assert DONE in buttons((await talk.answers(thread))[0])


async def test_settings_in_place(talk: Talk) -> None:
    answered = await talk.ask("What is a pier?")
    used = await talk.press(answered.message, answered.button("reply.settings"))
    menu = await talk.said(used, channel=answered.thread)
    assert "Model" in menu["content"]
    assert "settings.choose" in buttons(menu)
