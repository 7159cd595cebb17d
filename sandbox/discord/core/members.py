"""Members and their roles. https://discord.com/developers/docs/resources/guild#guild-member-object"""

from sandbox.discord import render
from sandbox.discord.core import audit
from sandbox.discord.core.access import (
    Actor,
    require_above_member,
    require_above_role,
    require_guild,
    require_member,
)
from sandbox.discord.entities import JSON, Guild, Member
from sandbox.discord.errors import DiscordError, field_error
from sandbox.discord.limits import SIZES
from sandbox.discord.permissions import P
from sandbox.discord.world import World

_WATCHED = ("nick", "communication_disabled_until", "mute", "deaf")


def announce(world: World, guild: Guild, member: Member) -> None:
    """Tells of a member as they are now."""
    data = {**render.member(world, member), "guild_id": str(guild.id)}
    world.emit("GUILD_MEMBER_UPDATE", data, guild_id=guild.id, subject_id=member.user_id)


def update(world: World, actor: Actor, guild_id: int, user_id: int, changes: JSON) -> Member:
    """Changes a member; each field asks for its own permission."""
    guild = require_member(world, actor, guild_id)
    member = world.member(guild, user_id)
    held = world.guild_permissions(guild, actor.user_id)
    own = user_id == actor.user_id
    needed = {
        "nick": P.CHANGE_NICKNAME if own else P.MANAGE_NICKNAMES,
        "roles": P.MANAGE_ROLES,
        "mute": P.MUTE_MEMBERS,
        "deaf": P.DEAFEN_MEMBERS,
        "channel_id": P.MOVE_MEMBERS,
        "timed_out_until": P.MODERATE_MEMBERS,
        "flags": P.MODERATE_MEMBERS,
    }
    for key in changes:
        if not held & needed[key] and not (key == "nick" and held & P.MANAGE_NICKNAMES):
            raise DiscordError(50013)
    if not own and set(changes) - {"roles", "mute", "deaf"}:
        require_above_member(world, actor, guild, user_id)
    if "channel_id" in changes or "mute" in changes or "deaf" in changes:
        raise DiscordError(40032)
    before = render.member(world, member)
    if "timed_out_until" in changes:
        _time_out(world, guild, member, changes["timed_out_until"])
    if "roles" in changes:
        _set_roles(world, actor, guild, member, changes["roles"])
    if "nick" in changes:
        member.nick = changes["nick"] or None
    if "flags" in changes:
        member.flags = changes["flags"]
    announce(world, guild, member)
    differences = audit.difference(before, render.member(world, member), _WATCHED)
    if differences:
        audit.record(world, guild, actor, audit.Action.MEMBER_UPDATE, user_id, changes=differences)
    return member


def _time_out(world: World, guild: Guild, member: Member, until: float | None) -> None:
    if until is not None:
        if world.guild_permissions(guild, member.user_id) & P.ADMINISTRATOR:
            raise DiscordError(50013)
        if until > world.now() + SIZES.timeout_days * 86400:
            raise field_error(
                "communication_disabled_until",
                "GUILD_MEMBER_TIMEOUT_TOO_LONG",
                f"Timeouts last at most {SIZES.timeout_days} days.",
            )
    member.timed_out_until = until if until is not None and until > world.now() else None


def _set_roles(world: World, actor: Actor, guild: Guild, member: Member, roles: list[int]) -> None:
    for role_id in set(roles) ^ set(member.roles):
        role = guild.roles.get(role_id)
        if role is None or role_id == guild.id:
            raise DiscordError(10011)
        if role.managed:
            raise DiscordError(50013)
        require_above_role(world, actor, guild, role)
    added, removed = [r for r in roles if r not in member.roles], [r for r in member.roles if r not in roles]
    member.roles = sorted(set(roles), key=lambda id_: guild.roles[id_].position)
    _record_roles(world, actor, guild, member, added=added, removed=removed)


def _record_roles(
    world: World, actor: Actor, guild: Guild, member: Member, *, added: list[int], removed: list[int]
) -> None:
    changes = [
        {"key": key, "new_value": [{"id": str(id_), "name": guild.roles[id_].name} for id_ in ids]}
        for key, ids in (("$add", added), ("$remove", removed))
        if ids
    ]
    if changes:
        audit.record(world, guild, actor, audit.Action.MEMBER_ROLE_UPDATE, member.user_id, changes=changes)


def give_role(world: World, actor: Actor, guild_id: int, user_id: int, role_id: int, *, take: bool = False) -> None:
    """Gives a role, or takes it."""
    guild = require_guild(world, actor, guild_id, P.MANAGE_ROLES)
    member = world.member(guild, user_id)
    role = guild.roles.get(role_id)
    if role is None or role_id == guild.id:
        raise DiscordError(10011)
    if role.managed:
        raise DiscordError(50013)
    require_above_role(world, actor, guild, role)
    if (role_id in member.roles) != take:
        return
    if take:
        member.roles.remove(role_id)
        _record_roles(world, actor, guild, member, added=[], removed=[role_id])
    else:
        member.roles = sorted([*member.roles, role_id], key=lambda id_: guild.roles[id_].position)
        _record_roles(world, actor, guild, member, added=[role_id], removed=[])
    announce(world, guild, member)


def search(world: World, guild: Guild, query: str, limit: int) -> list[Member]:
    """Members whose username or nick starts so."""
    wanted = query.lower()
    found = [
        m
        for m in guild.members.values()
        if world.users[m.user_id].username.lower().startswith(wanted) or (m.nick or "").lower().startswith(wanted)
    ]
    return sorted(found, key=lambda m: m.user_id)[:limit]
