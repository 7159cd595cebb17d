"""Each command, used as a person would, with permissions both ways, in the person's own language."""

import json
from typing import Any

import pytest

from sandbox.control.client import Refused, SandboxClient
from tests.conversations.talking import CRAFTER, MEMBER, OWNER, Talk, button, buttons, file_of

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_help_shows_what_one_may_do(talk: Talk) -> None:
    mine = (await talk.private("help"))["content"]
    assert "/ask" in mine
    assert "/reload" not in mine
    assert "/reload" in (await talk.private("help", OWNER))["content"]


async def test_models_and_prompts_are_listed_and_offered(talk: Talk, sandbox: SandboxClient) -> None:
    assert "demo" in (await talk.private("models"))["content"]
    assert "Prompts" in (await talk.private("prompts list"))["content"]
    choices = await sandbox.autocomplete(MEMBER, talk.channel, "ask", {"prompt": "x", "model": "dem"}, "model")
    assert choices
    assert all("dem" in choice["value"].lower() or "dem" in choice["name"].lower() for choice in choices)
    assert await sandbox.autocomplete(MEMBER, talk.channel, "ask", {"prompt": "x", "persona": ""}, "persona")
    assert not await sandbox.autocomplete(MEMBER, talk.channel, "ask", {"prompt": "x", "model": "zzzz"}, "model")


async def test_a_guilds_own_prompt_is_added_changed_used_and_removed(talk: Talk, sandbox: SandboxClient) -> None:
    refused = await talk.private("prompts add", MEMBER, name="pirate")
    assert "roles do not include" in refused["content"]
    opened = await talk.use("prompts add", OWNER, name="pirate")
    entered = {"name": "pirate", "label": "Pirate", "description": "Arr", "text": "Speak like a pirate."}
    kept = await sandbox.submit(OWNER, opened["id"], entered)
    assert "pirate" in (await talk.said(kept, OWNER))["content"]
    opened = await talk.use("prompts edit", OWNER, name="pirate")
    assert opened["modal"]["components"][3]["component"]["value"] == "Speak like a pirate."
    answered = await talk.ask("Hello", persona="pirate")
    assert answered.message["content"]
    assert "pirate" in (await talk.private("prompts remove", OWNER, name="pirate"))["content"]


async def test_usage_and_limits(talk: Talk) -> None:
    await talk.ask("Count this")
    mine = await talk.private("usage me", period="today")
    assert "tokens" in mine["content"]
    assert "left" in (await talk.private("limits show"))["content"]
    refused = await talk.private("usage server", MEMBER)
    assert "roles do not include" in refused["content"]
    whole = await talk.private("usage server", OWNER, period="today")
    assert [file["filename"] for file in whole["attachments"]] == ["usage.png"]
    refused = await talk.private("limits reset", MEMBER, person=MEMBER)
    assert "roles do not include" in refused["content"]
    assert "Whole again" in (await talk.private("limits reset", OWNER, person=MEMBER))["content"]


async def test_settings_are_for_those_who_manage_and_are_announced(talk: Talk, sandbox: SandboxClient) -> None:
    with pytest.raises(Refused):
        await talk.use("settings", MEMBER)
    menu = await talk.private("settings", OWNER)
    assert "Thinking" in menu["content"]
    choice = "settings.choose:channel:0:llm.thinking"
    await talk.press(menu, choice, OWNER, ["high"])
    assert "Much" in (await talk.changed(menu, contains="Much"))["content"]
    announced = await sandbox.wait("message", as_=MEMBER, channel=talk.channel, contains="gh1.")
    assert "Thinking: Much" in announced["messages"][0]["content"]
    menu = await talk.private("settings", OWNER)
    assert "**Thinking**: Much" in menu["content"]
    options = [option for row in menu["components"] for part in row["components"] for option in part.get("options", ())]
    chosen = [option["label"] for option in options if option.get("default")]
    assert "Thinking: Much" in chosen
    assert "Model: As set elsewhere" in chosen


