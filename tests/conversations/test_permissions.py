"""Who may do what to whose: conversations, limits, prompts and answers of others, and channels that are closed."""

import pytest

from sandbox.control.client import SandboxClient
from tests.conversations.setting import choose
from tests.conversations.talking import CRAFTER, MEMBER, OWNER, Answered, Talk, button, buttons, page_button

pytestmark = pytest.mark.asyncio(loop_scope="session")

_NOT_YOURS = "Only the person who asked"
_NO_PART = "Only those who took part"


async def pressed(talk: Talk, answered: Answered, custom_id: str, person: str) -> str:
    """What somebody is told who presses a button under an answer."""
    used = await talk.press(answered.message, custom_id, person)
    return str((await talk.said(used, person, channel=answered.thread))["content"])


async def test_the_buttons_under_an_answer_are_its_askers(talk: Talk, sandbox: SandboxClient) -> None:
    answered = await talk.ask("What is a bollard?")
    await talk.press(answered.message, answered.button("reply.regenerate"))
    again = await talk.changed(answered.message, component="reply.page")
    answered = Answered(answered.interaction, answered.thread, again)
    for action in ("reply.regenerate", "reply.continue", "reply.clear", "reply.settings"):
        assert _NOT_YOURS in await pressed(talk, answered, answered.button(action), CRAFTER), action
    assert _NOT_YOURS in await pressed(talk, answered, page_button(again, "back"), CRAFTER)
    # Copying is for everybody, and so is going on from an answer in a thread of one's own.
    assert _NOT_YOURS not in await pressed(talk, answered, answered.button("reply.copy"), CRAFTER)


async def test_failures_and_changed_questions_are_their_askers_too(talk: Talk, sandbox: SandboxClient) -> None:
    answered = await talk.ask("Let us talk.")
    asked = await sandbox.say(MEMBER, answered.thread, "What is a cleat?")
    await talk.answers(answered.thread, 2)
    path = f"/channels/{answered.thread}/messages/{asked['id']}"
    await sandbox.rest(MEMBER, "PATCH", path, {"content": "What is a bitt?"})
    offer = await sandbox.wait_message(as_=OWNER, channel=answered.thread, component="reply.again")
    used = await talk.press(offer, button(offer, "reply.again"), CRAFTER)
    assert _NOT_YOURS in (await talk.said(used, CRAFTER, channel=answered.thread))["content"]
    await sandbox.model_rule(contains="Fail now", fault={"kind": "unauthorized"})
    await sandbox.say(MEMBER, answered.thread, "Fail now, please.")
    failed = await sandbox.wait_message(as_=OWNER, channel=answered.thread, component="reply.retry", timeout=40)
    used = await talk.press(failed, button(failed, "reply.retry"), CRAFTER)
    assert _NOT_YOURS in (await talk.said(used, CRAFTER, channel=answered.thread))["content"]


async def test_conversations_are_for_those_who_took_part(talk: Talk, sandbox: SandboxClient) -> None:
    answered = await talk.ask("Tell me about trebuchets", CRAFTER)
    given = {"conversation": "trebuchet"}
    offered = await sandbox.autocomplete(CRAFTER, talk.channel, "conversation export", given, "conversation")
    conversation = offered[0]["value"]
    assert not await sandbox.autocomplete(MEMBER, talk.channel, "conversation export", given, "conversation")
    for command in ("conversation export", "conversation fork", "conversation clear"):
        assert _NO_PART in (await talk.private(command, MEMBER, conversation=conversation))["content"], command
    assert "trebuchets" not in (await talk.private("conversation search", MEMBER, words="trebuchets"))["content"]
    stopped = await talk.private("conversation stop", MEMBER, conversation=conversation)
    assert _NO_PART in stopped["content"]
    said = await sandbox.say(MEMBER, answered.thread, "!history")
    refused = await sandbox.wait_message(as_=MEMBER, channel=answered.thread, after=said["id"])
    assert _NO_PART in refused["content"]
    for kind, file in (("markdown", ".md"), ("json", ".json")):
        exported = await talk.private("conversation export", CRAFTER, conversation=conversation, format=kind)
        assert exported["attachments"][0]["filename"].endswith(file)


async def test_limits_and_prompts_of_others_are_the_admins(talk: Talk, sandbox: SandboxClient) -> None:
    assert "roles do not include" in (await talk.private("limits show", MEMBER, person=CRAFTER))["content"]
    assert "left" in (await talk.private("limits show", OWNER, person=CRAFTER))["content"]
    opened = await talk.use("prompts add", OWNER, name="bard")
    entered = {"name": "bard", "label": "Bard", "description": "", "text": "Speak in verse."}
    await sandbox.submit(OWNER, opened["id"], entered)
    for command in ("prompts edit", "prompts remove"):
        assert "roles do not include" in (await talk.private(command, MEMBER, name="bard"))["content"]
    opened = await talk.use("prompts edit", OWNER, name="bard")
    kept = await sandbox.submit(OWNER, opened["id"], entered | {"text": "Speak in rhyme."})
    assert "bard" in (await talk.said(kept, OWNER))["content"]
    opened = await talk.use("prompts edit", OWNER, name="bard")
    assert opened["modal"]["components"][3]["component"]["value"] == "Speak in rhyme."
    await talk.private("prompts remove", OWNER, name="bard")
    assert "no such prompt" in (await talk.private("prompts edit", OWNER, name="bard"))["content"]


async def test_where_the_bot_is_kept_to_other_channels_it_answers_nobody(talk: Talk, sandbox: SandboxClient) -> None:
    other = await sandbox.rest(OWNER, "POST", f"/guilds/{talk.guild}/channels", {"name": "bots-only", "type": 0})
    item = "settings.choose:guild:2:gateway.allowed_channels"
    menu = await talk.private("settings", OWNER)
    await talk.press(menu, button(menu, "settings.show:guild"), OWNER)
    menu = await talk.changed(menu, component="settings.show:guild:2")
    await talk.press(menu, button(menu, "settings.show:guild:2"), OWNER)
    menu = await talk.changed(menu, component=item)
    await talk.press(menu, item, OWNER, [other["id"]])
    await talk.changed(menu, contains=other["id"])
    try:
        assert "keep it to other channels" in (await talk.private("ask", MEMBER, prompt="Here?"))["content"]
        there = Talk(sandbox, talk.guild, str(other["id"]))
        assert (await there.ask("And here?")).message["content"]
    finally:
        await talk.press(menu, item, OWNER, [])
        await talk.changed(menu, contains="Allowed channels")
    assert (await talk.ask("Here again?")).message["content"]


async def test_pictures_are_refused_where_they_are_turned_off(talk: Talk) -> None:
    await choose(talk, "gateway.images", "never")
    assert "turned off" in (await talk.private("image", MEMBER, prompt="A pier"))["content"]


async def test_music_by_artist_and_genre_disliked_and_more_of_it(talk: Talk) -> None:
    for command, words in (("recommend artist", "Nina Simone"), ("recommend genre", "ambient")):
        music = await talk.said(await talk.use(command, CRAFTER, words=words), CRAFTER)
        assert "music.feedback" in buttons(music)
    disliked = await talk.press(music, button(music, "music.feedback:dislike"), CRAFTER)
    assert (await talk.said(disliked, CRAFTER))["content"]
    more = await talk.press(music, button(music, "music.feedback:more"), CRAFTER)
    assert "music.feedback" in buttons(await talk.said(more, CRAFTER))
