"""Who acts, and whether they may."""

from dataclasses import dataclass

from sandbox.discord.entities import Channel, Guild, Role
from sandbox.discord.errors import DiscordError
from sandbox.discord.permissions import Permission
from sandbox.discord.world import World


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody who does something: a bot (with its application) or a person; `reason` goes to the audit log."""

    user_id: int
    application_id: int | None = None
    reason: str | None = None

    @property
    def is_bot(self) -> bool:
        """Whether a bot's token was shown."""
        return self.application_id is not None


def require_member(world: World, actor: Actor, guild_id: int) -> Guild:
    """The guild, for one who is in it; 10004 else, as for one that does not exist."""
    guild = world.guild(guild_id)
    if actor.user_id not in guild.members:
        raise DiscordError(10004)
    return guild


def require_guild(world: World, actor: Actor, guild_id: int, *needed: Permission) -> Guild:
    """The guild, for one who may do that guild-wide; 50013 else."""
    guild = require_member(world, actor, guild_id)
    held = world.guild_permissions(guild, actor.user_id)
    if any(not held & bit for bit in needed):
        raise DiscordError(50013)
    return guild


def require_channel(world: World, actor: Actor, channel_id: int, *needed: Permission) -> Channel:
    """The channel, for one who sees it (50001) and may do that in it (50013)."""
    channel = world.channel(channel_id)
    held = world.permissions_in(channel, actor.user_id)
    if not held & Permission.VIEW_CHANNEL:
        raise DiscordError(50001)
    if any(not held & bit for bit in needed):
        raise DiscordError(50013)
    return channel


def has(world: World, actor: Actor, channel: Channel, permission: Permission) -> bool:
    """Whether the actor holds that permission there."""
    return bool(world.permissions_in(channel, actor.user_id) & permission)


def require_above_role(world: World, actor: Actor, guild: Guild, role: Role) -> None:
    """Only roles below one's own highest may be touched; 50013."""
    if guild.owner_id != actor.user_id and role.position >= world.top_position(guild, actor.user_id):
        raise DiscordError(50013)


def require_above_member(world: World, actor: Actor, guild: Guild, user_id: int) -> None:
    """Only members below oneself may be touched, the owner by nobody; 50013."""
    if actor.user_id in (user_id, guild.owner_id):
        return
    if guild.owner_id == user_id or world.top_position(guild, user_id) >= world.top_position(guild, actor.user_id):
        raise DiscordError(50013)


def require_grantable(world: World, actor: Actor, guild: Guild, change: tuple[int, int], held: int) -> None:
    """Only permissions that one holds may be given or taken; 50013. `change`: the bits before and after."""
    if guild.owner_id == actor.user_id or held & Permission.ADMINISTRATOR:
        return
    if (change[0] ^ change[1]) & ~held:
        raise DiscordError(50013)
