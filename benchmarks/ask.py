"""Questions asked through the whole platform: how soon they are acknowledged and answered, and what they cost.

Six questions a second for a minute, spread over twenty channels, through the sandbox, with a model that answers 20
tokens at 40 a second. Every time is taken by the sandbox: an acknowledgement from the dispatch of the interaction to
its callback, an answer from there to the last edit. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from sandbox.control.client import Refused, SandboxClient
from tests.support.platform import RunningPlatform
from views.custom_id import encode
from views.reply_controls import REGENERATE

CHANNELS = 20
TOKENS = 20
TOKENS_PER_SECOND = 40
# Enough that nobody comes near the limit for one person.
PEOPLE = 120


@dataclass(frozen=True)
class Outcome:
    """What became of one question; times in milliseconds."""

    ack_ms: float | None
    answer_ms: float | None
    answers: int


async def main() -> None:
    """Run it and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=6, help="questions a second")
    parser.add_argument("--seconds", type=float, default=60)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        async with (
            RunningPlatform(Path(folder)) as platform,
            SandboxClient(platform.page, platform.control_token) as sandbox,
        ):
            print(json.dumps(await measure(platform, sandbox, arguments.rate, arguments.seconds)))


async def measure(platform: RunningPlatform, sandbox: SandboxClient, rate: float, seconds: float) -> dict[str, Any]:
    """Ask, wait, and gather the figures."""
    channels, people = await prepare(sandbox)
    await sandbox.model_rule(tokens=TOKENS, tokens_per_second=TOKENS_PER_SECOND)
    await ask(sandbox, channels[0], people[0], "Is everything warm?")  # imports and connections are not the subject
    await answered(sandbox)
    await sandbox.call("POST", "/control/counters/reset")

    cpu_before = await cpu_seconds(platform)
    started = time.monotonic()
    questions = []
    for number in range(int(rate * seconds)):
        await asyncio.sleep(max(0.0, started + number / rate - time.monotonic()))
        person, channel = people[number % len(people)], channels[number % len(channels)]
        questions.append(asyncio.create_task(ask(sandbox, channel, person, f"Question number {number}, please?")))
    asked = await asyncio.gather(*questions)
    pss = pss_mb(await platform.pids())
    await answered(sandbox)
    cpu_after = await cpu_seconds(platform)

    outcomes = [await outcome(sandbox, interaction) for interaction in asked]
    counters = await sandbox.counters()
    acks = [each.ack_ms for each in outcomes if each.ack_ms is not None]
    answers = [each.answer_ms for each in outcomes if each.answer_ms is not None]
    return {
        "questions": len(asked),
        "ack_p50_ms": percentile(acks, 50),
        "ack_p99_ms": percentile(acks, 99),
        "answer_p50_ms": percentile(answers, 50),
        "answer_p99_ms": percentile(answers, 99),
        "lost": sum(each.answers == 0 or each.ack_ms is None for each in outcomes),
        "duplicates": sum(max(0, each.answers - 1) for each in outcomes) + len(counters["duplicates"]),
        "http_429": counters["http_429"],
        "pss_mb": pss,
        "cpu_s_per_question": {
            name: round((cpu_after[name] - cpu_before[name]) / len(asked), 4) for name in sorted(cpu_before)
        },
    }


async def prepare(sandbox: SandboxClient) -> tuple[list[str], list[str]]:
    """Channels and people enough that no limit for one of them is what is measured."""
    guild = (await sandbox.call("GET", "/control/as/owner/guilds"))[0]
    channels = []
    for number in range(CHANNELS):
        body = {"name": f"bench-{number}", "type": 0}
        channels.append((await sandbox.rest("owner", "POST", f"/guilds/{guild['id']}/channels", body))["id"])
    people = []
    for number in range(PEOPLE):
        person = {"username": f"bench{number}", "guilds": [{"id": guild["id"]}]}
        people.append((await sandbox.call("POST", "/control/people", person))["id"])
    return channels, people


async def ask(sandbox: SandboxClient, channel: str, person: str, prompt: str) -> dict[str, Any]:
    """One question; gives the interaction once it was acknowledged or has failed."""
    answer: dict[str, Any] = await sandbox.command(person, channel, "ask", {"prompt": prompt})
    return answer


async def answered(sandbox: SandboxClient, patience: float = 60) -> None:
    """Return when no message was sent or edited for two seconds; what is not answered by then is lost."""
    deadline = time.monotonic() + patience
    last, since = -1, time.monotonic()
    while time.monotonic() < deadline and time.monotonic() - since < 2:
        counters = await sandbox.counters()
        now = counters["messages_sent"] + counters["messages_edited"]
        if now != last:
            last, since = now, time.monotonic()
        await asyncio.sleep(0.2)


async def outcome(sandbox: SandboxClient, interaction: dict[str, Any]) -> Outcome:
    """Read from the sandbox's own record what one question got."""
    if interaction["state"] != "acknowledged":
        return Outcome(None, None, 0)
    record = await sandbox.call("GET", f"/control/as/{interaction['user_id']}/interactions/{interaction['id']}")
    messages = await _messages(sandbox, interaction)
    done = [message for message in messages if encode(REGENERATE) in json.dumps(message.get("components", []))]
    if not done:
        return Outcome(record["ack_ms"], None, 0)
    history = await sandbox.call("GET", f"/control/messages/{done[0]['id']}/history")
    finished = history["edits"][-1]["at"] if history["edits"] else history["sent_at"]
    return Outcome(record["ack_ms"], (finished - record["created_at"]) * 1000, len(done))


async def _messages(sandbox: SandboxClient, interaction: dict[str, Any]) -> list[dict[str, Any]]:
    """What stands in the thread that was opened from a response (it has the response's id), or the response alone:
    where a server has no room for one more active thread, the answer is given in its channel."""
    response = interaction["message_id"]
    try:
        found: list[dict[str, Any]] = await sandbox.rest("owner", "GET", f"/channels/{response}/messages", limit=50)
    except Refused:
        found = [await sandbox.rest("owner", "GET", f"/channels/{interaction['channel_id']}/messages/{response}")]
    return found


async def cpu_seconds(platform: RunningPlatform) -> dict[str, float]:
    """Processor seconds that each process has used."""
    used = {}
    for name, pid in (await platform.pids()).items():
        times = psutil.Process(pid).cpu_times()
        used[name] = times.user + times.system
    return used


def pss_mb(pids: dict[str, int]) -> float:
    """Memory of the platform with Redis, the sandbox apart: proportional set size, in MB."""
    return round(
        sum(psutil.Process(pid).memory_full_info().pss for name, pid in pids.items() if name != "sandbox") / 1e6
    )


def percentile(values: list[float], percent: int) -> float | None:
    """The value below which that share of the values lies."""
    if len(values) < 2:
        return round(values[0], 1) if values else None
    return round(statistics.quantiles(values, n=100, method="inclusive")[percent - 1], 1)


if __name__ == "__main__":
    asyncio.run(main())
