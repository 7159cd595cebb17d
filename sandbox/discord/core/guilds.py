"""Guilds and who is in them; one module, for joining, leaving, kicks, bans and pruning end in the same two steps.

https://discord.com/developers/docs/resources/guild
"""

from sandbox.discord import render
from sandbox.discord.core import audit, messages
from sandbox.discord.core.access import Actor, require_above_member, require_guild, require_member
from sandbox.discord.entities import JSON, Application, ChannelType, Guild, Member, Role, User
from sandbox.discord.errors import DiscordError, field_error
from sandbox.discord.limits import SIZES
from sandbox.discord.permissions import P
from sandbox.discord.tokens import new_bot_token
from sandbox.discord.world import World

_PLAIN = (
    "name",
    "description",
    "preferred_locale",
    "verification_level",
    "default_message_notifications",
    "explicit_content_filter",
    "afk_channel_id",
    "afk_timeout",
    "system_channel_id",
    "system_channel_flags",
    "rules_channel_id",
    "public_updates_channel_id",
)


def add_member(
    world: World, guild: Guild, user_id: int, roles: list[int], *, joined_at: float | None = None, quiet: bool = False
) -> Member:
    """Somebody joins. `quiet` tells nobody (a seed)."""
    member = Member(user_id, world.now() if joined_at is None else joined_at, roles)
    guild.members[user_id] = member
    if not quiet:
        application = world.application_of(user_id)
        if application is not None:
            world.emit(
                "GUILD_CREATE", render.guild_create(world, guild, user_id), guild_id=guild.id, audience=(user_id,)
            )
        world.emit(
            "GUILD_MEMBER_ADD",
            {**render.member(world, member), "guild_id": str(guild.id)},
            guild_id=guild.id,
            subject_id=user_id,
        )
    return member


def add_bot(world: World, name: str, guild_ids: list[int], permissions: int, *, privileged: bool) -> Application:
    """A new application whose bot joins those guilds with a managed role of its own."""
    joined = [world.guild(id_) for id_ in guild_ids]
    number = world.new_id()
    owner = next(user.id for user in world.users.values() if not user.bot)
    world.users[number] = User(number, name, bot=True)
    application = Application(number, number, owner, name, new_bot_token(number))
    if not privileged:
        application.flags = 0
    world.applications[number] = application
    for guild in joined:
        join_bot(world, guild, application, permissions)
    return application


def join_bot(world: World, guild: Guild, application: Application, permissions: int) -> None:
    """An application's bot joins, with a managed role of its own."""
    bot_id = application.bot_id
    role = Role(world.new_id(), application.name, permissions, position=len(guild.roles), managed=True, bot_id=bot_id)
    guild.roles[role.id] = role
    world.emit("GUILD_ROLE_CREATE", {"guild_id": str(guild.id), "role": render.role(role)}, guild_id=guild.id)
    add_member(world, guild, bot_id, [role.id])


def remove_member(world: World, guild: Guild, user_id: int) -> None:
    """Somebody is no longer there."""
    for thread in guild.threads.values():
        if thread.thread is not None:
            thread.thread.members.pop(user_id, None)
    world.emit(
        "GUILD_MEMBER_REMOVE",
        {"guild_id": str(guild.id), "user": render.user(world.users[user_id])},
        guild_id=guild.id,
        subject_id=user_id,
    )
    world.emit("GUILD_DELETE", {"id": str(guild.id)}, guild_id=guild.id, audience=(user_id,))
    guild.members.pop(user_id, None)


def update(world: World, actor: Actor, guild_id: int, changes: JSON) -> Guild:
    """Changes a guild, with MANAGE_GUILD."""
    guild = require_guild(world, actor, guild_id, P.MANAGE_GUILD)
    for key in ("afk_channel_id", "system_channel_id", "rules_channel_id", "public_updates_channel_id"):
        wanted = changes.get(key)
        if wanted is not None:
            channel = guild.channels.get(wanted)
            if channel is None or (key == "afk_channel_id") != (channel.type is ChannelType.VOICE):
                raise field_error(key, "CHANNEL_TYPE_INVALID", "Invalid channel type")
    before = render.guild(world, guild)
    if "owner_id" in changes and changes["owner_id"] != guild.owner_id:
        if guild.owner_id != actor.user_id:
            raise DiscordError(50013)
        world.member(guild, changes["owner_id"])
        guild.owner_id = changes["owner_id"]
    for key in _PLAIN:
        if key in changes:
            setattr(guild, key, changes[key])
    if "features" in changes:
        guild.features = list(changes["features"])
    after = render.guild(world, guild)
    world.emit("GUILD_UPDATE", after, guild_id=guild.id)
    audit.record(
        world,
        guild,
        actor,
        audit.Action.GUILD_UPDATE,
        guild.id,
        changes=audit.difference(before, after, (*_PLAIN, "owner_id")),
    )
    return guild


