"""Records as Discord's JSON: ids as strings, times in ISO 8601, every field that clients read without asking.

The shapes are those of Discord's OpenAPI description; what only the gateway adds is added in `core`. One module for
each kind of thing; what contains another imports it, never the other way round.
"""

from sandbox.discord.render.entrances import command, invite, webhook
from sandbox.discord.render.keeping import audit_entry, automod_rule, scheduled_event
from sandbox.discord.render.messages import attachment, author, message, reaction, snapshot
from sandbox.discord.render.people import application, bare_member, member, own_user, user
from sandbox.discord.render.places import (
    channel,
    emoji,
    forum_tag,
    guild,
    guild_create,
    overwrite,
    role,
    thread,
    thread_member,
)
from sandbox.discord.render.values import id_or_none, iso, iso_or_none

__all__ = [
    "application",
    "attachment",
    "audit_entry",
    "author",
    "automod_rule",
    "bare_member",
    "channel",
    "command",
    "emoji",
    "forum_tag",
    "guild",
    "guild_create",
    "id_or_none",
    "invite",
    "iso",
    "iso_or_none",
    "member",
    "message",
    "overwrite",
    "own_user",
    "reaction",
    "role",
    "scheduled_event",
    "snapshot",
    "thread",
    "thread_member",
    "user",
    "webhook",
]
