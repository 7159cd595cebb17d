"""The board through the whole platform: people in the sandbox, gateway, board, executor, and back."""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
from pathlib import Path
from typing import Any

from sandbox.control.client import SandboxClient
from tests.support.platform import RunningPlatform

MENUS = 100
SUBMITS = 40
CLEANERS = 15
MESSAGES_EACH = 50
STEPS = (10, 25, 50, 75)
HELD_MS = 250.0
GIVEN_UP_MS = 3_000.0
# Discord's global limit for a bot, in calls a second.
GLOBAL = 50


def share(values: list[float], part: float) -> float:
    """The value below which a part of the values lie."""
    ordered = sorted(values)
    return round(ordered[min(len(ordered) - 1, int(part * len(ordered)))], 1) if ordered else 0.0


async def through_the_stack(url: str, seconds: float) -> dict[str, Any]:
    """Menus, forms, many people at once, and cleaning up."""
    with tempfile.TemporaryDirectory(prefix="guildhall-bench-") as folder:
        environment = {"DATABASE_URL": url, "GUILDHALL_BOARD__OPEN_PER_PERSON": "1000000"}
        async with (
            RunningPlatform(Path(folder), environment) as platform,
            SandboxClient(platform.page, platform.control_token) as sandbox,
        ):
            return await _measure(sandbox, seconds)


async def _measure(sandbox: SandboxClient, seconds: float) -> dict[str, Any]:
    guild = int((await sandbox.call("GET", "/control/as/owner/guilds"))[0]["id"])
    people = [f"crafter{number}" for number in range(max(*STEPS, CLEANERS))]
    for name in people:
        await sandbox.call("POST", "/control/people", {"username": name, "guilds": [{"id": str(guild)}]})
    channels = []
    for number in range(20):
        made = await sandbox.rest("owner", "POST", f"/guilds/{guild}/channels", {"name": f"bench-{number}", "type": 0})
        channels.append(str(made["id"]))
    for number in range(30):
        await use(sandbox, people[number], channels[0], "request quick", {"text": f"{number + 1}x flask @alchemy"})
    await sandbox.call("POST", "/control/counters/reset")
    menus = [
        await use(sandbox, random.choice(people), random.choice(channels), *random.choice(_MENUS)) for _ in range(MENUS)
    ]
    submits = [await submit(sandbox, random.choice(people), random.choice(channels)) for _ in range(SUBMITS)]
    held, slowest = 0, {}
    for users in STEPS:
        times = await crowd(sandbox, people[:users], channels, min(seconds, 10))
        slowest[str(users)] = share(times, 0.99)
        if slowest[str(users)] >= HELD_MS:
            break
        held = users
    cleaning, bound = await clean(sandbox, people[:CLEANERS])
    counters = await sandbox.counters()
    return {
        "menu_p95_ms": share(menus, 0.95),
        "submit_p95_ms": share(submits, 0.95),
        "cleanup_50_s": cleaning,
        "cleanup_bound_s": bound,
        "http_429": counters["http_429"],
        "http_429_by_limit": counters["http_429_by_limit"],
        "concurrent_users_held": held,
        "crowd_p99_ms": slowest,
    }


_MENUS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("board show", {}),
    ("request list", {}),
    ("board mine", {}),
    ("board search", {"item": "flask"}),
)


async def use(sandbox: SandboxClient, person: str, channel: str, command: str, options: dict[str, Any]) -> float:
    """Uses a command; gives the milliseconds to its answer, or those after which Discord gave up."""
    answer = await sandbox.command(person, channel, command, options)
    return float(answer["ack_ms"]) if answer["state"] == "acknowledged" else GIVEN_UP_MS


async def submit(sandbox: SandboxClient, person: str, channel: str) -> float:
    """Fills the form in; gives the milliseconds from sending it to the answer."""
    form = await sandbox.command(person, channel, "request new", {})
    values = {"item": "Elixir of Haste", "quantity": "2", "profession": "alchemy"}
    answer = await sandbox.submit(person, form["id"], values)
    assert answer["state"] == "acknowledged", answer
    return float(answer["ack_ms"])


async def crowd(sandbox: SandboxClient, people: list[str], channels: list[str], seconds: float) -> list[float]:
    """Each person does something once a second, whether the last thing was answered or not."""
    begin = time.monotonic() + 0.2

    async def one(place: int, person: str, turn: int) -> float:
        await asyncio.sleep(max(0.0, begin + turn + place / len(people) - time.monotonic()))
        return await use(sandbox, person, channels[place % len(channels)], *random.choice(_MENUS))

    turns = range(int(seconds))
    return await asyncio.gather(*(one(place, person, turn) for turn in turns for place, person in enumerate(people)))


async def clean(sandbox: SandboxClient, people: list[str]) -> tuple[float, float]:
    """Each person has fifty messages removed from their direct messages; gives the seconds, and the fewest possible.

    In direct messages there is no bulk deletion, so the bound is one call for each message and page, at the global
    limit.
    """
    places = []
    for person in people:
        bot = next(entry for entry in await sandbox.call("GET", "/control/people") if entry["bot"])
        direct = await sandbox.rest(person, "POST", "/users/@me/channels", {"recipient_id": str(bot["id"])})
        places.append((person, str(direct["id"])))
        for number in range(MESSAGES_EACH):
            await sandbox.rest(bot["username"], "POST", f"/channels/{direct['id']}/messages", {"content": f"{number}"})
    started = time.monotonic()
    await asyncio.gather(*(use(sandbox, person, channel, "clean", {}) for person, channel in places))

    # One after the other: fifteen who look all the time would be a load of their own.
    async with asyncio.timeout(300):
        for person, channel in places:
            while any(message["content"].isdigit() for message in await sandbox.messages(person, channel, limit=100)):
                await asyncio.sleep(0.1)
    calls = len(people) * (MESSAGES_EACH + 1)
    return round(time.monotonic() - started, 1), round(calls / GLOBAL, 1)
