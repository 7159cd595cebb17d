"""A guild with one of everything, and what there is of it by names instead of ids."""

from __future__ import annotations

import json
from typing import Any

from tests.executor.planning import Planner

ALL_PERMISSIONS = str((1 << 53) - 1 & ~(1 << 3))
LOOKING_ON = str(1 << 10 | 1 << 16)
"""View channels and read their history: what everybody may, so that everything else is a right that some have."""
PICTURE = "data:image/png;base64,iVBORw0KGgo="


async def furnish(planner: Planner) -> None:
    """A wing with rooms, a role with a member and a place in a channel, and one of everything else there is."""
    guild = planner.guild_id
    await planner.rest("PATCH", f"/guilds/{guild}/roles/{guild}", {"permissions": LOOKING_ON})
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
    for text in ("Welcome.", "Sit down.", "Stay."):
        await planner.sandbox.say("owner", room["id"], text)
    message = await planner.sandbox.say("owner", pinned["id"], "Read this.")
    await planner.rest("PUT", f"/channels/{pinned['id']}/messages/pins/{message['id']}")
    await planner.sandbox.call("POST", "/control/people", {"username": "stranger", "guilds": [{"id": str(guild)}]})
    people = {one["username"]: one["id"] for one in await planner.sandbox.call("GET", "/control/people")}
    await planner.rest("PUT", f"/guilds/{guild}/bans/{people['stranger']}", {})
    await _rest_of_it(planner, pinned["id"])


async def _rest_of_it(planner: Planner, channel: str) -> None:
    guild = planner.guild_id
    await planner.rest("POST", f"/guilds/{guild}/roles", {"name": "Recruit"})
    await planner.sandbox.call("POST", "/control/people", {"username": "passer_by", "guilds": [{"id": str(guild)}]})
    planner.people = {one["username"]: int(one["id"]) for one in await planner.sandbox.call("GET", "/control/people")}
    await planner.create_channel("proposals", type=15, available_tags=[{"name": "bug"}, {"name": "wish"}])
    await planner.rest("POST", f"/channels/{channel}/threads", {"name": "standing", "type": 11})
    await planner.rest("POST", f"/channels/{channel}/invites", {"max_age": 0})
    await planner.rest("POST", f"/channels/{channel}/webhooks", {"name": "courier"})
    await planner.rest("POST", f"/guilds/{guild}/emojis", {"name": "blob", "image": PICTURE})
    event = {
        "name": "Raid",
        "privacy_level": 2,
        "entity_type": 3,
        "entity_metadata": {"location": "The keep"},
        "scheduled_start_time": "2099-05-01T20:00:00+00:00",
        "scheduled_end_time": "2099-05-01T23:00:00+00:00",
    }
    await planner.rest("POST", f"/guilds/{guild}/scheduled-events", event)
    rule = {
        "name": "No gold",
        "event_type": 1,
        "trigger_type": 1,
        "trigger_metadata": {"keyword_filter": ["gold*"]},
        "actions": [{"type": 1, "metadata": {}}],
        "enabled": True,
    }
    await planner.rest("POST", f"/guilds/{guild}/auto-moderation/rules", rule)


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
    webhooks = await planner.rest("GET", f"/guilds/{guild}/webhooks")
    events = await planner.rest("GET", f"/guilds/{guild}/scheduled-events")
    rules = await planner.rest("GET", f"/guilds/{guild}/auto-moderation/rules")
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
            "order": [
                c["name"] for c in sorted(channels, key=lambda c: (c["position"], int(c["id"]))) if c["type"] == 0
            ],
            "threads": sorted(
                (t["name"], t["thread_metadata"]["locked"], t["thread_metadata"]["archived"]) for t in threads
            ),
            "webhooks": sorted((hook["name"], hook["channel_id"]) for hook in webhooks),
            "emojis": sorted(emoji["name"] for emoji in raw["emojis"]),
            "events": sorted(([e[key] for key in _EVENT] for e in events), key=str),
            "rules": sorted(([r[key] for key in _RULE] for r in rules), key=str),
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


def _place(channel: dict[str, Any]) -> tuple[int, int]:
    return channel["position"], int(channel["id"])


def _rank(role: dict[str, Any]) -> tuple[int, int]:
    return role["position"], -int(role["id"])


_CHANNEL = ("name", "type", "topic", "nsfw", "rate_limit_per_user", "parent_id", "permission_overwrites", "user_limit")
_EVENT = ("name", "scheduled_start_time", "scheduled_end_time", "entity_type", "entity_metadata", "description")
_RULE = ("name", "enabled", "trigger_type", "trigger_metadata", "event_type")
_ROLE = ("name", "permissions", "color", "hoist", "mentionable")
