"""Fifty threads that talk at once: more than Discord's fifty calls a second allow at full pace.

Fifty threads are made beforehand. Then each has five turns, one after another, whose starts are spread over five
seconds; the model streams 200 tokens at 40 a second. Intermediate edits have to give way, first and final texts never.
Every time is taken by the sandbox. A turn is a message in the thread, which nobody acknowledges, so acknowledgements
are those of a command that somebody uses four times a second meanwhile. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.ask import answered, ask, cpu_seconds, percentile, prepare
from sandbox.control.client import SandboxClient
from tests.support.platform import RunningPlatform
from views.reply_controls import REGENERATE

TOKENS, TOKENS_PER_SECOND = 200, 40
PROBE_SECONDS = 0.25
PATIENCE = 120.0
# The people ask faster than any limit of theirs allows; the limits are not what is measured.
ENVIRONMENT = {
    "GUILDHALL_GATEWAY__ASK_LIMITS": "[]",
    "GUILDHALL_TELEMETRY__METRICS_INTERVAL": "1",
    "GUILDHALL_LLM__LIMITS__ENABLED": "false",
}


@dataclass
class Turn:
    """One question in a thread, and what the sandbox knows of its answer."""

    thread: str
    number: int
    asked_at: float
    question: str
    first_ms: float | None = None
    edits: int = 0


async def main() -> None:
    """Run it and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=50)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--spread", type=float, default=5, help="seconds over which the first turns start")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        async with (
            RunningPlatform(Path(folder), ENVIRONMENT) as platform,
            SandboxClient(platform.page, platform.control_token) as sandbox,
        ):
            figures = await measure(platform, sandbox, arguments.threads, arguments.turns, arguments.spread)
            print(json.dumps(figures))


async def measure(
    platform: RunningPlatform, sandbox: SandboxClient, count: int, turns: int, spread: float
) -> dict[str, Any]:
    """Make the threads, talk in all of them, and gather the figures."""
    channels, people = await prepare(sandbox)
    await ask(sandbox, channels[0], people[0], "Is everything warm?")  # imports and connections are not the subject
    await answered(sandbox)
    threads = []
    for number in range(count):
        asked = await ask(sandbox, channels[number % len(channels)], people[number], f"Thread {number}, please.")
        found = await sandbox.wait("thread", message=asked["message_id"], timeout=PATIENCE)
        threads.append(found["thread"]["id"])
    await answered(sandbox)
    await sandbox.model_rule(tokens=TOKENS, tokens_per_second=TOKENS_PER_SECOND)
    await sandbox.reset_counters()

    lag_before = await lag_buckets(sandbox)
    cpu_before = await cpu_seconds(platform)
    stop = asyncio.Event()
    probes = asyncio.create_task(probe(sandbox, channels[0], people[-1], stop))
    started = time.monotonic()
    talks = await asyncio.gather(
        *(
            talk(sandbox, thread, people[index], turns, started + spread * index / count)
            for index, thread in enumerate(threads)
        )
    )
    stop.set()
    acks = await probes
    cpu_after = await cpu_seconds(platform)
    await asyncio.sleep(2.0)  # the last metrics are exported
    lag_after = await lag_buckets(sandbox)
    counters = await sandbox.counters()

    done = [turn for each in talks for turn in each]
    firsts = [turn.first_ms for turn in done if turn.first_ms is not None]
    total = count * turns
    return {
        "turns": total,
        "seconds": round(time.monotonic() - started, 1),
        "ack_p99_ms": percentile(acks, 99),
        "first_text_p50_ms": percentile(firsts, 50),
        "first_text_p99_ms": percentile(firsts, 99),
        "edits_per_turn_p5": percentile([float(turn.edits) for turn in done], 5),
        "edits_per_turn_p50": percentile([float(turn.edits) for turn in done], 50),
        "http_429": counters["http_429"],
        "loop_lag_p99_ms": lag_percentile(lag_before, lag_after, 0.99),
        "lost": total - len(firsts),
        "out_of_order": sum([await out_of_order(sandbox, each[0].thread, each) for each in talks]),
        "cpu_s_per_turn": {name: round((cpu_after[name] - cpu_before[name]) / total, 4) for name in sorted(cpu_before)},
    }


async def talk(sandbox: SandboxClient, thread: str, person: str, turns: int, begins: float) -> list[Turn]:
    """The turns of one thread, each said once the one before was answered; a turn that is never answered ends it."""
    await asyncio.sleep(max(0.0, begins - time.monotonic()))
    said: list[Turn] = []
    for number in range(turns):
        message = await sandbox.say(person, thread, f"Turn number {number}, please go on.")
        history = await sandbox.call("GET", f"/control/messages/{message['id']}/history")
        turn = Turn(thread, number, history["sent_at"], message["id"])
        said.append(turn)
        answer = await done_after(sandbox, thread, message["id"])
        if answer is None:
            return said
        record = await sandbox.call("GET", f"/control/messages/{answer['id']}/history")
        turn.first_ms = (record["sent_at"] - turn.asked_at) * 1000
        turn.edits = len(record["edits"])
    return said


async def done_after(sandbox: SandboxClient, thread: str, question: str) -> dict[str, Any] | None:
    """The finished answer to a question; None where there is none in time."""
    found = await sandbox.wait(
        "message", as_="owner", channel=thread, after=question, component=REGENERATE, timeout=PATIENCE
    )
    messages: list[dict[str, Any]] = found["messages"]
    return messages[0] if messages else None


async def out_of_order(sandbox: SandboxClient, thread: str, turns: list[Turn]) -> int:
    """How often question and answer do not follow one another in a thread, as everybody reads it there."""
    first = turns[0].question
    messages = await sandbox.rest("owner", "GET", f"/channels/{thread}/messages", limit=100)
    said = sorted(
        (message for message in messages if int(message["id"]) >= int(first)), key=lambda each: int(each["id"])
    )
    by_bot = [bool(message["author"].get("bot")) for message in said]
    return sum(later == earlier for earlier, later in itertools.pairwise(by_bot))


async def probe(sandbox: SandboxClient, channel: str, person: str, stop: asyncio.Event) -> list[float]:
    """How soon a command is acknowledged meanwhile, in milliseconds; one that is not counts as three seconds."""
    acks: list[float] = []
    while not stop.is_set():
        used = await sandbox.command(person, channel, "help", {})
        acks.append(used["ack_ms"] if used["state"] == "acknowledged" else 3000.0)
        await asyncio.sleep(PROBE_SECONDS)
    return acks


async def lag_buckets(sandbox: SandboxClient) -> tuple[list[float], list[int]]:
    """How often gateway's loop was how late since it started: the buckets' bounds in seconds, and their counts."""
    answer = await sandbox.call("GET", "/traces/api/metrics", service="gateway", name="loop.lag")
    for metric in answer["metrics"]:
        for point in metric["points"]:
            return list(point["bounds"]), [int(count) for count in point["counts"]]
    return [], []


def lag_percentile(
    before: tuple[list[float], list[int]], after: tuple[list[float], list[int]], share: float
) -> float | None:
    """The upper bound of the bucket that holds the percentile of what came between, in milliseconds."""
    bounds, counts = after
    earlier = before[1] or [0] * len(counts)
    came = [late - early for late, early in zip(counts, earlier, strict=True)]
    reached = 0
    for bound, count in zip([*bounds, float("inf")], came, strict=True):
        reached += count
        if sum(came) and reached >= share * sum(came):
            return round(bound * 1000, 1)
    return None


if __name__ == "__main__":
    asyncio.run(main())
