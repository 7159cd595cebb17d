"""The audit log: https://discord.com/developers/docs/resources/audit-log"""

from collections.abc import Iterable
from enum import IntEnum
from typing import Any

from sandbox.discord import render
from sandbox.discord.core.access import Actor
from sandbox.discord.entities import JSON, AuditEntry, Guild
from sandbox.discord.limits import SIZES
from sandbox.discord.permissions import Permission
from sandbox.discord.world import World


class Action(IntEnum):
    """The actions that the sandbox records."""

    GUILD_UPDATE = 1
    CHANNEL_CREATE = 10
    CHANNEL_UPDATE = 11
    CHANNEL_DELETE = 12
    OVERWRITE_CREATE = 13
    OVERWRITE_UPDATE = 14
    OVERWRITE_DELETE = 15
    MEMBER_KICK = 20
    MEMBER_PRUNE = 21
    MEMBER_BAN_ADD = 22
    MEMBER_BAN_REMOVE = 23
    MEMBER_UPDATE = 24
    MEMBER_ROLE_UPDATE = 25
    BOT_ADD = 28
    ROLE_CREATE = 30
    ROLE_UPDATE = 31
    ROLE_DELETE = 32
    INVITE_CREATE = 40
    INVITE_DELETE = 42
    WEBHOOK_CREATE = 50
    WEBHOOK_UPDATE = 51
    WEBHOOK_DELETE = 52
    EMOJI_CREATE = 60
    EMOJI_UPDATE = 61
    EMOJI_DELETE = 62
    MESSAGE_DELETE = 72
    MESSAGE_BULK_DELETE = 73
    MESSAGE_PIN = 74
    MESSAGE_UNPIN = 75
    SCHEDULED_EVENT_CREATE = 100
    SCHEDULED_EVENT_UPDATE = 101
    SCHEDULED_EVENT_DELETE = 102
    THREAD_CREATE = 110
    THREAD_UPDATE = 111
    THREAD_DELETE = 112
    AUTOMOD_RULE_CREATE = 140
    AUTOMOD_RULE_UPDATE = 141
    AUTOMOD_RULE_DELETE = 142


def record(
    world: World,
    guild: Guild,
    actor: Actor,
    action: Action,
    target_id: int | None,
    *,
    changes: Iterable[JSON] = (),
    options: dict[str, str] | None = None,
) -> AuditEntry:
    """Writes a line and tells those who may read it."""
    entry = AuditEntry(
        world.new_id(), action, actor.user_id, target_id, world.now(), list(changes), options, actor.reason
    )
    oldest = world.now() - SIZES.audit_days * 86400
    if guild.audit and guild.audit[0].at < oldest:
        guild.audit = [kept for kept in guild.audit if kept.at >= oldest]
    guild.audit.append(entry)
    world.emit(
        "GUILD_AUDIT_LOG_ENTRY_CREATE",
        {**render.audit_entry(entry), "guild_id": str(guild.id)},
        guild_id=guild.id,
        needs=int(Permission.VIEW_AUDIT_LOG),
    )
    return entry


def difference(before: JSON, after: JSON, keys: Iterable[str] | None = None) -> list[JSON]:
    """What changed between two rendered records, as the log writes it."""
    changes = []
    for key in keys if keys is not None else dict.fromkeys([*before, *after]):
        old, new = before.get(key), after.get(key)
        if old != new:
            change: dict[str, Any] = {"key": key}
            if old is not None:
                change["old_value"] = old
            if new is not None:
                change["new_value"] = new
            changes.append(change)
    return changes
