"""Each reversible operation, made and undone: the guild is equal under the sandbox's own eyes, ids aside."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.executor.planning import Planner

ALL_PERMISSIONS = str((1 << 53) - 1 & ~(1 << 3))


def select(**fields: Any) -> dict[str, Any]:
    """A choice."""
    return {"select": fields}


ROOM = select(names=["room"])
VETERAN = select(names=["Veteran"])
EVERYBODY = select(names=["everyone"])

CASES: dict[str, list[dict[str, Any]]] = {
    "channel.create": [{"op": "create_channel", "name": "new", "category": select(names=["Wing"])}],
    "channel.edit": [{"op": "edit_channel", "targets": ROOM, "slowmode_seconds": 30}],
    "channel.rename": [{"op": "edit_channel", "targets": ROOM, "name": "chamber", "topic": "other"}],
    "channel.move": [{"op": "move_channel", "targets": ROOM}],
    "channel.delete": [{"op": "delete_channel", "targets": ROOM}],
    "category.delete": [{"op": "delete_channel", "targets": select(names=["Wing"])}],
    "category.delete-with-children": [
        {"op": "delete_channel", "targets": select(names=["Wing"]), "with_children": True}
    ],
    "channel.archive": [{"op": "archive_channel", "targets": ROOM}],
    "overwrite.set": [{"op": "lock_channel", "targets": ROOM}],
    "overwrite.change": [
        {"op": "set_permission", "targets": ROOM, "who": VETERAN, "allow": ["send_messages"], "deny": ["add_reactions"]}
    ],
    "overwrite.delete": [{"op": "clear_permission", "targets": ROOM, "who": VETERAN}],
    "role.create": [{"op": "create_role", "name": "Fresh", "colour": "#00ff00"}],
    "role.edit": [{"op": "edit_role", "targets": VETERAN, "name": "Elder", "grant": ["attach_files"]}],
    "role.delete": [{"op": "delete_role", "targets": VETERAN}],
    "member.role_add": [{"op": "give_role", "members": select(names=["crafter"]), "role": VETERAN}],
    "member.role_remove": [{"op": "take_role", "members": select(names=["member"]), "role": VETERAN}],
    "member.nickname": [{"op": "set_nickname", "members": select(names=["member"]), "nickname": "Mimi"}],
    "member.timeout": [{"op": "timeout", "members": select(names=["member"]), "minutes": 30}],
    "member.unban": [{"op": "unban", "users": ["stranger"]}],
    "message.pin": [{"op": "pin_messages", "targets": ROOM}],
    "message.unpin": [{"op": "pin_messages", "targets": select(names=["pinned"]), "unpin": True}],
    "thread.create": [{"op": "create_thread", "channel": ROOM, "name": "talk", "message": "hello"}],
    "invite.create": [{"op": "create_invite", "channel": ROOM}],
    "guild.edit": [{"op": "edit_guild", "verification_level": "high"}],
    "create-and-delete": [
        {"op": "create_channel", "id": "c", "name": "brief-{i}", "repeat": 3},
        {"op": "delete_channel", "targets": {"from": "c"}},
        {"op": "lock_channel", "targets": ROOM},
    ],
}


@pytest.mark.parametrize("case", CASES)
async def test_undone_it_is_as_it_was(planner: Planner, case: str) -> None:
    await furnish(planner)
    before = await dump(planner)
    plan = await planner.run(*CASES[case])
    assert not [f"{step.title} {step.label}: {step.error}" for step in plan.steps if step.error]
    if case != "create-and-delete":
        assert await dump(planner) != before
    undone = await planner.undo(plan)
    assert not [f"{step.title} {step.label}: {step.error}" for step in undone.steps if step.error]
    after = await dump(planner)
    if case.startswith("category.delete-with") or case == "channel.delete":
        # Messages do not come back, and the preview says so.
        after.pop("pins"), before.pop("pins")
        assert any("messages" in loss for loss in undone.losses)
    assert after == before


async def furnish(planner: Planner) -> None:
    """A wing with rooms, a role with a member and a place in a channel, a ban, messages."""
    guild = planner.guild_id
    for role in (await planner.roles()).values():
        if role.get("managed"):
            await planner.rest("PATCH", f"/guilds/{guild}/roles/{role['id']}", {"permissions": ALL_PERMISSIONS})
    veteran = await planner.rest("POST", f"/guilds/{guild}/roles", {"name": "Veteran", "color": 255, "hoist": True})
    await planner.rest("PUT", f"/guilds/{guild}/members/{planner.people['member']}/roles/{veteran['id']}")
    wing = await planner.create_channel("Wing", type=4)
    overwrite = {"id": veteran["id"], "type": 0, "allow": "32768", "deny": "2048"}
    room = await planner.create_channel(
        "room", parent_id=wing["id"], topic="a room", permission_overwrites=[overwrite], rate_limit_per_user=5
    )
    pinned = await planner.create_channel("pinned", parent_id=wing["id"])
    await planner.sandbox.say("owner", room["id"], "Welcome.")
    message = await planner.sandbox.say("owner", pinned["id"], "Read this.")
    await planner.rest("PUT", f"/channels/{pinned['id']}/messages/pins/{message['id']}")
    await planner.sandbox.call("POST", "/control/people", {"username": "stranger", "guilds": [{"id": str(guild)}]})
    people = {one["username"]: one["id"] for one in await planner.sandbox.call("GET", "/control/people")}
    await planner.rest("PUT", f"/guilds/{guild}/bans/{people['stranger']}", {})


async def dump(planner: Planner) -> dict[str, Any]:
    """What there is, by names instead of ids."""
    guild = planner.guild_id
    channels = await planner.rest("GET", f"/guilds/{guild}/channels")
    roles = await planner.rest("GET", f"/guilds/{guild}/roles")
    members = await planner.rest("GET", f"/guilds/{guild}/members", limit=1000)
    threads = (await planner.rest("GET", f"/guilds/{guild}/threads/active"))["threads"]
    bans = await planner.rest("GET", f"/guilds/{guild}/bans")
    invites = await planner.rest("GET", f"/guilds/{guild}/invites")
    raw = await planner.rest("GET", f"/guilds/{guild}")
    pins = {
        channel["name"]: len((await planner.rest("GET", f"/channels/{channel['id']}/messages/pins"))["items"])
        for channel in channels
        if channel["type"] == 0
    }
    text = json.dumps(
        {
            "channels": sorted(
                ({k: c.get(k) for k in _CHANNEL} for c in channels), key=lambda c: (c["type"], c["name"])
            ),
            # Their order counts, not the numbers that express it.
            "roles": [{k: r.get(k) for k in _ROLE} for r in sorted(roles, key=_rank)],
            "members": sorted(
                (
                    {
                        "id": m["user"]["id"],
                        "nick": m.get("nick"),
                        "roles": sorted(m["roles"]),
                        "timeout": m.get("communication_disabled_until"),
                    }
                    for m in members
                ),
                key=lambda m: m["id"],
            ),
            "threads": sorted(thread["name"] for thread in threads),
            "bans": sorted(ban["user"]["id"] for ban in bans),
            "invites": len(invites),
            "guild": {k: raw.get(k) for k in ("name", "verification_level", "description")},
            "pins": pins,
        }
    )
    for thing in [*channels, *roles]:
        text = text.replace(f'"{thing["id"]}"', f'"the {thing["name"]}"')
    found: dict[str, Any] = json.loads(text)
    for channel in found["channels"]:
        channel["permission_overwrites"].sort(key=lambda one: one["id"])
    for member in found["members"]:
        member["roles"].sort()
    return found


def _rank(role: dict[str, Any]) -> tuple[int, int]:
    return role["position"], -int(role["id"])


_CHANNEL = ("name", "type", "topic", "nsfw", "rate_limit_per_user", "parent_id", "permission_overwrites", "user_limit")
_ROLE = ("name", "permissions", "color", "hoist", "mentionable")