async def test_preferences_are_ones_own(talk: Talk) -> None:
    menu = await talk.private("preferences", CRAFTER)
    await talk.press(menu, "settings.choose:me:0:llm.thinking", CRAFTER, ["low"])
    await talk.changed(menu, CRAFTER, contains="Little")
    assert "Little" not in (await talk.private("preferences", MEMBER))["content"]
    await talk.press(menu, button(menu, "settings.show:me:1"), CRAFTER)
    menu = await talk.changed(menu, CRAFTER, component="settings.choose:me:1:gateway.language")
    await talk.press(menu, "settings.choose:me:1:gateway.language", CRAFTER, ["de"])
    german = await talk.changed(menu, CRAFTER, contains="Sprache")
    assert "Deine Einstellungen" in german["content"]
    await talk.press(german, "settings.choose:me:1:gateway.language", CRAFTER, ["-"])
    await talk.changed(menu, CRAFTER, contains="Language")


async def test_a_paused_channel_answers_nobody(talk: Talk) -> None:
    menu = await talk.private("settings", OWNER)
    await talk.press(menu, button(menu, "settings.toggle:channel:0:gateway.paused"), OWNER)
    await talk.changed(menu, contains="**Pause**: on")
    refused = await talk.private("ask", MEMBER, prompt="Anybody there?")
    assert "paused" in refused["content"]


async def test_status_shows_replicas_to_those_who_run_the_platform(talk: Talk) -> None:
    mine = (await talk.private("status"))["content"]
    assert "executor" not in mine
    theirs = (await talk.private("status", OWNER))["content"]
    assert all(service in theirs for service in ("gateway", "llm", "executor", "ratelimit", "board"))


async def test_reload_reaches_every_service(talk: Talk) -> None:
    with pytest.raises(Refused):
        await talk.use("reload", MEMBER)
    said = (await talk.private("reload", OWNER))["content"]
    assert said.count("nothing changed") == 5, said


async def test_setup_names_what_is_missing_and_sets_what_is_given(talk: Talk) -> None:
    with pytest.raises(Refused):
        await talk.use("setup", MEMBER)
    said = await talk.private("setup", OWNER, log_channel=talk.channel)
    assert "permission" in said["content"]
    assert f"<#{talk.channel}>" in said["content"]


async def test_conversations_are_listed_searched_exported_and_cleared(talk: Talk, sandbox: SandboxClient) -> None:
    await talk.ask("Tell me about zeppelins", CRAFTER)
    assert "zeppelins" in (await talk.private("conversation list", CRAFTER))["content"]
    assert "zeppelins" in (await talk.private("conversation search", CRAFTER, words="zeppelins"))["content"]
    choices = await sandbox.autocomplete(
        CRAFTER, talk.channel, "conversation export", {"conversation": "zepp"}, "conversation"
    )
    chosen = choices[0]["value"]
    exported = await talk.private("conversation export", CRAFTER, conversation=chosen, format="json")
    assert exported["attachments"][0]["filename"].endswith(".json")
    refused = await talk.private("conversation clear", MEMBER, conversation=chosen)
    assert "Only those who took part" in refused["content"]
    assert "Forgotten: 1" in (await talk.private("conversation clear", CRAFTER, conversation=chosen))["content"]


async def test_ones_own_data_is_given_and_forgotten(talk: Talk, sandbox: SandboxClient) -> None:
    joined = {"username": "visitor", "guilds": [{"id": talk.guild}]}
    visitor = str((await sandbox.call("POST", "/control/people", joined))["id"])
    answered = await talk.ask("My favourite colour is teal", visitor)
    await talk.private("limits grant", OWNER, person=visitor, times=2)
    await talk.private("character add", visitor, name="Tealbeard")

    async def kept() -> dict[str, Any]:
        exported = await talk.private("data export", visitor)
        assert [file["filename"] for file in exported["attachments"]] == ["my-data.json"]
        content: dict[str, Any] = json.loads(await file_of(exported, "my-data.json"))
        return content

    before = await kept()
    assert set(before) == {"gateway", "llm", "executor", "ratelimit", "board"}
    assert before["llm"]["conversations"][0]["turns"][0]["said"] == ["My favourite colour is teal"]
    assert before["llm"]["usage"]
    assert [each["asked"] for each in before["executor"]["answers"]] == ["My favourite colour is teal"]
    assert before["gateway"]["commands_used"][0]["outcome"] == "done"
    assert {each["times"] for each in before["ratelimit"]["wider_limits"]} == {2}
    assert before["ratelimit"]["limits"]
    assert [each["name"] for each in before["board"]["board"]["characters"]] == ["Tealbeard"]

    question = await talk.private("data delete", visitor)
    await talk.press(question, button(question, "data.delete"), visitor)
    said = await talk.changed(question, visitor, contains="Forgotten: 1 questions")
    assert "how much of your limits is used" in said["content"]
    assert "no conversations" in (await talk.private("conversation list", visitor))["content"]
    after = await kept()
    assert after["llm"] == {"conversations": [], "usage": [], "music": []}
    assert after["executor"] == {"answers": [], "plans": []}
    assert not after["ratelimit"]["wider_limits"]
    assert not any(after["board"]["board"].values())
    # Only what was done since is there again.
    assert sum(each["uses"] for each in after["gateway"]["commands_used"]) <= 3
    gone = await talk.press(answered.message, button(answered.message, "reply.copy"), visitor)
    assert "too old" in (await talk.said(gone, visitor, channel=answered.thread))["content"]


