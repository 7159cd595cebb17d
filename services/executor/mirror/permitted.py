"""What somebody may do in a channel, as a copy of the guild says it; pure.
https://docs.discord.com/developers/topics/permissions#permission-overwrites
"""

from __future__ import annotations

import json

from services.executor.mirror.reading import GuildCopy
from services.executor.plans import permissions


def permissions_there(copy: GuildCopy, channel_id: int, who: permissions.Subject) -> int:
    """Their permissions, as Discord's bit set. KeyError for a channel that is not in the copy."""
    guild = json.loads(copy.guild)
    roles = {role_id: int(json.loads(raw)["permissions"]) for role_id, raw in copy.roles.items()}
    base = permissions.in_guild(roles, guild_id=int(guild["id"]), owner_id=int(guild["owner_id"]), subject=who)
    overwrites = json.loads(copy.channels[channel_id]).get("permission_overwrites") or ()
    return permissions.in_channel(base, overwrites, guild_id=int(guild["id"]), subject=who)
