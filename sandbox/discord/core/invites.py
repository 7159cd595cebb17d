"""Invites: https://discord.com/developers/docs/resources/invite"""

import secrets

from sandbox.discord import render
from sandbox.discord.core import audit
from sandbox.discord.core.access import Actor, require_channel, require_guild
from sandbox.discord.entities import Invite
from sandbox.discord.errors import DiscordError
from sandbox.discord.limits import SIZES
from sandbox.discord.permissions import P
from sandbox.discord.world import World

_ALPHABET = "abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"


def alive(world: World, invite: Invite) -> bool:
    """Whether it can still be used."""
    aged = invite.max_age != 0 and world.now() > invite.created_at + invite.max_age
    return not aged and (invite.max_uses == 0 or invite.uses < invite.max_uses)


def get(world: World, code: str) -> Invite:
    """One; 10006."""
    found = world.invites.get(code)
    if found is None or not alive(world, found):
        raise DiscordError(10006)
    return found


def of_channel(world: World, actor: Actor, channel_id: int) -> list[Invite]:
    """A channel's."""
    require_channel(world, actor, channel_id, P.MANAGE_CHANNELS)
    return [i for i in world.invites.values() if i.channel_id == channel_id and alive(world, i)]


def of_guild(world: World, actor: Actor, guild_id: int) -> list[Invite]:
    """A guild's."""
    require_guild(world, actor, guild_id, P.MANAGE_GUILD)
    return [i for i in world.invites.values() if i.guild_id == guild_id and alive(world, i)]


def create(
    world: World, actor: Actor, channel_id: int, *, max_age: int, max_uses: int, temporary: bool, unique: bool
) -> Invite:
    """A new one, or without `unique` the one like it."""
    channel = require_channel(world, actor, channel_id, P.CREATE_INSTANT_INVITE)
    if channel.guild_id is None:
        raise DiscordError(50003)
    existing = [i for i in world.invites.values() if i.guild_id == channel.guild_id and alive(world, i)]
    if not unique:
        for invite in existing:
            if (invite.channel_id, invite.inviter_id, invite.max_age, invite.max_uses, invite.temporary) == (
                channel_id,
                actor.user_id,
                max_age,
                max_uses,
                temporary,
            ):
                return invite
    if len(existing) >= SIZES.invites:
        raise DiscordError(30016)
    code = "".join(secrets.choice(_ALPHABET) for _ in range(8))
    invite = Invite(code, channel.guild_id, channel_id, actor.user_id, world.now(), max_age, max_uses, temporary)
    world.invites[code] = invite
    data = {
        "channel_id": str(channel_id),
        "guild_id": str(channel.guild_id),
        "code": code,
        "created_at": render.iso(invite.created_at),
        "inviter": render.user(world.users[actor.user_id]),
        "max_age": max_age,
        "max_uses": max_uses,
        "temporary": temporary,
        "type": 0,
        "uses": 0,
        "expires_at": None if max_age == 0 else render.iso(invite.created_at + max_age),
    }
    world.emit("INVITE_CREATE", data, guild_id=channel.guild_id, channel_id=channel_id, needs=int(P.MANAGE_CHANNELS))
    audit.record(
        world,
        world.guilds[channel.guild_id],
        actor,
        audit.Action.INVITE_CREATE,
        None,
        changes=[{"key": "code", "new_value": code}, {"key": "channel_id", "new_value": str(channel_id)}],
    )
    return invite


def delete(world: World, actor: Actor, code: str) -> Invite:
    """Revokes one, with MANAGE_CHANNELS in its channel or MANAGE_GUILD."""
    invite = get(world, code)
    guild = world.guilds[invite.guild_id]
    if not world.guild_permissions(guild, actor.user_id) & P.MANAGE_GUILD:
        require_channel(world, actor, invite.channel_id, P.MANAGE_CHANNELS)
    del world.invites[code]
    data = {"channel_id": str(invite.channel_id), "guild_id": str(guild.id), "code": code}
    world.emit("INVITE_DELETE", data, guild_id=guild.id, channel_id=invite.channel_id, needs=int(P.MANAGE_CHANNELS))
    audit.record(world, guild, actor, audit.Action.INVITE_DELETE, None, changes=[{"key": "code", "old_value": code}])
    return invite
