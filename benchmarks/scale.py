"""How the platform scales: questions a second, how evenly replicas share them, their cost, and what a roll-out loses.

With 1, 2 and 4 replicas of llm, executor and ratelimit the rate is raised step by step, each for a few seconds, until
the 99th percentile of acknowledgements passes a second or something is lost. Then, with two replicas of each, every one
of them is restarted in turn while questions go on. `busiest_over_mean` is the busiest replica over the mean of its
service, by work (calls of llm and ratelimit, jobs of executor) and by processor time, whichever is worse. On one
machine replicas share its cores with the sandbox, the model and the load itself, so the rate says what that machine
holds; the cost of a question says how it scales. With `--composed` the composed system is brought up from built images
where a container engine runs. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.ask import answered, ask, outcome, percentile, prepare
from benchmarks.scale_stack import SCALED, ScaledPlatform
from chassis.settings.shared import SERVICES

TOKENS, TOKENS_PER_SECOND = 20, 40
ACK_BOUND_MS = 1000.0
RESTART_RATE = 3.0
IDLE_SECONDS = 5.0
# The people ask faster than any limit of theirs allows; the limits are not what is measured.
ENVIRONMENT = {"GUILDHALL_GATEWAY__ASK_LIMITS": "[]", "GUILDHALL_LLM__LIMITS__ENABLED": "false"}
MEGABYTE = 1e6


async def main() -> None:
    """Run it and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replicas", type=int, nargs="*", default=[1, 2, 4])
    parser.add_argument("--rates", type=float, nargs="*", default=[4, 8, 12, 16, 20, 24, 28, 32], help="a second")
    parser.add_argument("--seconds", type=float, default=8, help="how long each rate is held")
    parser.add_argument("--restarts", type=int, default=2, help="replicas of each that are restarted; 0 for none")
    parser.add_argument("--composed", action="store_true", help="also time the composed system, from built images")
    arguments = parser.parse_args()
    figures: dict[str, Any] = {"start_up_s": {}, "image_mb": image_sizes()}
    for replicas in arguments.replicas:
        figures[f"replicas_{replicas}"] = await with_replicas(replicas, arguments.rates, arguments.seconds, figures)
        print(json.dumps({f"replicas_{replicas}": figures[f"replicas_{replicas}"]}), flush=True)
    if arguments.restarts:
        figures["restarts"] = await restarts(arguments.restarts)
    if {"replicas_1", "replicas_4"} <= figures.keys():
        figures["cpu_4_over_1"] = ratio(figures["replicas_4"]["steps"], figures["replicas_1"]["steps"])
    if arguments.composed:
        figures["composed_healthy_s"] = composed_healthy()
    print(json.dumps(figures))


def ratio(above: list[dict[str, Any]], below: list[dict[str, Any]]) -> float | None:
    """Processor time of a question with more replicas over that with fewer, at the rates that both held."""
    rates = {step["rate"] for step in above if step["held"]} & {step["rate"] for step in below if step["held"]}
    costs = [
        sum(step["cpu_s_per_question"] * step["questions"] for step in steps if step["rate"] in rates)
        for steps in (above, below)
    ]
    return round(costs[0] / costs[1], 2) if rates else None


async def with_replicas(replicas: int, rates: list[float], seconds: float, figures: dict[str, Any]) -> dict[str, Any]:
    """Raises the rate until it is not held any more."""
    with tempfile.TemporaryDirectory() as folder:
        async with ScaledPlatform(Path(folder), replicas, ENVIRONMENT) as scaled:
            figures["start_up_s"].setdefault("platform", round(scaled.platform.seconds_to_ready, 1))
            for name in SCALED:
                for replica in scaled.replicas[name][:1]:
                    figures["start_up_s"].setdefault(name, round(replica.seconds_to_ready, 1))
            places = await warm(scaled)
            at_rest = await idle(scaled)
            work_before = await scaled.work()
            used: list[dict[str, list[float]]] = []
            held: dict[str, Any] = {}
            questions, steps = 0, []
            for rate in rates:
                step, cpu = await at_rate(scaled, places, rate, seconds)
                steps.append(step)
                used.append(cpu)
                questions += step["questions"]
                if not step["held"]:
                    break
                held = step
            work_after = await scaled.work()
    done = {name: minus(work_after[name], work_before[name]) for name in SCALED}
    cpu = {name: [sum(each) for each in zip(*(step[name] for step in used), strict=True)] for name in SERVICES}
    shares = {what: {name: busiest(each[name]) for name in SCALED} for what, each in (("work", done), ("cpu", cpu))}
    return {
        "held_per_s": held.get("rate", 0),
        "ack_p99_ms": held.get("ack_p99_ms"),
        "cpu_s_per_question": round(sum(sum(each) for each in cpu.values()) / questions, 4),
        "cpu_s_by_service": {name: round(sum(each) / questions, 4) for name, each in cpu.items()},
        "idle_cores": at_rest,
        "busiest_over_mean": max(share for each in shares.values() for share in each.values()),
        "busiest_by": shares,
        "steps": steps,
    }


async def warm(scaled: ScaledPlatform) -> tuple[list[str], list[str]]:
    """Channels and people, and every replica's connections and imports out of the way."""
    channels, people = await prepare(scaled.sandbox)
    await scaled.sandbox.model_rule(tokens=TOKENS, tokens_per_second=TOKENS_PER_SECOND)
    for number in range(8):
        await ask(scaled.sandbox, channels[number], people[number], "Is everything warm?")
    await answered(scaled.sandbox)
    return channels, people