def kick(world: World, actor: Actor, guild_id: int, user_id: int) -> None:
    """Takes a member out."""
    guild = require_guild(world, actor, guild_id, P.KICK_MEMBERS)
    world.member(guild, user_id)
    require_above_member(world, actor, guild, user_id)
    remove_member(world, guild, user_id)
    audit.record(world, guild, actor, audit.Action.MEMBER_KICK, user_id)


def leave(world: World, actor: Actor, guild_id: int) -> None:
    """One leaves by oneself; the owner cannot."""
    guild = require_member(world, actor, guild_id)
    if guild.owner_id == actor.user_id:
        raise DiscordError(50055)
    remove_member(world, guild, actor.user_id)


def ban(world: World, actor: Actor, guild_id: int, user_id: int, delete_seconds: int) -> None:
    """Bans somebody, member or not, and deletes what they wrote lately."""
    guild = require_guild(world, actor, guild_id, P.BAN_MEMBERS)
    world.user(user_id)
    if user_id in guild.members:
        require_above_member(world, actor, guild, user_id)
    _ban(world, actor, guild, user_id, delete_seconds)


def _ban(world: World, actor: Actor, guild: Guild, user_id: int, delete_seconds: int) -> None:
    if user_id in guild.members:
        remove_member(world, guild, user_id)
    guild.bans[user_id] = actor.reason
    world.emit(
        "GUILD_BAN_ADD",
        {"guild_id": str(guild.id), "user": render.user(world.users[user_id])},
        guild_id=guild.id,
        needs=int(P.BAN_MEMBERS),
    )
    audit.record(world, guild, actor, audit.Action.MEMBER_BAN_ADD, user_id)
    if delete_seconds:
        oldest = world.now() - delete_seconds
        for channel in [*guild.channels.values(), *guild.threads.values()]:
            gone = [
                m for m in world.log(channel.id) if m.author_id == user_id and m.sent_at >= oldest and m.persona is None
            ]
            for message in gone:
                messages.remove(world, message)


def bulk_ban(
    world: World, actor: Actor, guild_id: int, user_ids: list[int], delete_seconds: int
) -> tuple[list[int], list[int]]:
    """Bans many: who was banned, who could not be. 500000 where nobody could."""
    guild = require_guild(world, actor, guild_id, P.BAN_MEMBERS, P.MANAGE_GUILD)
    done, failed = [], []
    for user_id in user_ids:
        if user_id not in world.users or user_id in guild.bans or user_id == actor.user_id:
            failed.append(user_id)
            continue
        try:
            if user_id in guild.members:
                require_above_member(world, actor, guild, user_id)
        except DiscordError:
            failed.append(user_id)
            continue
        _ban(world, actor, guild, user_id, delete_seconds)
        done.append(user_id)
    if not done:
        raise DiscordError(500000)
    return done, failed


def unban(world: World, actor: Actor, guild_id: int, user_id: int) -> None:
    """Lifts a ban."""
    guild = require_guild(world, actor, guild_id, P.BAN_MEMBERS)
    if user_id not in guild.bans:
        raise DiscordError(10026)
    del guild.bans[user_id]
    world.emit(
        "GUILD_BAN_REMOVE",
        {"guild_id": str(guild.id), "user": render.user(world.users[user_id])},
        guild_id=guild.id,
        needs=int(P.BAN_MEMBERS),
    )
    audit.record(world, guild, actor, audit.Action.MEMBER_BAN_REMOVE, user_id)


def prunable(world: World, actor: Actor, guild_id: int, days: int, roles: list[int]) -> list[int]:
    """Members without roles (beyond `roles`) who have written nothing for that many days."""
    guild = require_guild(world, actor, guild_id, P.MANAGE_GUILD, P.KICK_MEMBERS)
    oldest = world.now() - days * 86400
    included = set(roles)
    active = {
        message.author_id
        for channel in [*guild.channels.values(), *guild.threads.values()]
        for message in world.log(channel.id)
        if message.sent_at >= oldest
    }
    return [
        member.user_id
        for member in guild.members.values()
        if set(member.roles) <= included
        and member.user_id not in active
        and member.joined_at < oldest
        and member.user_id != guild.owner_id
        and not world.users[member.user_id].bot
    ]


def prune(world: World, actor: Actor, guild_id: int, days: int, roles: list[int]) -> int:
    """Takes those members out; answers how many."""
    gone = prunable(world, actor, guild_id, days, roles)
    guild = world.guilds[guild_id]
    for user_id in gone:
        remove_member(world, guild, user_id)
    audit.record(
        world,
        guild,
        actor,
        audit.Action.MEMBER_PRUNE,
        None,
        options={"delete_member_days": str(days), "members_removed": str(len(gone))},
    )
    return len(gone)


def check_name(name: str) -> str:
    """A guild's name: 2 to 100 characters without the spaces around."""
    trimmed = name.strip()
    if not SIZES.guild_name_min <= len(trimmed) <= SIZES.guild_name_max:
        raise field_error(
            "name",
            "BASE_TYPE_BAD_LENGTH",
            f"Must be between {SIZES.guild_name_min} and {SIZES.guild_name_max} in length.",
        )
    return trimmed
