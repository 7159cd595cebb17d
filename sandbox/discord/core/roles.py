"""Roles: https://discord.com/developers/docs/resources/guild#get-guild-roles and https://discord.com/developers/docs/topics/permissions"""

from sandbox.discord import render
from sandbox.discord.core import audit, members
from sandbox.discord.core.access import Actor, require_above_role, require_grantable, require_guild
from sandbox.discord.entities import JSON, Guild, Role
from sandbox.discord.errors import DiscordError
from sandbox.discord.limits import SIZES
from sandbox.discord.permissions import P
from sandbox.discord.world import World

_WATCHED = ("name", "permissions", "color", "hoist", "mentionable", "unicode_emoji")


def find(guild: Guild, role_id: int) -> Role:
    """A role; 10011."""
    found = guild.roles.get(role_id)
    if found is None:
        raise DiscordError(10011)
    return found


def _assign(role: Role, settings: JSON) -> None:
    for key, value in settings.items():
        setattr(role, key, value)


def create(world: World, actor: Actor, guild_id: int, settings: JSON) -> Role:
    """A new role just above the everyone role; only permissions that one holds."""
    guild = require_guild(world, actor, guild_id, P.MANAGE_ROLES)
    if len(guild.roles) >= SIZES.guild_roles:
        raise DiscordError(30005)
    permissions = settings.get("permissions", guild.everyone.permissions)
    held = world.guild_permissions(guild, actor.user_id)
    require_grantable(world, actor, guild, (guild.everyone.permissions, permissions), held)
    role = Role(world.new_id(), "new role", position=1)
    _assign(role, {**settings, "permissions": permissions})
    for other in guild.roles.values():
        if other.id != guild.id:
            other.position += 1
    guild.roles[role.id] = role
    shown = render.role(role)
    world.emit("GUILD_ROLE_CREATE", {"guild_id": str(guild.id), "role": shown}, guild_id=guild.id)
    audit.record(world, guild, actor, audit.Action.ROLE_CREATE, role.id, changes=audit.difference({}, shown, _WATCHED))
    return role


def update(world: World, actor: Actor, guild_id: int, role_id: int, settings: JSON) -> Role:
    """Changes a role below one's own."""
    guild = require_guild(world, actor, guild_id, P.MANAGE_ROLES)
    role = find(guild, role_id)
    require_above_role(world, actor, guild, role)
    if role.managed and set(settings) & {"name"}:
        raise DiscordError(50028)
    if "permissions" in settings:
        held = world.guild_permissions(guild, actor.user_id)
        require_grantable(world, actor, guild, (role.permissions, settings["permissions"]), held)
    before = render.role(role)
    _assign(role, settings)
    after = render.role(role)
    world.emit("GUILD_ROLE_UPDATE", {"guild_id": str(guild.id), "role": after}, guild_id=guild.id)
    changes = audit.difference(before, after, _WATCHED)
    if changes:
        audit.record(world, guild, actor, audit.Action.ROLE_UPDATE, role.id, changes=changes)
    return role


def reorder(world: World, actor: Actor, guild_id: int, moves: list[tuple[int, int | None]]) -> list[Role]:
    """Moves roles; neither one's highest and above, nor anything up there."""
    guild = require_guild(world, actor, guild_id, P.MANAGE_ROLES)
    top = world.top_position(guild, actor.user_id)
    for role_id, position in moves:
        role = find(guild, role_id)
        require_above_role(world, actor, guild, role)
        if role_id == guild.id or (position is not None and (position >= top or position < 1)):
            raise DiscordError(50013)
    for role_id, position in moves:
        if position is not None:
            guild.roles[role_id].position = position
    ordered = sorted(
        (r for r in guild.roles.values() if r.id != guild.id),
        key=lambda r: (r.position, r.id not in {m[0] for m in moves}, r.id),
    )
    for index, role in enumerate(ordered, start=1):
        if role.position != index or role.id in {m[0] for m in moves}:
            role.position = index
            world.emit("GUILD_ROLE_UPDATE", {"guild_id": str(guild.id), "role": render.role(role)}, guild_id=guild.id)
    return [guild.everyone, *ordered]


def delete(world: World, actor: Actor, guild_id: int, role_id: int) -> None:
    """Deletes a role and takes it from everybody."""
    guild = require_guild(world, actor, guild_id, P.MANAGE_ROLES)
    role = find(guild, role_id)
    if role.managed or role_id == guild.id:
        raise DiscordError(50028)
    require_above_role(world, actor, guild, role)
    shown = render.role(role)
    del guild.roles[role_id]
    for member in guild.members.values():
        if role_id in member.roles:
            member.roles.remove(role_id)
            members.announce(world, guild, member)
    for channel in guild.channels.values():
        if channel.overwrites.pop(role_id, None) is not None:
            world.emit("CHANNEL_UPDATE", render.channel(world, channel), guild_id=guild.id)
    world.emit("GUILD_ROLE_DELETE", {"guild_id": str(guild.id), "role_id": str(role_id)}, guild_id=guild.id)
    audit.record(world, guild, actor, audit.Action.ROLE_DELETE, role_id, changes=audit.difference(shown, {}, _WATCHED))
