"""`kill -9` of any service while an answer streams: the answer completes, exactly once."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from sandbox.control.client import SandboxClient
from tests.e2e.asking import Guild
from tests.support.platform import RunningPlatform

pytestmark = pytest.mark.asyncio(loop_scope="module")

SERVICES = ("gateway", "executor", "llm", "ratelimit", "board")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def own_platform(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningPlatform]:
    """A platform whose processes may be killed."""
    async with RunningPlatform(tmp_path_factory.mktemp("killed")) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def sandbox(own_platform: RunningPlatform) -> AsyncIterator[SandboxClient]:
    async with SandboxClient(own_platform.page, own_platform.control_token) as client:
        yield client


@pytest.mark.parametrize("victim", [*SERVICES, "redis-durable", "redis-limits"])
async def test_an_answer_completes_exactly_once(
    own_platform: RunningPlatform, sandbox: SandboxClient, victim: str
) -> None:
    guild = await Guild.joined(sandbox)
    await own_platform.all_ready()
    await sandbox.call("POST", "/control/counters/reset")
    await sandbox.model_rule(contains=f"while {victim}", tokens=120, tokens_per_second=30)
    asked = await guild.ask(f"Count while {victim} is killed.")
    thread = await guild.thread_of(asked)
    await guild.begun_in(thread["id"])

    await own_platform.kill(victim)

    answers = await guild.answers_in(thread["id"], timeout=60)
    assert len(answers) == 1
    by_bot = [m for m in await guild.said_in(thread["id"]) if m["author"]["id"] == await guild.bot_id()]
    assert len(by_bot) == 1, [message["content"][:60] for message in by_bot]
    counters = await sandbox.counters()
    assert counters["duplicates"] == []
    await own_platform.all_ready()

    # And whoever was killed does its work again.
    after = await guild.ask(f"Are you back, {victim}?")
    assert (await guild.answers_in((await guild.thread_of(after))["id"], timeout=60))[0]["content"].strip()


async def test_a_message_sent_while_gateway_is_away_is_answered(
    own_platform: RunningPlatform, sandbox: SandboxClient
) -> None:
    guild = await Guild.joined(sandbox)
    await own_platform.all_ready()
    thread = await guild.thread_of(await guild.ask("Remember the word tangerine."))
    await guild.answers_in(thread["id"])
    await own_platform.kill("gateway")
    await sandbox.say(guild.me, thread["id"], "Which word did I ask you to remember?")
    answers = await guild.answers_in(thread["id"], count=2, timeout=60)
    assert "tangerine" in answers[1]["content"].lower()


async def test_nothing_is_left_when_it_stops(tmp_path: Path) -> None:
    platform = RunningPlatform(tmp_path / "run")
    await platform.start()
    pids = await platform.pids()
    assert platform.seconds_to_ready > 0
    seconds = await platform.stop()
    assert platform.exit_code == 0
    assert seconds < 10
    await asyncio.sleep(0)
    assert not [name for name, pid in pids.items() if Path(f"/proc/{pid}").exists()]
