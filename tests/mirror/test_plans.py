"""A draft that is made from the mirror relies on the same facts as one that was fetched, so a run finds no drift."""

from __future__ import annotations

import pytest
import redis.asyncio as redis
from pydantic import SecretStr

from chassis.clock import SystemClock
from services.executor.discord.rest import RestClient
from services.executor.discord.settings import RestSettings
from services.executor.mirror.feeds import Feeds
from services.executor.mirror.reading import MirrorReader
from services.executor.mirror.settings import MirrorSettings
from services.executor.mirror.store import MirrorStore
from services.executor.plans.fetch import Fetcher
from services.executor.plans.latencies import Latencies
from services.executor.plans.mirrored import MirroredGuilds
from services.executor.plans.schema import PLAN
from services.executor.plans.snapshot import Member, Snapshot, build, digest
from tests.mirror.conftest import World
from tests.support import eventually

pytestmark = pytest.mark.timeout(120)


async def test_the_mirror_and_discord_say_the_same(world: World) -> None:
    await world.start("gateway")
    await world.whole()
    path = f"/guilds/{world.guild}"
    general = next(c for c in await world.sandbox.rest("owner", "GET", f"{path}/channels") if c["name"] == "general")
    crafter = await world.role("Crafter")
    # What comes by events of its own, beside what the guild's snapshot said.
    await world.sandbox.rest("owner", "PATCH", f"/channels/{general['id']}", {"topic": "new", "rate_limit_per_user": 5})
    await world.sandbox.rest("owner", "PATCH", f"{path}/roles/{crafter}", {"color": 77, "hoist": False})
    await world.sandbox.rest("owner", "PATCH", f"{path}/members/{world.people['member']}", {"nick": "Minnie"})
    await world.give("member", crafter)
    guild = await world.sandbox.rest("owner", "GET", path)
    channels = await world.sandbox.rest("owner", "GET", f"{path}/channels")
    members = await world.sandbox.rest("owner", "GET", f"{path}/members", limit=1000)
    bot = next(int(one["user"]["id"]) for one in members if one["user"]["username"] == "guildhall")
    read = build(guild, channels, bot)
    read.members = {member.user_id: member for member in map(Member.of, members)}
    settings, clock = MirrorSettings(), SystemClock()
    async with redis.Redis.from_url(world.environment["REDIS_URL"]) as client:
        store, feeds = MirrorStore(client, lambda: settings, clock), Feeds(client, lambda: settings, clock)
        mirrored = MirroredGuilds(MirrorReader(client, store, feeds, lambda: settings))

        async def the_same() -> None:
            told = await mirrored.basics(world.guild, bot, {world.people["member"]})
            everybody = await mirrored.members(world.guild, 1000)
            assert told is not None and everybody is not None
            assert set(told.members) == {world.people["member"], bot}
            told.members = everybody
            for kind in ("channels", "roles", "members"):
                facts = {number: digest(thing.raw) for number, thing in getattr(told, kind).items()}
                assert facts == {number: digest(thing.raw) for number, thing in getattr(read, kind).items()}, kind
            assert (told.owner_id, told.features, told.guild["name"]) == (read.owner_id, read.features, guild["name"])
            for user_id, member in read.members.items():
                for channel in read.channels.values():
                    allowed = told.permissions_of(everybody[user_id], told.channels[channel.id])
                    assert allowed == read.permissions_of(member, channel)

        async def settled() -> bool:
            await the_same()
            return True

        await eventually(settled, timeout=15)
        await _order_is_discords(world, mirrored, bot)
        await world.stop("gateway")
        await client.delete("executor:mirror:contact:0/1")
        assert await mirrored.basics(world.guild, bot, set()) is None, "nobody tells, so Discord is asked"
        assert await mirrored.members(world.guild, 1000) is None


async def _order_is_discords(world: World, mirrored: MirroredGuilds, bot: int) -> None:
    """New roles move all others, of which no event tells: who wants another order is given the true places."""
    path = f"/guilds/{world.guild}/roles"
    made = [int((await world.sandbox.rest("owner", "POST", path, {"name": name}))["id"]) for name in ("One", "Two")]

    async def told() -> Snapshot:
        snapshot = await mirrored.basics(world.guild, bot, set())
        assert snapshot is not None and set(made) <= set(snapshot.roles)
        return snapshot

    snapshot = await eventually(told, timeout=15)
    rest = RestClient(
        api_base=world.environment["DISCORD_API_BASE"],
        token=SecretStr(world.environment["DISCORD_TOKEN"]),
        settings=RestSettings(),
        permits=None,
        clock=SystemClock(),
    )
    intent = {"op": "reorder_roles", "targets": {"select": {"names": ["Two"]}}, "place": "above", "anchor": "One"}
    try:
        fetcher = Fetcher(rest, Latencies(0.2, 0.02), members_limit=1000, mirror=mirrored)
        await fetcher.everything(snapshot, PLAN.validate_python({"intents": [intent]}), None)
    finally:
        await rest.close()
    places = {int(role["id"]): role["position"] for role in await world.sandbox.rest("owner", "GET", path)}
    assert {role.id: role.position for role in snapshot.roles.values()} == places


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"name": "a", "topic": None}, {"name": "a"}),
        ({"name": "a", "position": 1}, {"name": "a", "position": 2}),
        (
            {"permission_overwrites": [{"id": "2", "type": 0, "allow": "1", "deny": "0"}]},
            {"permission_overwrites": [{"id": "2", "type": 0, "allow": 1, "deny": 0, "more": True}]},
        ),
    ],
)
def test_what_differs_only_in_how_it_is_said_is_the_same(first: dict[str, object], second: dict[str, object]) -> None:
    assert digest(first) == digest(second)
    assert digest({**first, "name": "b"}) != digest({**second, "name": "a"})
