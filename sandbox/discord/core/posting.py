"""Putting a message into its channel and telling of it."""

from sandbox.discord import render
from sandbox.discord.core import thread_life
from sandbox.discord.entities import JSON, Channel, Message
from sandbox.discord.world import World


def gateway_message(world: World, message: Message) -> JSON:
    """A message as MESSAGE_CREATE and MESSAGE_UPDATE carry it: with guild, member and channel type."""
    data = render.message(world, message)
    channel = world.channels.get(message.channel_id)
    if channel is not None:
        data["channel_type"] = int(channel.type)
    if message.guild_id is not None:
        data["guild_id"] = str(message.guild_id)
        members = world.guilds[message.guild_id].members
        if message.persona is None and message.author_id in members:
            data["member"] = render.bare_member(members[message.author_id])
        for mentioned in data["mentions"]:
            member = members.get(int(mentioned["id"]))
            if member is not None:
                mentioned["member"] = render.bare_member(member)
    return data


def announce(world: World, name: str, message: Message) -> None:
    """Tells of a message as it is now."""
    world.emit(
        name,
        gateway_message(world, message),
        guild_id=message.guild_id,
        channel_id=message.channel_id,
        audience=None if message.reader_id is None else (message.reader_id,),
    )


def post(world: World, message: Message, channel: Channel) -> None:
    """Stores a message and tells of it; a thread wakes up and its author joins."""
    world.log(channel.id).add(message)
    if not message.ephemeral:
        channel.last_message_id = message.id
        if channel.thread is not None:
            thread_life.on_message(world, channel, message)
    world.counts.messages_sent += 1
    announce(world, "MESSAGE_CREATE", message)
