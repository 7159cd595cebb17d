"""For each row of the operation table: a plan that makes it on the furnished guild. A row without one fails."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Intents = list[dict[str, Any]]


@dataclass(frozen=True)
class Case:
    """A plan whose steps include the row's operation."""

    intents: Intents
    others: tuple[str, ...] = ()
    """Other rows that the plan needs along the way."""


def select(**fields: Any) -> dict[str, Any]:
    """A choice."""
    return {"select": fields}


ROOM = select(names=["room"])
FORUM = select(names=["proposals"])
VETERAN = select(names=["Veteran"])
MEMBER = select(names=["member"])

CASES: dict[str, Case] = {
    "channel.create": Case([{"op": "create_channel", "name": "new", "category": select(names=["Wing"])}]),
    "channel.edit": Case([{"op": "edit_channel", "targets": ROOM, "slowmode_seconds": 30}]),
    "channel.rename": Case([{"op": "edit_channel", "targets": ROOM, "name": "chamber", "topic": "other"}]),
    "channel.delete": Case([{"op": "delete_channel", "targets": ROOM}]),
    "channel.reorder": Case(
        [{"op": "reorder_channels", "targets": select(category="Wing", types=["text"]), "order": "alphabetical"}]
    ),
    "overwrite.set": Case([{"op": "set_permission", "targets": ROOM, "who": VETERAN, "allow": ["send_messages"]}]),
    "overwrite.delete": Case([{"op": "clear_permission", "targets": ROOM, "who": VETERAN}]),
    "role.create": Case([{"op": "create_role", "name": "Fresh", "colour": "#00ff00"}]),
    "role.edit": Case([{"op": "edit_role", "targets": VETERAN, "name": "Elder", "grant": ["attach_files"]}]),
    "role.delete": Case([{"op": "delete_role", "targets": VETERAN}]),
    "role.reorder": Case([{"op": "reorder_roles", "targets": VETERAN, "place": "below", "anchor": "Recruit"}]),
    "member.role_add": Case([{"op": "give_role", "members": select(names=["crafter"]), "role": VETERAN}]),
    "member.role_remove": Case([{"op": "take_role", "members": MEMBER, "role": VETERAN}]),
    "member.nickname": Case([{"op": "set_nickname", "members": MEMBER, "nickname": "Mimi"}]),
    "member.timeout": Case([{"op": "timeout", "members": MEMBER, "minutes": 30}]),
    "member.kick": Case([{"op": "kick", "members": select(names=["crafter"])}]),
    "member.ban": Case([{"op": "ban", "members": select(names=["crafter"])}]),
    "member.bulk_ban": Case([{"op": "ban", "members": select(names=["crafter", "passer_by"])}]),
    "member.unban": Case([{"op": "unban", "users": ["stranger"]}]),
    "guild.prune": Case([{"op": "prune", "days": 30}]),
    "message.bulk_delete": Case([{"op": "purge_messages", "targets": ROOM}]),
    "message.delete": Case([{"op": "purge_messages", "targets": ROOM, "contains": "Stay"}]),
    "message.pin": Case([{"op": "pin_messages", "targets": ROOM}]),
    "message.unpin": Case([{"op": "pin_messages", "targets": select(names=["pinned"]), "unpin": True}]),
    "thread.create": Case([{"op": "create_thread", "channel": ROOM, "name": "talk"}]),
    "thread.message": Case(
        [{"op": "create_thread", "channel": ROOM, "name": "talk", "message": "hello"}], ("thread.create",)
    ),
    "post.create": Case([{"op": "create_thread", "channel": FORUM, "name": "A post", "message": "m", "tags": ["bug"]}]),
    "thread.edit": Case([{"op": "edit_thread", "targets": select(names=["standing"]), "locked": True}]),
    "thread.delete": Case([{"op": "delete_thread", "targets": select(names=["standing"])}]),
    "invite.create": Case([{"op": "create_invite", "channel": ROOM}]),
    "invite.delete": Case([{"op": "delete_invites", "channels": select(names=["pinned"])}]),
    "webhook.create": Case([{"op": "create_webhook", "channel": ROOM, "name": "herald"}]),
    "webhook.delete": Case([{"op": "delete_webhooks", "channels": select(names=["pinned"])}]),
    "emoji.create": Case([{"op": "create_emoji", "name": "spark"}]),
    "emoji.edit": Case([{"op": "edit_emoji", "emoji": "blob", "name": "blobby"}]),
    "emoji.delete": Case([{"op": "delete_emoji", "targets": select(names=["blob"])}]),
    "event.create": Case(
        [
            {
                "op": "create_event",
                "name": "Feast",
                "start": "2099-01-01T20:00:00+00:00",
                "end": "2099-01-01T22:00:00+00:00",
                "location": "The hall",
            }
        ]
    ),
    "event.edit": Case([{"op": "edit_event", "targets": select(names=["Raid"]), "name": "Great raid"}]),
    "event.delete": Case([{"op": "delete_event", "targets": select(names=["Raid"])}]),
    "automod.create": Case([{"op": "create_automod", "name": "No shouting", "keywords": ["shout*"]}]),
    "automod.edit": Case([{"op": "edit_automod", "targets": select(names=["No gold"]), "enabled": False}]),
    "automod.delete": Case([{"op": "delete_automod", "targets": select(names=["No gold"])}]),
    "guild.edit": Case([{"op": "edit_guild", "verification_level": "high"}]),
}

COMPOSITES: dict[str, Intents] = {
    "move": [{"op": "move_channel", "targets": ROOM}],
    "clone": [{"op": "clone_channel", "targets": ROOM, "name": "{name}-copy"}],
    "lock": [{"op": "lock_channel", "targets": ROOM}],
    "archive": [{"op": "archive_channel", "targets": ROOM}],
    "archive-copy": [{"op": "archive_channel", "targets": ROOM, "copy": True}],
    "sync": [{"op": "sync_channel", "targets": ROOM}],
    "category.delete": [{"op": "delete_channel", "targets": select(names=["Wing"])}],
    "category.delete-with-children": [
        {"op": "delete_channel", "targets": select(names=["Wing"]), "with_children": True}
    ],
    "a-new-wing": [
        {"op": "create_role", "id": "guard", "name": "Guard", "colour": "#3366ff", "hoist": True},
        {"op": "create_channel", "id": "keep", "name": "Keep", "type": "category"},
        {"op": "create_channel", "name": "gate", "category": {"from": "keep"}, "private_to": {"from": "guard"}},
        {"op": "create_channel", "name": "Post {i}", "type": "voice", "repeat": 2, "category": {"from": "keep"}},
        {"op": "create_channel", "name": "petitions", "type": "forum", "tags": ["new", "heard"]},
        {"op": "give_role", "members": select(with_role="Veteran"), "role": {"from": "guard"}},
        {"op": "set_permission", "targets": ROOM, "who": MEMBER, "kind": "member", "allow": ["attach_files"]},
        {"op": "edit_channel", "targets": select(names=["pinned"]), "topic": "Read this first", "slowmode_seconds": 10},
        {"op": "set_nickname", "members": MEMBER, "nickname": "Mina of the Keep"},
        {"op": "edit_role", "targets": VETERAN, "colour": "#aa0000", "grant": ["attach_files"]},
    ],
    "create-and-delete": [
        {"op": "create_channel", "id": "c", "name": "brief-{i}", "repeat": 3},
        {"op": "delete_channel", "targets": {"from": "c"}},
        {"op": "lock_channel", "targets": ROOM},
    ],
}
"""What compiles to several rows, or to a row in another way."""
