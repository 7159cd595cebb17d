"""Guilds come and go, as Discord's client has it: a founder owns a new one, with a text and a voice channel in it.

Bots cannot do this any more (https://discord.com/developers/docs/change-log, "Guild Create Deprecation"), so there are
no routes for it in Discord's API; people do it at the page, and tests by the control API.
"""

from typing import Any

from sandbox.discord import render
from sandbox.discord.core.guilds import add_member, check_name, join_bot
from sandbox.discord.entities import Application, Channel, ChannelType, Guild, Role
from sandbox.discord.errors import DiscordError
from sandbox.discord.permissions import EVERYONE_DEFAULT
from sandbox.discord.world import World

_ROOMS = (
    ("Text Channels", ChannelType.TEXT, "general"),
    ("Voice Channels", ChannelType.VOICE, "General"),
)


def found(world: World, owner_id: int, name: str, bots: list[Application], permissions: int) -> Guild:
    """Makes a guild of that name; each of the `bots` joins with a role that holds those permissions."""
    guild = Guild(world.new_id(), check_name(name), owner_id)
    guild.roles[guild.id] = Role(guild.id, "@everyone", EVERYONE_DEFAULT)
    for position, (above, kind, title) in enumerate(_ROOMS):
        category = _channel(world, guild, ChannelType.CATEGORY, above, position)
        room = _channel(world, guild, kind, title, position, parent=category)
        if kind is ChannelType.TEXT:
            guild.system_channel_id = room.id
    world.guilds[guild.id] = guild
    add_member(world, guild, owner_id, [], quiet=True)
    world.emit("GUILD_CREATE", render.guild_create(world, guild, owner_id), guild_id=guild.id, audience=(owner_id,))
    for application in bots:
        join_bot(world, guild, application, permissions)
    return guild


def close(world: World, owner_id: int, guild_id: int) -> None:
    """Deletes a guild with all that is in it; its owner alone may."""
    guild = world.guild(guild_id)
    if guild.owner_id != owner_id:
        raise DiscordError(50013 if owner_id in guild.members else 10004)
    world.emit("GUILD_DELETE", {"id": str(guild.id)}, guild_id=guild.id, audience=tuple(guild.members))
    for channel_id in (*guild.channels, *guild.threads):
        world.channels.pop(channel_id, None)
        world.messages.pop(channel_id, None)
    tables: tuple[dict[Any, Any], ...] = (world.webhooks, world.commands, world.invites)
    for table in tables:
        for key in [key for key, record in table.items() if record.guild_id == guild.id]:
            del table[key]
    del world.guilds[guild.id]


def _channel(
    world: World, guild: Guild, kind: ChannelType, name: str, position: int, *, parent: Channel | None = None
) -> Channel:
    parent_id = None if parent is None else parent.id
    channel = Channel(world.new_id(), kind, guild.id, name, position=position, parent_id=parent_id)
    guild.channels[channel.id] = world.channels[channel.id] = channel
    return channel