async def test_others_words_are_neither_given_nor_forgotten(talk: Talk, sandbox: SandboxClient) -> None:
    joined = {"username": "guest", "guilds": [{"id": talk.guild}]}
    guest = str((await sandbox.call("POST", "/control/people", joined))["id"])
    answered = await talk.ask("Whose harbour is this?", CRAFTER)
    await sandbox.say(guest, answered.thread, "I say it is mine")
    await talk.answers(answered.thread, 2)
    exported = json.loads(await file_of(await talk.private("data export", guest), "my-data.json"))
    turns = [turn for each in exported["llm"]["conversations"] for turn in each["turns"]]
    assert [turn["said"] for turn in turns] == [["I say it is mine"]]
    assert [each["asked"] for each in exported["executor"]["answers"]] == ["I say it is mine"]
    question = await talk.private("data delete", guest)
    await talk.press(question, button(question, "data.delete"), guest)
    await talk.changed(question, guest, contains="Forgotten: 1 questions")
    assert b"Whose harbour" in await file_of(await talk.private("data export", CRAFTER), "my-data.json")


async def test_ones_words_are_kept_out_of_others_contexts(talk: Talk) -> None:
    assert "kept out" in (await talk.private("data contexts", CRAFTER, allowed=False))["content"]
    assert "again" in (await talk.private("data contexts", CRAFTER, allowed=True))["content"]


async def test_a_conversation_goes_on_from_a_chosen_question_in_a_new_thread(
    talk: Talk, sandbox: SandboxClient
) -> None:
    answered = await talk.ask("The first word is anchor", CRAFTER)
    await sandbox.say(CRAFTER, answered.thread, "The second word is barrel")
    await talk.answers(answered.thread, 2)
    given = {"conversation": "anchor"}
    offered = await sandbox.autocomplete(CRAFTER, talk.channel, "conversation fork", given, "conversation")
    conversation = offered[0]["value"]
    given = {"conversation": conversation, "turn": ""}
    turns = await sandbox.autocomplete(CRAFTER, talk.channel, "conversation fork", given, "turn")
    assert [turn["name"][:2] for turn in turns] == ["2.", "1."]
    refused = await talk.private("conversation fork", MEMBER, conversation=conversation)
    assert "Only those who took part" in refused["content"]
    unknown = await talk.private("conversation fork", CRAFTER, conversation=conversation, turn="none")
    assert "no such question" in unknown["content"]
    first = turns[-1]["value"]
    said = await talk.private("conversation fork", CRAFTER, conversation=conversation, turn=first)
    assert "new thread" in said["content"]
    opened = await sandbox.wait("message", as_=OWNER, channel=talk.channel, contains="goes on from an answer")
    thread = await talk.thread(opened["messages"][0]["id"])
    await sandbox.say(CRAFTER, thread, "Which words were named?")
    answer = (await talk.answers(thread, 1))[-1]["content"].lower()
    assert "anchor" in answer
    assert "barrel" not in answer


async def test_an_answer_is_stopped_by_command(talk: Talk, sandbox: SandboxClient) -> None:
    assert "No answer is being given" in (await talk.private("conversation stop", CRAFTER))["content"]
    await sandbox.model_rule(contains="very long story", tokens=2000, tokens_per_second=20)
    used = await talk.use("ask", CRAFTER, prompt="Tell a very long story")
    thread = await talk.thread(used["message_id"])
    await sandbox.wait("message", as_=OWNER, channel=thread, component="reply.stop")
    stopped = await talk.use("conversation stop", CRAFTER, channel=thread)
    assert "being stopped" in (await talk.said(stopped, CRAFTER, channel=thread))["content"]
    assert "(Stopped.)" in (await talk.answers(thread))[0]["content"]


