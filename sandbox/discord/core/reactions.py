"""Reactions: https://discord.com/developers/docs/resources/message#create-reaction"""

from sandbox.discord import render
from sandbox.discord.core.access import Actor, has, require_channel
from sandbox.discord.core.messages import visible
from sandbox.discord.entities import JSON, Channel, Message, Reaction
from sandbox.discord.errors import DiscordError
from sandbox.discord.limits import SIZES
from sandbox.discord.permissions import P
from sandbox.discord.world import World


def parse_emoji(world: World, text: str) -> tuple[int | None, str]:
    """A unicode emoji, or `name:id` of a guild's; 10014."""
    name, _, number = text.rpartition(":")
    if number.isdecimal() and name:
        for guild in world.guilds.values():
            if int(number) in guild.emojis:
                return int(number), guild.emojis[int(number)].name
        raise DiscordError(10014)
    if not text or (text.isascii() and not any(mark in text for mark in "#*0123456789")) or len(text) > 32:
        raise DiscordError(10014)
    return None, text


def _key(emoji: tuple[int | None, str]) -> str:
    return str(emoji[0]) if emoji[0] is not None else emoji[1]


def _message(world: World, actor: Actor, channel_id: int, message_id: int) -> tuple[Channel, Message]:
    channel = require_channel(world, actor, channel_id, P.READ_MESSAGE_HISTORY)
    message = visible(world, actor, channel, message_id)
    if channel.thread is not None and channel.thread.archived:
        raise DiscordError(50083)
    return channel, message


def _tell(world: World, name: str, message: Message, data: JSON) -> None:
    body: JSON = {"channel_id": str(message.channel_id), "message_id": str(message.id), **data}
    if message.guild_id is not None:
        body["guild_id"] = str(message.guild_id)
    world.emit(name, body, guild_id=message.guild_id, channel_id=message.channel_id)


def _described(emoji: tuple[int | None, str]) -> JSON:
    return {"id": render.id_or_none(emoji[0]), "name": emoji[1]}


def add(world: World, actor: Actor, channel_id: int, message_id: int, text: str) -> None:
    """Adds one's own; a new emoji needs ADD_REACTIONS."""
    channel, message = _message(world, actor, channel_id, message_id)
    emoji = parse_emoji(world, text)
    if message.ephemeral:
        raise DiscordError(90001)
    if message.reactions is None:
        message.reactions = {}
    found = message.reactions.get(_key(emoji))
    if found is None or not found.users:
        if not has(world, actor, channel, P.ADD_REACTIONS):
            raise DiscordError(50013)
        if len(message.reactions) >= SIZES.reactions:
            raise DiscordError(30010)
        found = message.reactions[_key(emoji)] = Reaction(*emoji)
    if actor.user_id in found.users:
        return
    found.users[actor.user_id] = None
    data: JSON = {
        "user_id": str(actor.user_id),
        "emoji": _described(emoji),
        "message_author_id": str(message.author_id),
        "burst": False,
        "type": 0,
    }
    if message.guild_id is not None:
        members = world.guilds[message.guild_id].members
        data["member"] = render.member(world, members[actor.user_id])
    _tell(world, "MESSAGE_REACTION_ADD", message, data)


def remove(world: World, actor: Actor, channel_id: int, message_id: int, text: str, *, user_id: int) -> None:
    """Takes one's own away, or with MANAGE_MESSAGES another's."""
    channel, message = _message(world, actor, channel_id, message_id)
    emoji = parse_emoji(world, text)
    if user_id != actor.user_id:
        require_channel(world, actor, channel.id, P.MANAGE_MESSAGES)
    found = (message.reactions or {}).get(_key(emoji))
    if found is None or user_id not in found.users:
        raise DiscordError(10014)
    del found.users[user_id]
    if not found.users and message.reactions is not None:
        del message.reactions[_key(emoji)]
    data: JSON = {"user_id": str(user_id), "emoji": _described(emoji), "burst": False, "type": 0}
    _tell(world, "MESSAGE_REACTION_REMOVE", message, data)


def users(world: World, actor: Actor, channel_id: int, message_id: int, text: str) -> list[int]:
    """Who reacted with that emoji."""
    _, message = _message(world, actor, channel_id, message_id)
    found = (message.reactions or {}).get(_key(parse_emoji(world, text)))
    return [] if found is None else list(found.users)


def clear(world: World, actor: Actor, channel_id: int, message_id: int, text: str | None) -> None:
    """Takes all reactions away, or all of one emoji; needs MANAGE_MESSAGES."""
    channel, message = _message(world, actor, channel_id, message_id)
    require_channel(world, actor, channel.id, P.MANAGE_MESSAGES)
    if text is None:
        message.reactions = None
        _tell(world, "MESSAGE_REACTION_REMOVE_ALL", message, {})
        return
    emoji = parse_emoji(world, text)
    if (message.reactions or {}).pop(_key(emoji), None) is not None:
        _tell(world, "MESSAGE_REACTION_REMOVE_EMOJI", message, {"emoji": _described(emoji)})
