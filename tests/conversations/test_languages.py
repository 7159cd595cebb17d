"""Every command answers in the language of whoever uses it, whatever comes of it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import pytest

from sandbox.control.client import SandboxClient
from services.gateway.registry import Route, discover
from tests.conversations.talking import OWNER, Talk
from tests.conversations.using import use
from views.catalogue import texts

pytestmark = pytest.mark.asyncio(loop_scope="session")

LANGUAGES = ("de", "fr")
_PLACEHOLDER = re.compile(r"\\\{[^{}]*\\\}")
# Shorter pieces of a text stand in other languages' texts, in names and in what people write.
_TELLING = 12


@cache
def english(language: str) -> Mapping[str, re.Pattern[str]]:
    """The English texts that are others in a language, as what they look like once values are put in."""
    there, own = texts().table("en"), texts().table(language)
    return {
        key: re.compile(_PLACEHOLDER.sub(".{0,300}?", re.escape(text)))
        for key, text in there.items()
        if own.get(key, "") != text and len(max(re.split(r"\{[^{}]*\}|\n", text), key=len).strip()) >= _TELLING
    }


def shown(node: Any) -> Iterator[str]:
    """Everything of a message or form that people read."""
    if isinstance(node, dict):
        for name, value in node.items():
            if name in ("content", "label", "placeholder", "title", "description", "name", "text") and value:
                yield str(value)
            elif name in ("components", "component", "embeds", "fields", "footer", "options"):
                yield from shown(value)
    elif isinstance(node, list):
        for each in node:
            yield from shown(each)


def fallen_back(node: Any, language: str) -> list[str]:
    """The keys of English texts that somebody of that language was shown."""
    words = "\n".join(shown(node)).replace("\\", "")
    return [key for key, looks in english(language).items() if looks.search(words)]


async def newcomer(talk: Talk, name: str) -> str:
    """Somebody new in the guild."""
    joined = {"username": name, "guilds": [{"id": talk.guild}]}
    return str((await talk.sandbox.call("POST", "/control/people", joined))["id"])


async def choose(talk: Talk, person: str, language: str) -> None:
    """Somebody chooses in which language they are answered."""
    choice = "settings.choose:me:1:gateway.language"
    menu = await talk.private("preferences", person)
    await talk.press(menu, "settings.show:me:1", person)
    menu = await talk.changed(menu, person, component=choice)
    await talk.press(menu, choice, person, [language])
    await talk.changed(menu, person, contains=texts().text(language, "settings.title.me"))


@pytest.mark.parametrize("language", LANGUAGES)
async def test_every_command_answers_in_the_language_of_whoever_uses_it(
    talk: Talk, sandbox: SandboxClient, language: str
) -> None:
    people = {each["username"]: str(each["id"]) for each in await sandbox.call("GET", "/control/people")}
    await sandbox.call("PATCH", f"/control/people/{OWNER}", {"locale": language})
    said = await sandbox.say(OWNER, talk.channel, "The lighthouse keeper was named Edda.")
    apart = {"name": "cleaned", "type": 0}
    # What is cleaned up elsewhere takes no answer away that stands here.
    elsewhere = {"clean": (await sandbox.rest(OWNER, "POST", f"/guilds/{talk.guild}/channels", apart))["id"]}
    busy = asyncio.Semaphore(6)

    async def answered(route: Route) -> tuple[str, Any]:
        async with busy:
            channel = elsewhere.get(route.path, talk.channel)
            used = await use(sandbox, route, OWNER, channel, about=people["member"], target=said["id"])
            assert used["state"] == "acknowledged", (route.path, used)
            if used["modal"] is not None:
                return route.path, used["modal"]
            return route.path, await talk.said(used, OWNER, channel=channel)

    try:
        answers = await asyncio.gather(*(answered(route) for route in discover().routes()))
        english_ones = {path: found for path, answer in answers if (found := fallen_back(answer, language))}
        assert not english_ones
        silent = [path for path, answer in answers if not any(shown(answer))]
        assert not silent
        # What an answer brings with it: its opening, its footer, its buttons.
        asked = dict(answers)["ask"]
        thread = await talk.thread(asked["id"])
        (message,) = await talk.answers(thread)
        assert not fallen_back(message, language)
        labels = list(shown(message["components"]))
        assert texts().text(language, "reply.button.regenerate") in labels
    finally:
        await sandbox.call("PATCH", f"/control/people/{OWNER}", {"locale": "en-US"})


@pytest.mark.parametrize("language", LANGUAGES)
async def test_text_commands_answer_in_the_language_that_somebody_chose(
    talk: Talk, sandbox: SandboxClient, language: str
) -> None:
    speaker = await newcomer(talk, f"speaker-of-{language}")
    await choose(talk, speaker, language)
    typed = (
        "!help",
        "!status",
        "!provider nobody",
        "!thinking on",
        "!autorespond",
        "!image a pier",
        "!ask",
        "!clear",
    )
    for words in typed:
        said = await sandbox.say(speaker, talk.channel, words)
        (answer,) = (await sandbox.wait("message", as_=speaker, channel=talk.channel, after=said["id"]))["messages"]
        assert not fallen_back(answer, language), (words, answer["content"])


@pytest.mark.parametrize("language", LANGUAGES)
async def test_messages_are_answered_in_the_language_that_discord_last_said(
    talk: Talk, sandbox: SandboxClient, language: str
) -> None:
    writer = await newcomer(talk, f"writer-in-{language}")
    await sandbox.call("PATCH", f"/control/people/{writer}", {"locale": language})
    answered = await talk.ask("What is a pier?", writer)
    await sandbox.say(writer, answered.thread, "And a quay?")
    for message in await talk.answers(answered.thread, 2):
        assert texts().text(language, "reply.button.regenerate") in list(shown(message["components"]))
        assert not fallen_back(message, language)
    said = await sandbox.say(writer, talk.channel, "!ask")
    (notice,) = (await sandbox.wait("message", as_=writer, channel=talk.channel, after=said["id"]))["messages"]
    assert notice["content"] == texts().text(language, "error.empty_prompt")


async def test_answers_carry_the_language_that_somebody_chose(talk: Talk) -> None:
    chooser = await newcomer(talk, "chooser")
    await choose(talk, chooser, "fr")
    answered = await talk.ask("What is a pier?", chooser)
    assert texts().text("fr", "reply.button.regenerate") in list(shown(answered.message["components"]))


async def test_english_is_found_where_there_is_some() -> None:
    for language in LANGUAGES:
        assert fallen_back({"content": f"x {texts().text('en', 'error.unavailable')}"}, language)
        assert not fallen_back({"content": texts().text(language, "error.unavailable")}, language)
