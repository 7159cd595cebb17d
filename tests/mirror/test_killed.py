"""gateway is killed, again and again, while a guild changes: what executor's copy says afterwards is what is so."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
from guildhall.executor.v1 import mirror_pb2

from chassis.testing import TestKeys
from local.paths import ROOT
from tests.mirror.conftest import World
from tests.support import eventually
from tests.support.service_process import ServiceProcess

pytestmark = pytest.mark.timeout(180)
KILLS, CHANGES_BETWEEN = 3, 8


@asynccontextmanager
async def gateway_beside(world: World, folder: Path) -> AsyncIterator[ServiceProcess]:
    """gateway with the keys that the others of the test have."""
    for service in ("gateway", "llm", "executor", "ratelimit", "board"):
        (folder / f"{service}.key").write_text(TestKeys().keys(service)[0].hex() + "\n")
    own = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT / "gen"),
        "GUILDHALL_CALLERS__KEYS_DIR": str(folder),
        "GUILDHALL_RPC__DRAIN": "0",
    }
    gateway = ServiceProcess("gateway", {**world.environment, **own})
    await gateway.start()
    try:
        yield gateway
    finally:
        await gateway.kill()


async def test_the_copy_is_right_after_gateway_was_killed_amid_changes(world: World, tmp_path: Path) -> None:
    roles = [await world.role("Crafter"), await world.role("Moderator")]
    async with gateway_beside(world, tmp_path) as gateway:
        await world.whole()
        for round_ in range(KILLS):
            changing = asyncio.create_task(change(world, roles, round_))
            # Some changes are told by now, some are on their way, some nobody has heard of.
            half_way = f"new{round_}-{CHANGES_BETWEEN // 2}"
            await eventually(partial(world.people.get, half_way))
            await gateway.kill()
            await changing
            await gateway.start()

        async def right() -> bool:
            assert await told(world) == await truth(world)
            return True

        await eventually(right, timeout=60, interval=0.2)


async def change(world: World, roles: list[int], round_: int) -> None:
    """People come, get roles, lose them and go; channels come, are renamed and go."""
    made = []
    for number in range(CHANGES_BETWEEN):
        name = f"new{round_}-{number}"
        await world.join(name)
        await world.give(name, roles[number % 2])
        body = {"name": f"room-{round_}-{number}", "type": 0}
        made.append((await world.sandbox.rest("owner", "POST", f"/guilds/{world.guild}/channels", body))["id"])
        if number % 3 == 1:
            await world.kick(f"new{round_}-{number - 1}")
            await world.sandbox.rest("owner", "PATCH", f"/channels/{made[-1]}", {"name": f"hall-{round_}-{number}"})
            await world.sandbox.rest("owner", "DELETE", f"/channels/{made[-2]}")


async def told(world: World) -> tuple[dict[str, str], dict[int, frozenset[int]]]:
    """The channels' names and the members' roles as the copy has them, once it is certain."""
    listed = await world.whole()
    guild = await world.ask("GetGuild", mirror_pb2.GetGuildRequest(guild_id=world.guild))
    channels = {str(thing.id): json.loads(thing.discord_json)["name"] for thing in guild.channels}
    return channels, {member.user_id: frozenset(member.role_ids) for member in listed.members}


async def truth(world: World) -> tuple[dict[str, str], dict[int, frozenset[int]]]:
    """The same as Discord has them."""
    path = f"/guilds/{world.guild}"
    channels = await world.sandbox.rest("owner", "GET", f"{path}/channels")
    members = await world.sandbox.rest("owner", "GET", f"{path}/members", limit=1000)
    return (
        {channel["id"]: channel["name"] for channel in channels},
        {int(each["user"]["id"]): frozenset(map(int, each["roles"])) for each in members},
    )
