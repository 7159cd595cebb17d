"""Sessions under trouble: two gateways, settings that outlive their store, heartbeats under load."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import redis.asyncio as redis

from sandbox.control.client import SandboxClient
from tests.conversations.conftest import PATIENT
from tests.conversations.setting import switch
from tests.conversations.talking import DONE, MEMBER, OWNER, Talk, button
from tests.support import eventually
from tests.support.platform import RunningPlatform

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(loop_scope="session")
async def own_platform(tmp_path: Path) -> AsyncIterator[RunningPlatform]:
    """A platform of the test's own."""
    async with RunningPlatform(tmp_path / "run", PATIENT) as running:
        yield running


async def test_a_session_is_resumed_after_every_kind_of_trouble(talk: Talk, sandbox: SandboxClient) -> None:
    answered = await talk.ask("Remember the word lighthouse.")
    count = 1
    for action in ("reconnect", "cut"):
        await sandbox.gateway(action)
        await sandbox.say(MEMBER, answered.thread, "Which word did I ask you to remember?")
        count += 1
        assert len(await talk.answers(answered.thread, count, timeout=40)) == count
    before = {session["id"] for session in await sandbox.call("GET", "/control/sessions")}
    await sandbox.gateway("invalid_session", resumable=False)

    async def identified_anew() -> bool:
        sessions = await sandbox.call("GET", "/control/sessions")
        return any(session["connected"] and session["id"] not in before for session in sessions)

    # What happens between two sessions nobody is told; Discord repeats it to a session that is resumed.
    await eventually(identified_anew, timeout=40, interval=0.1)
    await sandbox.wait("session", count=1, timeout=40)
    await sandbox.say(MEMBER, answered.thread, "And now?")
    assert len(await talk.answers(answered.thread, count + 1, timeout=40)) == count + 1


async def test_a_repeated_event_is_answered_once(talk: Talk, sandbox: SandboxClient) -> None:
    answered = await talk.ask("What is a buoy?")
    await sandbox.gateway("repeat", count=3, event="MESSAGE_CREATE")
    await sandbox.say(MEMBER, answered.thread, "Is it red?")
    await sandbox.say(MEMBER, answered.thread, "Is it green?")
    await talk.answers(answered.thread, 3)
    by_bot = [
        m
        for m in await sandbox.messages(OWNER, answered.thread, limit=50)
        if m["author"].get("bot") and m["components"]
    ]
    assert len(by_bot) == 3


async def test_settings_come_back_from_their_announcement(
    own_platform: RunningPlatform,
) -> None:
    async with SandboxClient(own_platform.page, own_platform.control_token) as sandbox:
        guilds = await sandbox.call("GET", "/control/as/owner/guilds")
        guild = next(each for each in guilds if any(channel["name"] == "general" for channel in each["channels"]))
        channel = next(each["id"] for each in guild["channels"] if each["name"] == "general")
        talk = Talk(sandbox, guild["id"], channel)
        menu = await talk.private("settings", OWNER)
        await talk.press(menu, button(menu, "settings.toggle:channel:0:executor.footer"), OWNER)
        await sandbox.wait("message", as_=OWNER, channel=channel, contains="gh1.")
        forged = (await sandbox.messages(OWNER, channel))[0]["content"]
        await sandbox.say(MEMBER, channel, forged.replace("gh1.", "gh1.A"))
        async with redis.Redis(unix_socket_path=str(own_platform.folder.sockets / "durable.sock")) as store:
            await store.flushall()
        for service in ("gateway", "executor", "llm"):
            await own_platform.restart(service)
        await own_platform.all_ready()
        first = await talk.ask("Hello there")
        assert "tokens" not in first.message["content"], "the footer was turned off and has to stay so"


