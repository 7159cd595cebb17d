"""Discord's permissions: names to bits, and what a member may do in a guild or a channel.

https://docs.discord.com/developers/topics/permissions
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

_ORDER = [
    "create_instant_invite",
    "kick_members",
    "ban_members",
    "administrator",
    "manage_channels",
    "manage_guild",
    "add_reactions",
    "view_audit_log",
    "priority_speaker",
    "stream",
    "view_channel",
    "send_messages",
    "send_tts_messages",
    "manage_messages",
    "embed_links",
    "attach_files",
    "read_message_history",
    "mention_everyone",
    "use_external_emojis",
    "view_guild_insights",
    "connect",
    "speak",
    "mute_members",
    "deafen_members",
    "move_members",
    "use_vad",
    "change_nickname",
    "manage_nicknames",
    "manage_roles",
    "manage_webhooks",
    "manage_guild_expressions",
    "use_application_commands",
    "request_to_speak",
    "manage_events",
    "manage_threads",
    "create_public_threads",
    "create_private_threads",
    "use_external_stickers",
    "send_messages_in_threads",
    "use_embedded_activities",
    "moderate_members",
    "view_creator_monetization_analytics",
    "use_soundboard",
    "create_guild_expressions",
    "create_events",
    "use_external_sounds",
    "send_voice_messages",
]
BITS: Mapping[str, int] = {name: 1 << index for index, name in enumerate(_ORDER)} | {
    "send_polls": 1 << 49,
    "use_external_apps": 1 << 50,
    "pin_messages": 1 << 51,
    "bypass_slowmode": 1 << 52,
}
ALL = sum(BITS.values())
ADMINISTRATOR = BITS["administrator"]
_ALIASES = {
    "manage_permissions": "manage_roles",
    "manage_server": "manage_guild",
    "read_messages": "view_channel",
    "view_channels": "view_channel",
    "timeout_members": "moderate_members",
    "manage_emojis_and_stickers": "manage_guild_expressions",
    "manage_expressions": "manage_guild_expressions",
    "create_invite": "create_instant_invite",
    "video": "stream",
    "use_voice_activity": "use_vad",
}
RISKY = frozenset(
    [
        "administrator",
        "manage_guild",
        "manage_roles",
        "manage_channels",
        "kick_members",
        "ban_members",
        "manage_webhooks",
        "mention_everyone",
        "moderate_members",
        "manage_messages",
        "manage_nicknames",
        "view_audit_log",
        "manage_threads",
    ]
)
"""Permissions whose grant is worth a second look."""


class Subject(Protocol):
    """Somebody whose permissions are asked for."""

    @property
    def user_id(self) -> int:
        """Their snowflake."""
        ...

    @property
    def role_ids(self) -> tuple[int, ...]:
        """Their roles, without @everyone."""
        ...


def bit(name: str) -> int:
    """The bit of a permission by name. Raises KeyError for one that does not exist."""
    return BITS[_ALIASES.get(name, name)]


def known(name: str) -> bool:
    """Whether there is a permission of that name."""
    return _ALIASES.get(name, name) in BITS


def bits(names: Iterable[str]) -> int:
    """The bits of several permissions."""
    total = 0
    for name in names:
        total |= bit(name)
    return total


def names(value: int) -> tuple[str, ...]:
    """The names of the permissions in a bit set."""
    return tuple(name for name, one in BITS.items() if value & one)


def in_guild(role_permissions: Mapping[int, int], *, guild_id: int, owner_id: int, subject: Subject) -> int:
    """What somebody may do in a guild, before any channel's overwrites."""
    if subject.user_id == owner_id:
        return ALL
    total = role_permissions.get(guild_id, 0)
    for role_id in subject.role_ids:
        total |= role_permissions.get(role_id, 0)
    return ALL if total & ADMINISTRATOR else total


def in_channel(base: int, overwrites: Iterable[Mapping[str, Any]], *, guild_id: int, subject: Subject) -> int:
    """What somebody with certain permissions in the guild may do in a channel."""
    if base & ADMINISTRATOR:
        return ALL
    by_id = {int(overwrite["id"]): overwrite for overwrite in overwrites}
    total = base
    if guild_id in by_id:
        total = _applied(total, [by_id[guild_id]])
    total = _applied(total, [by_id[role] for role in subject.role_ids if role in by_id])
    if subject.user_id in by_id:
        total = _applied(total, [by_id[subject.user_id]])
    return total if total & BITS["view_channel"] else 0


def _applied(total: int, overwrites: Iterable[Mapping[str, Any]]) -> int:
    allow = deny = 0
    for overwrite in overwrites:
        allow |= int(overwrite["allow"])
        deny |= int(overwrite["deny"])
    return total & ~deny | allow
