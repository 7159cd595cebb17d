"""What people type by mistake, or on purpose, gets a clear answer; nothing is lost and nothing breaks."""

import json

import pytest

from sandbox.control.client import SandboxClient
from tests.e2e.asking import Guild
from tests.support.platform import RunningPlatform
from tests.support.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")


def tracebacks(platform: RunningPlatform) -> list[str]:
    """Exceptions in the services' logs."""
    return [
        f"{log.name}: {line[:2000]}"
        for log in platform.folder.logs.glob("*.log")
        for line in log.read_text().splitlines()
        if "Traceback (most recent call last)" in line
    ]


async def test_a_prompt_of_6000_characters_is_answered(guild: Guild) -> None:
    asked = await guild.ask("word " * 1200)
    thread = await guild.thread_of(asked)
    assert (await guild.answers_in(thread["id"]))[0]["content"].strip()


@pytest.mark.parametrize(
    "prompt",
    [
        "🦊🔥👩‍👩‍👧‍👦 what is this?",
        "bell\x07 null-ish\x01 and \u202eright to left\u202c",
        "<|endoftext|>",
        "@everyone <@&1> `x`",
    ],
)
async def test_strange_texts_are_answered_and_ping_nobody(guild: Guild, prompt: str) -> None:
    asked = await guild.ask(prompt)
    thread = await guild.thread_of(asked)
    answers = await guild.answers_in(thread["id"])
    assert answers[0]["content"].strip()
    for message in await guild.said_in(thread["id"]):
        assert not message["mention_everyone"]
        assert not message["mention_roles"]


@pytest.mark.parametrize("prompt", [" ", "\u200b", "\n\n"])
async def test_an_empty_prompt_is_refused_in_a_sentence(guild: Guild, prompt: str) -> None:
    text = await guild.refusal(prompt)
    assert len(text) > 15
    assert "Traceback" not in text


async def test_a_model_that_does_not_exist_is_refused_with_those_that_do(guild: Guild) -> None:
    text = await guild.refusal("Hello", model="no/such-model")
    assert "no/such" in text
    assert "openai/" in text


async def test_a_message_with_only_an_attachment_is_answered(guild: Guild, sandbox: SandboxClient) -> None:
    thread = await guild.thread_of(await guild.ask("I will send you a file."))
    await guild.answers_in(thread["id"])
    await sandbox.upload(guild.me, thread["id"], "notes.txt", b"The sea is calm today.", "text/plain")
    bot = await guild.bot_id()

    async def answered() -> bool:
        after = (await guild.said_in(thread["id"]))[-1]
        return after["author"]["id"] == bot and len(after["content"]) > 20

    await eventually(answered, timeout=30, interval=0.2)


async def test_a_thread_deleted_while_the_answer_streams_ends_the_job_with_a_notice(
    guild: Guild, sandbox: SandboxClient, platform: RunningPlatform
) -> None:
    await sandbox.model_rule(contains="slowly", tokens=200, tokens_per_second=20)
    asked = await guild.ask("Answer slowly, please.")
    thread = await guild.thread_of(asked)
    await guild.begun_in(thread["id"])
    await sandbox.rest("owner", "DELETE", f"/channels/{thread['id']}")

    bot = await guild.bot_id()

    async def noticed() -> bool:
        since = [message for message in await guild.said_in(thread["parent_id"]) if message["id"] >= asked.message]
        return any("thread" in message["content"].lower() for message in since if message["author"]["id"] == bot)

    await eventually(noticed, timeout=30, interval=0.2)
    after = await guild.ask("Still there?")
    assert (await guild.answers_in((await guild.thread_of(after))["id"]))[0]["content"].strip()


async def test_nothing_of_this_left_a_traceback(guild: Guild, platform: RunningPlatform) -> None:
    assert not tracebacks(platform)
    for log in platform.folder.logs.glob("*.log"):
        errors = [line for line in log.read_text().splitlines() if line.startswith("{") and _is_error(line)]
        assert not errors, f"{log.name}: {errors[:3]}"


def _is_error(line: str) -> bool:
    return json.loads(line).get("level") in ("error", "critical")