async def idle(scaled: ScaledPlatform) -> dict[str, float]:
    """Processor seconds a second that each service's replicas use together while nobody asks."""
    before = await scaled.cpu_seconds()
    await asyncio.sleep(IDLE_SECONDS)
    after = await scaled.cpu_seconds()
    return {name: round(sum(minus(after[name], before[name])) / IDLE_SECONDS, 3) for name in SERVICES}


async def at_rate(
    scaled: ScaledPlatform, places: tuple[list[str], list[str]], rate: float, seconds: float
) -> tuple[dict[str, Any], dict[str, list[float]]]:
    """Asks at a steady rate and waits for all answers; gives the figures, and the processor time of each process."""
    channels, people = places
    await scaled.sandbox.reset_counters()
    before = await scaled.cpu_seconds()
    started = time.monotonic()
    asking = []
    for number in range(int(rate * seconds)):
        await asyncio.sleep(max(0.0, started + number / rate - time.monotonic()))
        person, channel = people[number % len(people)], channels[number % len(channels)]
        asking.append(asyncio.create_task(ask(scaled.sandbox, channel, person, f"Question {number}, please?")))
    asked = await asyncio.gather(*asking)
    await answered(scaled.sandbox)
    after = await scaled.cpu_seconds()
    outcomes = [await outcome(scaled.sandbox, each) for each in asked]
    acks = [each.ack_ms for each in outcomes if each.ack_ms is not None]
    lost = sum(each.answers == 0 for each in outcomes)
    late = percentile(acks, 99)
    cpu = {name: minus(after[name], before[name]) for name in SERVICES}
    figures = {
        "rate": rate,
        "questions": len(asked),
        "ack_p99_ms": late,
        "cpu_s_per_question": round(sum(sum(each) for each in cpu.values()) / len(asked), 4),
        "lost": lost,
        "duplicates": await duplicates(scaled, [each.answers for each in outcomes]),
        "held": bool(late is not None and late < ACK_BOUND_MS and not lost),
    }
    return figures, cpu


async def duplicates(scaled: ScaledPlatform, answers: list[int]) -> int:
    """How much was shown twice, by the sandbox's own count and by answers to one question."""
    counters = await scaled.sandbox.counters()
    return sum(max(0, each - 1) for each in answers) + len(counters["duplicates"])


async def restarts(replicas: int) -> dict[str, Any]:
    """Restarts each replica in turn while questions go on; a question that was refused with a sentence is not lost."""
    with tempfile.TemporaryDirectory() as folder:
        async with ScaledPlatform(Path(folder), max(2, replicas), ENVIRONMENT) as scaled:
            channels, people = await warm(scaled)
            await scaled.sandbox.reset_counters()
            stop = asyncio.Event()
            asking: list[asyncio.Task[dict[str, Any]]] = []

            async def load() -> None:
                while not stop.is_set():
                    number = len(asking)
                    person, channel = people[number % len(people)], channels[number % len(channels)]
                    asking.append(asyncio.create_task(ask(scaled.sandbox, channel, person, f"Question {number}?")))
                    await asyncio.sleep(1 / RESTART_RATE)

            loading = asyncio.create_task(load())
            began = time.monotonic()
            for name in SCALED:
                await scaled.platform.restart(name)
                for replica in scaled.replicas[name]:
                    await replica.stop()
                    await replica.start()
            for name in ("gateway", "board"):
                await scaled.platform.restart(name)
            took = time.monotonic() - began
            stop.set()
            await loading
            asked = await asyncio.gather(*asking, return_exceptions=True)
            await answered(scaled.sandbox)
            taken = [
                each
                for each in asked
                if isinstance(each, dict) and each["state"] == "acknowledged" and not each["ephemeral"]
            ]
            outcomes = [await outcome(scaled.sandbox, each) for each in taken]
            return {
                "restarted": 3 * max(2, replicas) + 2,
                "seconds": round(took, 1),
                "asked": len(asked),
                "taken": len(taken),
                "lost": sum(each.answers == 0 for each in outcomes),
                "duplicates": await duplicates(scaled, [each.answers for each in outcomes]),
            }


def minus(after: Sequence[float], before: Sequence[float]) -> list[float]:
    """What was added, for each replica."""
    return [last - first for first, last in zip(before, after, strict=True)]


def busiest(work: Sequence[float]) -> float:
    """The work of the busiest over the mean."""
    return round(max(work) * len(work) / sum(work), 2) if sum(work) else 0.0


def image_sizes() -> dict[str, int] | None:
    """Megabytes that each image adds to the Python base; None where no engine runs or nothing is built."""
    if shutil.which("docker") is None:
        return None
    names = [f"guildhall/{name}" for name in (*SERVICES, "sandbox")]
    command = ["docker", "image", "inspect", "--format", "{{.Size}}", "python:3.13-slim", *names]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        return None
    base, *sizes = (int(size) for size in done.stdout.split())
    return {
        name.removeprefix("guildhall/"): round((size - base) / MEGABYTE)
        for name, size in zip(names, sizes, strict=True)
    }


def composed_healthy() -> float | None:
    """Seconds from `docker compose up` of built images to all healthy; None where no engine runs."""
    if (
        shutil.which("docker") is None
        or subprocess.run(["docker", "info"], capture_output=True, check=False).returncode
    ):
        return None
    # Only where it is asked for: it is the tests' own handling of the composed system.
    from tests.containers.composed import Composed

    system = Composed()
    system.compose("build", "-q")
    try:
        return round(system.up(), 1)
    finally:
        system.down()


if __name__ == "__main__":
    asyncio.run(main())
