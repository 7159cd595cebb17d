"""Emojis of guilds and of applications. https://discord.com/developers/docs/resources/emoji"""

import base64
import binascii

from sandbox.discord import render
from sandbox.discord.core import audit
from sandbox.discord.core.access import Actor, require_guild
from sandbox.discord.entities import Application, Emoji, Guild
from sandbox.discord.errors import DiscordError, field_error
from sandbox.discord.limits import SIZES
from sandbox.discord.permissions import P
from sandbox.discord.world import World


def find(guild: Guild, emoji_id: int) -> Emoji:
    """One; 10014."""
    found = guild.emojis.get(emoji_id)
    if found is None:
        raise DiscordError(10014)
    return found


def _tell(world: World, guild: Guild) -> None:
    data = {"guild_id": str(guild.id), "emojis": [render.emoji(world, e) for e in guild.emojis.values()]}
    world.emit("GUILD_EMOJIS_UPDATE", data, guild_id=guild.id)


def create(world: World, actor: Actor, guild_id: int, *, name: str, image: str, roles: list[int]) -> Emoji:
    """A new one from a data URI of at most 256 KiB."""
    guild = require_guild(world, actor, guild_id, P.CREATE_GUILD_EXPRESSIONS)
    if len(guild.emojis) >= SIZES.emojis:
        raise DiscordError(30008)
    emoji = _drawn(world, actor, name, image, roles)
    guild.emojis[emoji.id] = emoji
    _tell(world, guild)
    audit.record(world, guild, actor, audit.Action.EMOJI_CREATE, emoji.id, changes=[{"key": "name", "new_value": name}])
    return emoji


def of_application(application: Application, emoji_id: int) -> Emoji:
    """One of an application's; 10014."""
    found = application.emojis.get(emoji_id)
    if found is None:
        raise DiscordError(10014)
    return found


def create_for_application(world: World, actor: Actor, application: Application, *, name: str, image: str) -> Emoji:
    """A new one that only this application uses, wherever it is."""
    if len(application.emojis) >= SIZES.application_emojis:
        raise DiscordError(30008)
    if any(emoji.name == name for emoji in application.emojis.values()):
        raise field_error("name", "APPLICATION_EMOJI_NAME_ALREADY_TAKEN", "This name is already taken")
    emoji = _drawn(world, actor, name, image, [])
    application.emojis[emoji.id] = emoji
    return emoji


def _drawn(world: World, actor: Actor, name: str, image: str, roles: list[int]) -> Emoji:
    head, _, data = image.partition(",")
    try:
        raw = base64.b64decode(data, validate=True)
    except binascii.Error as error:
        raise DiscordError(50046) from error
    if not head.startswith("data:image/") or not raw:
        raise field_error("image", "IMAGE_INVALID", "Unsupported image type given")
    if len(raw) > SIZES.emoji_bytes:
        raise DiscordError(50138)
    emoji = Emoji(world.new_id(), name, actor.user_id, head.startswith("data:image/gif"), roles)
    world.files[emoji.id] = raw
    world.file_kinds[emoji.id] = head.removeprefix("data:").split(";")[0]
    return emoji


def _owned(world: World, actor: Actor, guild_id: int, emoji_id: int) -> tuple[Guild, Emoji]:
    guild = require_guild(world, actor, guild_id)
    emoji = find(guild, emoji_id)
    held = world.guild_permissions(guild, actor.user_id)
    if not held & P.MANAGE_GUILD_EXPRESSIONS and not (
        emoji.creator_id == actor.user_id and held & P.CREATE_GUILD_EXPRESSIONS
    ):
        raise DiscordError(50013)
    return guild, emoji


def update(
    world: World, actor: Actor, guild_id: int, emoji_id: int, *, name: str | None, roles: list[int] | None
) -> Emoji:
    """Changes name or roles."""
    guild, emoji = _owned(world, actor, guild_id, emoji_id)
    changes = audit.difference({"name": emoji.name}, {"name": name or emoji.name})
    emoji.name = name or emoji.name
    emoji.roles = emoji.roles if roles is None else roles
    _tell(world, guild)
    audit.record(world, guild, actor, audit.Action.EMOJI_UPDATE, emoji.id, changes=changes)
    return emoji


def delete(world: World, actor: Actor, guild_id: int, emoji_id: int) -> None:
    """Deletes one."""
    guild, emoji = _owned(world, actor, guild_id, emoji_id)
    del guild.emojis[emoji.id]
    _tell(world, guild)
    audit.record(
        world, guild, actor, audit.Action.EMOJI_DELETE, emoji.id, changes=[{"key": "name", "old_value": emoji.name}]
    )