async def test_recommendations_are_liked_and_listed(talk: Talk) -> None:
    used = await talk.use("recommend mood", words="a rainy evening")
    music = await talk.said(used)
    assert "music.feedback" in buttons(music)
    await talk.press(music, button(music, "music.feedback:like"))
    assert "**What you liked**" in (await talk.private("recommend liked"))["content"]
    await talk.press(music, button(music, "music.feedback:more"))


async def test_a_picture_is_made(talk: Talk, sandbox: SandboxClient) -> None:
    used = await talk.use("image", prompt="A lighthouse", style="drawing")
    found = await sandbox.wait(
        "message", as_=MEMBER, channel=talk.channel, id=used["message_id"], contains="lighthouse"
    )
    assert [file["filename"] for file in found["messages"][0]["attachments"]] == ["image.png"]


async def test_message_commands_are_answered_privately(talk: Talk, sandbox: SandboxClient) -> None:
    said = await sandbox.say(CRAFTER, talk.channel, "The lighthouse keeper was named Edda.")
    for name in ("Summarise", "Translate"):
        used = await sandbox.command(MEMBER, talk.channel, name, type=3, target_id=said["id"])
        assert used["ephemeral"]
        answer = await sandbox.wait(
            "message", as_=MEMBER, channel=talk.channel, id=used["message_id"], component="reply.copy"
        )
        assert answer["messages"][0]["content"]
    opened = await sandbox.command(MEMBER, talk.channel, "Ask about this message", type=3, target_id=said["id"])
    prefilled = opened["modal"]["components"][1]["component"]["value"]
    assert prefilled == "The lighthouse keeper was named Edda."
    asked = await sandbox.submit(MEMBER, opened["id"], {"prompt": "Who was it?", "message": prefilled})
    assert (await talk.answers(await talk.thread(asked["message_id"])))[0]["content"]


async def test_a_file_that_is_attached_is_read(talk: Talk, sandbox: SandboxClient) -> None:
    given = {"prompt": "Look at what I attached", "attachment": "colours.txt"}
    file = {"attachment": ("colours.txt", b"The only colour in here is vermilion.")}
    # The rule holds only where the file's own words reach the model.
    await sandbox.model_rule(contains="here is vermilion", text="The file has been read.")
    used = await sandbox.command(MEMBER, talk.channel, "ask", given, files=file)
    assert used["state"] == "acknowledged", used
    answer = (await talk.answers(await talk.thread(used["message_id"])))[0]
    assert "The file has been read." in answer["content"]


async def test_private_questions_are_seen_by_nobody_else(talk: Talk, sandbox: SandboxClient) -> None:
    used = await talk.use("ask", prompt="A secret question", private=True)
    assert used["ephemeral"]
    found = await sandbox.wait(
        "message", as_=MEMBER, channel=talk.channel, id=used["message_id"], component="reply.copy"
    )
    assert found["messages"][0]["content"]
    assert not [
        message for message in await sandbox.messages(CRAFTER, talk.channel) if message["id"] == used["message_id"]
    ]


async def test_what_cannot_be_asked_is_said_at_once(talk: Talk) -> None:
    assert "no question" in (await talk.private("ask", prompt="\u200b\u200b"))["content"]
    refused = await talk.private("ask", prompt="Hello", model="no/such-model")
    assert "no/such-model" in refused["content"].replace("\\", "")
    refused = await talk.private("ask", prompt="Hello", model="openai/demo-r1")
    assert "may not use this model" in refused["content"]
    refused = await talk.private("ask", prompt="Hello", persona="nobody")
    assert "no such prompt" in refused["content"]
    answered = await talk.ask("Hello", OWNER, model="openai/demo-r1")
    assert "demo-r1" in answered.message["content"]


async def test_every_request_fits_discords_description(sandbox: SandboxClient) -> None:
    counters = await sandbox.counters()
    assert counters["nonconforming"] == 0, await sandbox.requests(invalid=1)
