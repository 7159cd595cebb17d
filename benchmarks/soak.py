"""`make soak`: the platform under tight memory and processor for a while: memory stays flat, nothing is lost.

Every process is held to one core (`--cores`), and each service to an address space that leaves little beside what it
needs at rest (`--headroom`). Questions go on at a steady pace the whole time. At the end it says how resident memory of
each process grew between the first and the last third, what was lost, and what was done twice; it fails where memory
grew by more than a tenth (and eight megabytes), or where anything was lost or done twice. The last line is JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import psutil

from benchmarks.ask import answered, ask, outcome, prepare
from sandbox.control.client import Refused, SandboxClient
from tests.support.platform import RunningPlatform

RATE = 2.0
LOOK_SECONDS = 5.0
GROWTH_SHARE, GROWTH_BYTES = 1.10, 8 << 20
TOKENS, TOKENS_PER_SECOND = 20, 40
ENVIRONMENT = {"GUILDHALL_GATEWAY__ASK_LIMITS": "[]", "GUILDHALL_LLM__LIMITS__ENABLED": "false"}
MEGABYTE = 1 << 20


async def main() -> int:
    """Runs it; gives the exit code."""
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--rate", type=float, default=RATE, help="questions a second")
    parser.add_argument("--cores", type=int, default=1, help="cores that all processes share")
    parser.add_argument("--headroom", type=int, default=256, help="megabytes beyond what a service maps at rest")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="guildhall-soak-") as folder:
        async with (
            RunningPlatform(Path(folder), ENVIRONMENT) as platform,
            SandboxClient(platform.page, platform.control_token) as sandbox,
        ):
            figures = await soak(platform, sandbox, arguments)
    sys.stdout.write(json.dumps(figures) + "\n")
    return 0 if figures["well"] else 1


async def soak(platform: RunningPlatform, sandbox: SandboxClient, arguments: argparse.Namespace) -> dict[str, object]:
    """Asks and looks until the time is up."""
    channels, people = await prepare(sandbox)
    await sandbox.model_rule(tokens=TOKENS, tokens_per_second=TOKENS_PER_SECOND)
    for number in range(10):
        await ask(sandbox, channels[number], people[number], "Is everything warm?")
    await answered(sandbox)
    await sandbox.reset_counters()
    pids = {name: pid for name, pid in (await platform.pids()).items() if name != "supervisor"}
    tighten(pids, arguments.cores, arguments.headroom * MEGABYTE)
    memory: dict[str, list[int]] = {name: [] for name in pids}
    lost = duplicates = refused = asked = 0
    ends = time.monotonic() + arguments.minutes * 60
    while time.monotonic() < ends:
        asking = []
        for _ in range(max(1, round(LOOK_SECONDS * arguments.rate))):
            person, channel = people[asked % len(people)], channels[asked % len(channels)]
            asking.append(asyncio.create_task(ask(sandbox, channel, person, f"Question {asked}, please?")))
            asked += 1
            await asyncio.sleep(1 / arguments.rate)
        used = await asyncio.gather(*asking)
        taken = [each for each in used if each["state"] == "acknowledged" and not each["ephemeral"]]
        refused += len(used) - len(taken)
        for name, pid in pids.items():
            memory[name].append(psutil.Process(pid).memory_info().rss)
        for each in taken:
            answers = await _settled(sandbox, each)
            lost += answers == 0
            duplicates += max(0, answers - 1)
    duplicates += len((await sandbox.counters())["duplicates"])
    restarted = {name for name, pid in (await platform.pids()).items() if pids.get(name, pid) != pid}
    grown = {name: growth(seen) for name, seen in memory.items() if name != "sandbox"}
    flat = all(last <= first * GROWTH_SHARE + GROWTH_BYTES for first, last in grown.values())
    return {
        "minutes": arguments.minutes,
        "asked": asked,
        "refused": refused,
        "lost": lost,
        "duplicates": duplicates,
        "restarted": sorted(restarted),
        "resident_mb": {name: [first >> 20, last >> 20] for name, (first, last) in sorted(grown.items())},
        "well": flat and not lost and not duplicates and not restarted,
    }


def tighten(pids: dict[str, int], cores: int, headroom: int) -> None:
    """Holds every process to the first cores, and services to little more than what they map now."""
    allowed = sorted(os.sched_getaffinity(0))[:cores]
    for name, pid in pids.items():
        process = psutil.Process(pid)
        process.cpu_affinity(allowed)
        if name not in ("sandbox", "redis-durable", "redis-limits"):
            bound = process.memory_info().vms + headroom
            resource.prlimit(pid, resource.RLIMIT_AS, (bound, bound))


def growth(seen: list[int]) -> tuple[int, int]:
    """The median of the first and of the last third. The first look is after the warming up."""
    third = max(1, len(seen) // 3)
    return int(median(seen[:third])), int(median(seen[-third:]))


async def _settled(sandbox: SandboxClient, asked: dict[str, Any]) -> int:
    """How many answers a question has, once it has one or a minute is over."""
    deadline = time.monotonic() + 60
    while True:
        try:
            found = (await outcome(sandbox, asked)).answers
        except Refused:
            found = 0  # The thread is not opened yet.
        if found or time.monotonic() > deadline:
            return found
        await asyncio.sleep(0.25)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
