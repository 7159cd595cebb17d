"""Pins: https://discord.com/developers/docs/resources/message#pin-message"""

from sandbox.discord import render
from sandbox.discord.core import audit, messages, posting
from sandbox.discord.core.access import Actor, has, require_channel
from sandbox.discord.entities import Channel, Message, MessageType
from sandbox.discord.errors import DiscordError
from sandbox.discord.limits import SIZES
from sandbox.discord.permissions import P
from sandbox.discord.world import World


def listed(world: World, actor: Actor, channel_id: int) -> list[Message]:
    """The pinned messages of a channel, latest pin first."""
    channel = require_channel(world, actor, channel_id)
    if not has(world, actor, channel, P.READ_MESSAGE_HISTORY):
        return []
    pinned = [m for m in world.log(channel.id) if m.pinned_at is not None]
    return sorted(pinned, key=lambda m: m.pinned_at or 0.0, reverse=True)


def _tell(world: World, channel: Channel) -> None:
    data = {"channel_id": str(channel.id), "last_pin_timestamp": render.iso_or_none(channel.last_pin_at)}
    if channel.guild_id is not None:
        data["guild_id"] = str(channel.guild_id)
    world.emit("CHANNEL_PINS_UPDATE", data, guild_id=channel.guild_id, channel_id=channel.id)


def pin(world: World, actor: Actor, channel_id: int, message_id: int) -> None:
    """Pins a message and says so in the channel."""
    channel = require_channel(world, actor, channel_id, P.PIN_MESSAGES)
    message = messages.visible(world, actor, channel, message_id)
    if message.pinned_at is not None:
        return
    if message.ephemeral or message.type not in (
        MessageType.DEFAULT,
        MessageType.REPLY,
        MessageType.CHAT_INPUT_COMMAND,
    ):
        raise DiscordError(50021)
    if sum(m.pinned_at is not None for m in world.log(channel.id)) >= SIZES.pins:
        raise DiscordError(30003)
    message.pinned_at = channel.last_pin_at = world.now()
    _tell(world, channel)
    posting.announce(world, "MESSAGE_UPDATE", message)
    notice = Message(
        id=world.new_id(),
        channel_id=channel.id,
        author_id=actor.user_id,
        guild_id=channel.guild_id,
        type=MessageType.CHANNEL_PINNED_MESSAGE,
        sent_at=world.now(),
        reference={"type": 0, "channel_id": str(channel.id), "message_id": str(message.id)},
    )
    posting.post(world, notice, channel)
    _record(world, actor, channel, message, audit.Action.MESSAGE_PIN)


def unpin(world: World, actor: Actor, channel_id: int, message_id: int) -> None:
    """Unpins a message."""
    channel = require_channel(world, actor, channel_id, P.PIN_MESSAGES)
    message = messages.visible(world, actor, channel, message_id)
    if message.pinned_at is None:
        return
    message.pinned_at = None
    _tell(world, channel)
    posting.announce(world, "MESSAGE_UPDATE", message)
    _record(world, actor, channel, message, audit.Action.MESSAGE_UNPIN)


def _record(world: World, actor: Actor, channel: Channel, message: Message, action: audit.Action) -> None:
    if channel.guild_id is not None:
        options = {"channel_id": str(channel.id), "message_id": str(message.id)}
        audit.record(world, world.guilds[channel.guild_id], actor, action, message.author_id, options=options)
