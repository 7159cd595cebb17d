"""Bodies that Discord accepts, for tests that use them and tests that spoil them."""

from typing import Any

from sandbox.discord.seed import APPLICATION_ID, GUILD_ID, MEMBER_ID

PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAA"
    "DUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
EMBED: dict[str, Any] = {
    "title": "t",
    "description": "d",
    "url": "https://example.com",
    "color": 5,
    "timestamp": "2026-01-01T00:00:00+00:00",
    "footer": {"text": "f", "icon_url": "https://example.com/i.png"},
    "author": {"name": "a"},
    "fields": [{"name": "n", "value": "v"}],
    "image": {"url": "https://example.com/p.png"},
}
ROW: dict[str, Any] = {
    "type": 1,
    "components": [
        {"type": 3, "custom_id": "s", "options": [{"label": "l", "value": "v", "emoji": {"name": "\N{FIRE}"}}]}
    ],
}
CONTAINER: dict[str, Any] = {
    "type": 17,
    "accent_color": 5,
    "components": [
        {"type": 10, "content": "text"},
        {
            "type": 9,
            "components": [{"type": 10, "content": "left"}],
            "accessory": {"type": 2, "style": 1, "label": "b", "custom_id": "b"},
        },
        {"type": 12, "items": [{"media": {"url": "https://example.com/p.png"}}]},
        {"type": 14, "divider": True, "spacing": 2},
        {"type": 1, "components": [{"type": 5, "custom_id": "u", "min_values": 0, "max_values": 3}]},
    ],
}
OVERWRITE: dict[str, Any] = {"id": str(GUILD_ID), "type": 0, "allow": "0", "deny": "2048"}
COMMANDS: list[dict[str, Any]] = [
    {
        "name": "ask",
        "description": "d",
        "options": [
            {"type": 3, "name": "prompt", "description": "p", "required": True, "max_length": 20},
            {"type": 4, "name": "count", "description": "c", "min_value": 1, "max_value": 5},
            {"type": 6, "name": "who", "description": "w"},
            {"type": 11, "name": "file", "description": "f"},
            {"type": 3, "name": "size", "description": "s", "choices": [{"name": "Big", "value": "big"}]},
        ],
    },
    {
        "name": "board",
        "description": "d",
        "options": [{"type": 1, "name": "new", "description": "n", "options": []}],
    },
    {"name": "staff", "description": "d", "default_member_permissions": "32"},
    {"name": "Who is this", "type": 2},
]
MODAL: dict[str, Any] = {
    "custom_id": "m",
    "title": "t",
    "components": [
        {"type": 18, "label": "L", "component": {"type": 4, "custom_id": "n", "style": 1}},
        {
            "type": 18,
            "label": "K",
            "component": {"type": 21, "custom_id": "k", "options": [{"label": x, "value": x} for x in "ab"]},
        },
    ],
}
_GENERAL, _IDEAS, _CATEGORY = str(GUILD_ID + 21), str(GUILD_ID + 26), str(GUILD_ID + 10)
_MESSAGE: dict[str, Any] = {
    "content": "a <@1> <@&2> @everyone",
    "embeds": [EMBED],
    "components": [ROW],
    "allowed_mentions": {"parse": ["users"], "roles": ["1"], "replied_user": True},
    "message_reference": {"message_id": "5", "fail_if_not_exists": False},
    "nonce": "x",
}
_CHANNEL: dict[str, Any] = {
    "name": "n",
    "type": 15,
    "topic": "t",
    "parent_id": _CATEGORY,
    "permission_overwrites": [OVERWRITE],
    "available_tags": [{"name": "a", "moderated": True, "emoji_name": "\N{FIRE}"}],
    "default_reaction_emoji": {"emoji_name": "\N{FIRE}"},
    "default_sort_order": 1,
    "position": 3,
}
EVENT: dict[str, Any] = {
    "name": "Market day",
    "description": "All crafts",
    "privacy_level": 2,
    "entity_type": 3,
    "entity_metadata": {"location": "The square"},
    "scheduled_start_time": "2096-01-01T10:00:00+00:00",
    "scheduled_end_time": "2096-01-01T12:00:00+00:00",
}
RULE: dict[str, Any] = {
    "name": "No gold sellers",
    "event_type": 1,
    "trigger_type": 1,
    "trigger_metadata": {
        "keyword_filter": ["cheap gold"],
        "regex_patterns": ["g[o0]ld{2,3}"],
        "allow_list": ["golden"],
    },
    "actions": [
        {"type": 1, "metadata": {"custom_message": "Not here"}},
        {"type": 3, "metadata": {"duration_seconds": 9}},
    ],
    "enabled": True,
    "exempt_roles": [str(GUILD_ID + 3)],
    "exempt_channels": [_GENERAL],
}
# Route, path parameters, body.
BODIES: list[tuple[str, dict[str, str], Any]] = [
    ("POST /channels/{channel_id}/messages", {"channel_id": _GENERAL}, _MESSAGE),
    ("POST /channels/{channel_id}/messages", {"channel_id": _GENERAL}, {"flags": 1 << 15, "components": [CONTAINER]}),
    (
        "POST /channels/{channel_id}/threads",
        {"channel_id": _IDEAS},
        {"name": "n", "message": {"content": "c", "embeds": [EMBED]}, "applied_tags": [str(GUILD_ID + 40)]},
    ),
    ("POST /guilds/{guild_id}/channels", {"guild_id": str(GUILD_ID)}, _CHANNEL),
    ("PATCH /channels/{channel_id}", {"channel_id": _GENERAL}, {**_CHANNEL, "type": 0}),
    (
        "PATCH /guilds/{guild_id}/channels",
        {"guild_id": str(GUILD_ID)},
        [{"id": _GENERAL, "position": 1, "parent_id": _CATEGORY, "lock_permissions": True}],
    ),
    ("PUT /applications/{application_id}/commands", {"application_id": str(APPLICATION_ID)}, COMMANDS),
    (
        "PATCH /guilds/{guild_id}",
        {"guild_id": str(GUILD_ID)},
        {"name": "name", "description": "d", "verification_level": 1, "system_channel_id": _GENERAL, "features": ["X"]},
    ),
    (
        "PATCH /guilds/{guild_id}/members/{user_id}",
        {"guild_id": str(GUILD_ID), "user_id": str(MEMBER_ID)},
        {"nick": "n", "roles": [str(GUILD_ID + 1)], "communication_disabled_until": "2027-01-20T00:00:00+00:00"},
    ),
    (
        "POST /guilds/{guild_id}/roles",
        {"guild_id": str(GUILD_ID)},
        {"name": "r", "permissions": "1024", "colors": {"primary_color": 1, "secondary_color": 2}, "hoist": True},
    ),
    ("PATCH /guilds/{guild_id}/roles", {"guild_id": str(GUILD_ID)}, [{"id": str(GUILD_ID + 1), "position": 2}]),
    ("POST /guilds/{guild_id}/bulk-ban", {"guild_id": str(GUILD_ID)}, {"user_ids": [str(MEMBER_ID)]}),
    ("POST /channels/{channel_id}/webhooks", {"channel_id": _GENERAL}, {"name": "n", "avatar": PIXEL}),
    ("POST /guilds/{guild_id}/emojis", {"guild_id": str(GUILD_ID)}, {"name": "nn", "image": PIXEL, "roles": []}),
    ("POST /channels/{channel_id}/invites", {"channel_id": _GENERAL}, {"max_age": 1, "max_uses": 2, "unique": True}),
]
BODIES += [
    ("POST /guilds/{guild_id}/scheduled-events", {"guild_id": str(GUILD_ID)}, EVENT),
    ("POST /guilds/{guild_id}/auto-moderation/rules", {"guild_id": str(GUILD_ID)}, RULE),
]
ANSWERS: list[Any] = [
    {"type": 4, "data": {"content": "x", "components": [ROW], "flags": 64}},
    {"type": 9, "data": MODAL},
]