async def test_the_heartbeat_is_not_late_while_fifty_answers_stream(talk: Talk, sandbox: SandboxClient) -> None:
    await sandbox.model_rule(contains="stream this", tokens=120, tokens_per_second=40)
    # Discord ends a session whose heartbeat is half an interval late: here, one second.
    usual = (await sandbox.call("GET", "/control/settings"))["heartbeat_ms"]
    await sandbox.settings(heartbeat_ms=2000)
    await sandbox.gateway("cut")
    await sandbox.wait("session", count=1, timeout=40)
    before = await sandbox.call("GET", "/control/counters")
    asked = await asyncio.gather(*(talk.use("ask", prompt=f"Please stream this, number {n}") for n in range(50)))
    assert all(used["ack_ms"] < 3000 for used in asked)
    threads = await asyncio.gather(*(talk.thread(used["message_id"]) for used in asked))
    await asyncio.gather(*(talk.answers(thread, timeout=100) for thread in threads))
    status = (await talk.private("status", OWNER))["content"]
    line = next(line for line in status.splitlines() if line.startswith("gateway"))
    assert int(line.partition("loop lag ")[2].partition(" ms")[0]) < 1000, line
    after = await sandbox.call("GET", "/control/counters")
    for kind in ("started", "resumed"):
        assert after["gateway"][kind] == before["gateway"][kind], after["gateway"]
    await sandbox.settings(heartbeat_ms=usual)
    await sandbox.gateway("cut")
    await sandbox.wait("session", count=1, timeout=40)


@pytest.mark.parametrize(("service", "command"), [("executor", "runs"), ("llm", "models"), ("board", "board mine")])
async def test_whoever_uses_commands_while_a_service_restarts_is_answered_all_the_same(
    talk: Talk, platform: RunningPlatform, service: str, command: str
) -> None:
    used: list[dict[str, Any]] = []

    async def restarted() -> None:
        await platform.restart(service)
        await platform.all_ready()

    restarting = asyncio.create_task(restarted())
    while not restarting.done():
        used.append(await talk.use(command, OWNER))
        await asyncio.wait([restarting], timeout=0.2)
    await restarting
    assert any(each["callback_type"] == 5 for each in used), "the bot was seen to think"
    for each in used:
        assert each["ack_ms"] < 3000
        content = (await talk.said(each, OWNER))["content"]
        assert "not reachable" not in content, content
        assert "took too long" not in content, content


async def test_what_is_set_in_a_channel_holds_from_the_gateways_first_event_on(
    talk: Talk, sandbox: SandboxClient, platform: RunningPlatform
) -> None:
    await switch(talk, "gateway.auto_respond")
    await platform.kill("gateway")
    said = await sandbox.say(MEMBER, talk.channel, "Said while nobody listened: what is a pier?")
    answer = await sandbox.wait_message(as_=OWNER, channel=talk.channel, after=said["id"], component=DONE, timeout=40)
    assert answer["content"]
    await platform.all_ready()


async def test_the_gateway_may_restart_between_every_two_steps_of_a_conversation(
    talk: Talk, sandbox: SandboxClient, platform: RunningPlatform
) -> None:
    await sandbox.model_rule(contains="at leisure", tokens=100, tokens_per_second=20)
    said = 0

    async def restart_with_a_message(channel: str) -> None:
        nonlocal said
        said += 1
        restarting = asyncio.create_task(platform.restart("gateway"))
        await sandbox.say(MEMBER, channel, f"Message {said}, said while the gateway restarts.")
        await restarting
        await platform.all_ready()

    used = await talk.use("ask", prompt="Speak at leisure")
    thread = await talk.thread(used["message_id"])
    await restart_with_a_message(thread)
    growing = await sandbox.wait_message(as_=MEMBER, channel=thread, component="reply.")
    await restart_with_a_message(thread)
    answers = await talk.answers(thread, 2, timeout=60)
    await restart_with_a_message(thread)
    await talk.answers(thread, 3, timeout=60)
    copied = await talk.press(growing, button(answers[0], "reply.copy"))
    assert (await talk.said(copied, channel=thread))["content"]
    await restart_with_a_message(thread)
    await talk.answers(thread, 4, timeout=60)
    for number in range(1, said + 1):
        question = f"Message {number}, said while the gateway restarts."
        in_thread = await sandbox.messages(OWNER, thread, limit=100)
        assert sum(message["content"] == question for message in in_thread) == 1
    asked = str((await sandbox.call("GET", "/model/api/requests"))["requests"])
    assert all(f"Message {number}, said" in asked for number in range(1, said + 1))
    counters = await sandbox.counters()
    assert not [each for each in counters["duplicates"] if thread in str(each)], counters["duplicates"]
