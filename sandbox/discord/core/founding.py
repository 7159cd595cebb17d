"""A new guild, as Discord's client makes one: its founder owns it, a text and a voice channel are there.

Bots cannot do this any more (https://discord.com/developers/docs/change-log, "Guild Create Deprecation"), so there is
no route for it in Discord's API; people do it at the page, and tests by the control API.
"""

from sandbox.discord import render
from sandbox.discord.core.guilds import add_member, check_name, join_bot
from sandbox.discord.entities import Application, Channel, ChannelType, Guild, Role
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


def _channel(
    world: World, guild: Guild, kind: ChannelType, name: str, position: int, *, parent: Channel | None = None
) -> Channel:
    parent_id = None if parent is None else parent.id
    channel = Channel(world.new_id(), kind, guild.id, name, position=position, parent_id=parent_id)
    guild.channels[channel.id] = world.channels[channel.id] = channel
    return channel
