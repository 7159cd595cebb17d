"""`make soak`: the platform under tight memory and processor for a while: memory stays flat, nothing is lost.

Every process is held to one core (`--cores`), and each service to an address space that leaves little beside what it
needs at rest (`--headroom`). Questions go on at a steady pace the whole time. At the end it says how resident memory of
each process grew between the first and the last third and by which slope, what a question cost, what was lost and what
was done twice; it fails where memory grew by more than a tenth (and eight megabytes), or where anything was lost or
done twice. The last line is JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import resource
import sys
import tempfile
import time
from pathlib import Path
from statistics import linear_regression, median
from typing import Any

import psutil

from benchmarks.ask import answered, ask, outcome, prepare
from sandbox.control.client import Refused, SandboxClient
from tests.support.platform import RunningPlatform

RATE = 2.0
LOOK_SECONDS, ANSWERED_WITHIN = 5.0, 60.0
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
    memory: dict[str, list[tuple[float, int]]] = {name: [] for name in pids}
    cpu_before = seconds_used(pids)
    load = Load(sandbox, channels, people)
    began = time.monotonic()
    async with asyncio.TaskGroup() as group:
        while time.monotonic() - began < arguments.minutes * 60:
            for _ in range(max(1, round(LOOK_SECONDS * arguments.rate))):
                group.create_task(load.one())
                await asyncio.sleep(1 / arguments.rate)
            for name, used in resident(pids).items():
                memory[name].append((time.monotonic() - began, used))
    cpu_after = seconds_used(pids)
    load.duplicates += len((await sandbox.counters())["duplicates"])
    restarted = {name for name, pid in (await platform.pids()).items() if pids.get(name, pid) != pid}
    own = {name: seen for name, seen in memory.items() if name != "sandbox" and seen}
    grown = {name: growth([used for _, used in seen]) for name, seen in own.items()}
    flat = all(last <= first * GROWTH_SHARE + GROWTH_BYTES for first, last in grown.values())
    cpu = {name: round((cpu_after[name] - cpu_before[name]) / max(1, load.asked), 4) for name in sorted(cpu_after)}
    return {
        "minutes": arguments.minutes,
        "asked": load.asked,
        "refused": load.refused,
        "lost": load.lost,
        "duplicates": load.duplicates,
        "restarted": sorted(restarted),
        "resident_mb": {name: [first >> 20, last >> 20] for name, (first, last) in sorted(grown.items())},
        "resident_mb_an_hour": {name: round(slope(seen) * 3600 / MEGABYTE, 1) for name, seen in sorted(own.items())},
        "cpu_s_per_question": cpu,
        "well": flat and not (load.lost or load.duplicates or restarted),
    }


class Load:
    """Questions, each followed to its answer while others are asked."""

    def __init__(self, sandbox: SandboxClient, channels: list[str], people: list[str]) -> None:
        self._sandbox = sandbox
        self._channels = channels
        self._people = people
        self.asked = self.refused = self.lost = self.duplicates = 0

    async def one(self) -> None:
        """Asks, and counts what became of it."""
        number, self.asked = self.asked, self.asked + 1
        person, channel = self._people[number % len(self._people)], self._channels[number % len(self._channels)]
        used = await ask(self._sandbox, channel, person, f"Question {number}, please?")
        if used["state"] != "acknowledged" or used["ephemeral"]:
            self.refused += 1
            return
        answers = await self._settled(used)
        self.lost += answers == 0
        self.duplicates += max(0, answers - 1)

    async def _settled(self, used: dict[str, Any]) -> int:
        """How many answers a question has, once it has one or a minute is over."""
        deadline = time.monotonic() + ANSWERED_WITHIN
        while True:
            found = (await outcome(self._sandbox, used)).answers
            if found:
                await self._put_away(used["message_id"])
            if found or time.monotonic() > deadline:
                return found
            await asyncio.sleep(LOOK_SECONDS / 5)

    async def _put_away(self, thread: str) -> None:
        """Archives an answered question's thread, as Discord does an hour later: a server has 1,000 active ones at
        most, and beyond that answers are given in their channel."""
        with contextlib.suppress(Refused):  # It was answered in its channel.
            await self._sandbox.rest("owner", "PATCH", f"/channels/{thread}", {"archived": True})


def resident(pids: dict[str, int]) -> dict[str, int]:
    """Resident memory of each process that is still there."""
    found = {}
    for name, pid in pids.items():
        with contextlib.suppress(psutil.NoSuchProcess):  # One that died was started anew, and is told as such.
            found[name] = psutil.Process(pid).memory_info().rss
    return found


def seconds_used(pids: dict[str, int]) -> dict[str, float]:
    """Processor seconds of each process that is still there."""
    found = dict.fromkeys(pids, 0.0)
    for name, pid in pids.items():
        with contextlib.suppress(psutil.NoSuchProcess):
            used = psutil.Process(pid).cpu_times()
            found[name] = used.user + used.system
    return found


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


def slope(seen: list[tuple[float, int]]) -> float:
    """Bytes a second by which memory grew: the least squares' line through the later two thirds of the looks."""
    later = seen[len(seen) // 3 :]
    if len(later) < 2:
        return 0.0
    return linear_regression([at for at, _ in later], [used for _, used in later]).slope


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
