"""What to create a thing with to get one like it: Discord's answers, made into what its routes take; pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_CHANNEL_FIELDS = [
    "name",
    "type",
    "topic",
    "nsfw",
    "rate_limit_per_user",
    "user_limit",
    "bitrate",
    "parent_id",
    "permission_overwrites",
    "position",
    "default_auto_archive_duration",
    "available_tags",
    "default_reaction_emoji",
    "default_sort_order",
    "default_forum_layout",
    "default_thread_rate_limit_per_user",
    "rtc_region",
    "video_quality_mode",
]
_ROLE_FIELDS = ("name", "permissions", "color", "hoist", "mentionable")


def channel_body(raw: Mapping[str, Any]) -> dict[str, Any]:
    """What to create a channel with to get one like it."""
    body = {name: raw[name] for name in _CHANNEL_FIELDS if raw.get(name) not in (None, [], "")}
    if "available_tags" in body:
        kept = ("name", "moderated", "emoji_id", "emoji_name")
        body["available_tags"] = [
            {key: tag[key] for key in kept if tag.get(key) is not None} for tag in body["available_tags"]
        ]
    body["permission_overwrites"] = [overwrite_body(one) for one in raw.get("permission_overwrites") or ()]
    return body


def overwrite_body(raw: Mapping[str, Any]) -> dict[str, Any]:
    """An overwrite as Discord takes it."""
    return {"id": str(raw["id"]), "type": int(raw["type"]), "allow": str(raw["allow"]), "deny": str(raw["deny"])}


def role_body(raw: Mapping[str, Any]) -> dict[str, Any]:
    """What to create a role with to get one like it."""
    body = {name: raw[name] for name in _ROLE_FIELDS if name in raw}
    body["permissions"] = str(raw.get("permissions", "0"))
    return body
