"""Channels of guilds and direct ones. https://discord.com/developers/docs/resources/channel

One module: creating, changing, moving and overwriting all go through the same checks of parents and permissions.
"""

from collections.abc import Iterable

from sandbox.discord import render
from sandbox.discord.core import audit, messages, posting, thread_life, threads
from sandbox.discord.core.access import Actor, require_channel, require_grantable, require_guild, require_member
from sandbox.discord.entities import (
    FORUM_TYPES,
    JSON,
    Channel,
    ChannelType,
    ForumTag,
    Guild,
    Message,
    MessageFlag,
    Overwrite,
)
from sandbox.discord.errors import DiscordError, field_error
from sandbox.discord.limits import SIZES
from sandbox.discord.permissions import P
from sandbox.discord.world import World

CREATABLE = (0, 2, 4, 5, 13, 15, 16)
_TEXTLIKE = frozenset({ChannelType.TEXT, ChannelType.NEWS})
_ATTRIBUTES = {
    "name": "name",
    "topic": "topic",
    "nsfw": "nsfw",
    "rate_limit_per_user": "rate_limit_per_user",
    "bitrate": "bitrate",
    "user_limit": "user_limit",
    "rtc_region": "rtc_region",
    "default_auto_archive_duration": "default_auto_archive_minutes",
    "default_thread_rate_limit_per_user": "default_thread_rate_limit",
    "default_sort_order": "default_sort_order",
    "default_forum_layout": "default_forum_layout",
    "default_reaction_emoji": "default_reaction",
    "flags": "flags",
}


def normal_name(kind: ChannelType, name: str) -> str:
    """Text channels' names are lower case with dashes for spaces, as Discord makes them."""
    if kind in _TEXTLIKE or kind in FORUM_TYPES:
        return "-".join(name.lower().split())
    return name.strip()


def _check_parent(guild: Guild, kind: ChannelType, parent_id: int | None, moving: int | None = None) -> None:
    if parent_id is None:
        return
    parent = guild.channels.get(parent_id)
    if parent is None or parent.type is not ChannelType.CATEGORY:
        raise field_error("parent_id", "CHANNEL_PARENT_INVALID_TYPE", "Not a category")
    if kind is ChannelType.CATEGORY:
        raise field_error("parent_id", "CHANNEL_PARENT_INVALID", "Category channels cannot have a parent")
    inside = sum(c.parent_id == parent_id and c.id != moving for c in guild.channels.values())
    if inside >= SIZES.category_channels:
        raise field_error(
            "parent_id",
            "CHANNEL_PARENT_MAX_CHANNELS",
            f"Maximum number of channels in category reached ({SIZES.category_channels})",
        )


def _overwrites(
    world: World, actor: Actor, guild: Guild, *, held: int, wanted: Iterable[Overwrite], before: dict[int, Overwrite]
) -> dict[int, Overwrite]:
    answer = {}
    for overwrite in wanted:
        known = overwrite.id in (guild.roles if overwrite.kind == 0 else guild.members)
        if not known and overwrite.id not in before:
            raise field_error(
                "permission_overwrites", "UNKNOWN_OVERWRITE_TARGET", f"Unknown overwrite target {overwrite.id}"
            )
        old = before.get(overwrite.id, Overwrite(overwrite.id, overwrite.kind))
        if (old.allow, old.deny) != (overwrite.allow, overwrite.deny):
            if not held & P.MANAGE_ROLES:
                raise DiscordError(50013)
            require_grantable(world, actor, guild, (old.allow, overwrite.allow), held)
            require_grantable(world, actor, guild, (old.deny, overwrite.deny), held)
        answer[overwrite.id] = overwrite
    if len(answer) > SIZES.channel_overwrites:
        raise DiscordError(30060)
    return answer


def create(world: World, actor: Actor, guild_id: int, kind: ChannelType, settings: JSON) -> Channel:
    """Creates a channel; `settings` are checked attributes by their wire names."""
    guild = require_guild(world, actor, guild_id, P.MANAGE_CHANNELS)
    if len(guild.channels) >= SIZES.guild_channels:
        raise DiscordError(30013)
    if kind in (ChannelType.NEWS, ChannelType.STAGE) and "COMMUNITY" not in guild.features:
        raise field_error("type", "BASE_TYPE_CHOICES", "This channel type needs a Community guild.")
    parent_id = settings.get("parent_id")
    _check_parent(guild, kind, parent_id)
    channel = Channel(world.new_id(), kind, guild.id)
    _assign(world, channel, {**settings, "name": normal_name(kind, settings["name"])})
    channel.parent_id = parent_id
    same = [c for c in guild.channels.values() if (c.type is ChannelType.CATEGORY) == (kind is ChannelType.CATEGORY)]
    wanted = settings.get("position")
    channel.position = max((c.position for c in same), default=-1) + 1 if wanted is None else wanted
    held = world.guild_permissions(guild, actor.user_id)
    # An empty list says as little as none: libraries send one with every channel, and it is in step with its category.
    if settings.get("overwrites"):
        channel.overwrites = _overwrites(world, actor, guild, held=held, wanted=settings["overwrites"], before={})
    elif parent_id is not None:
        channel.overwrites = {
            o.id: Overwrite(o.id, o.kind, o.allow, o.deny) for o in guild.channels[parent_id].overwrites.values()
        }
    guild.channels[channel.id] = world.channels[channel.id] = channel
    shown = render.channel(world, channel)
    world.emit("CHANNEL_CREATE", shown, guild_id=guild.id, channel_id=None)
    audit.record(
        world,
        guild,
        actor,
        audit.Action.CHANNEL_CREATE,
        channel.id,
        changes=audit.difference(
            {}, shown, ("name", "type", "topic", "nsfw", "rate_limit_per_user", "permission_overwrites")
        ),
    )
    return channel


def _readers(world: World, channel: Channel) -> set[int]:
    if channel.guild_id is None:
        return set()
    return {id_ for id_ in world.guilds[channel.guild_id].members if world.can_view(channel, id_)}


def _changed(world: World, channel: Channel, readers_before: set[int]) -> None:
    """Tells of a channel as it is now, and those who see it for the first time of its active threads."""
    world.emit("CHANNEL_UPDATE", render.channel(world, channel), guild_id=channel.guild_id)
    active = [t for t in world.threads_of(channel.id) if t.thread is not None and not t.thread.archived]
    for reader in _readers(world, channel) - readers_before:
        seen = [t for t in active if world.can_view(t, reader)]
        joined = [
            render.thread_member(t.thread.members[reader], t.id)
            for t in seen
            if t.thread is not None and reader in t.thread.members
        ]
        data = {
            "guild_id": str(channel.guild_id),
            "channel_ids": [str(channel.id)],
            "threads": [render.thread(t, reader_id=reader) for t in seen],
            "members": joined,
        }
        world.emit("THREAD_LIST_SYNC", data, guild_id=channel.guild_id, audience=(reader,))


def _assign(world: World, channel: Channel, settings: JSON) -> None:
    for wire, attribute in _ATTRIBUTES.items():
        if (wire in settings and settings[wire] is not None) or (
            wire in settings and wire in ("topic", "rtc_region", "default_sort_order", "default_reaction_emoji")
        ):
            setattr(channel, attribute, settings[wire])
    if channel.topic == "":
        channel.topic = None
    if "available_tags" in settings:
        names = [tag["name"] for tag in settings["available_tags"]]
        if len(set(names)) != len(names):
            raise DiscordError(40061)
        known = {tag.id: tag for tag in channel.tags}
        channel.tags = [
            ForumTag(
                tag["id"] if tag["id"] in known else world.new_id(),
                tag["name"],
                tag["moderated"],
                tag["emoji_id"],
                tag["emoji_name"],
            )
            for tag in settings["available_tags"]
        ]


def update(world: World, actor: Actor, channel_id: int, settings: JSON) -> Channel:
    """Changes a channel of a guild."""
    channel = require_channel(world, actor, channel_id, P.MANAGE_CHANNELS)
    guild = thread_life.guild_of(world, channel)
    before, readers = render.channel(world, channel), _readers(world, channel)
    kind = settings.get("type")
    if kind is not None and kind != channel.type:
        if {kind, channel.type} != {ChannelType.TEXT, ChannelType.NEWS} or "COMMUNITY" not in guild.features:
            raise field_error(
                "type", "BASE_TYPE_CHOICES", "Only text and announcement channels convert into one another."
            )
        channel.type = ChannelType(kind)
    if "parent_id" in settings and settings["parent_id"] != channel.parent_id:
        _check_parent(guild, channel.type, settings["parent_id"], channel.id)
        channel.parent_id = settings["parent_id"]
    if "overwrites" in settings:
        held = world.permissions_in(channel, actor.user_id)
        channel.overwrites = _overwrites(
            world, actor, guild, held=held, wanted=settings["overwrites"], before=channel.overwrites
        )
    if "name" in settings:
        settings = {**settings, "name": normal_name(channel.type, settings["name"])}
    _assign(world, channel, settings)
    if settings.get("position") is not None:
        channel.position = settings["position"]
    after = render.channel(world, channel)
    _changed(world, channel, readers)
    changed = audit.difference(before, after)
    if changed:
        audit.record(world, guild, actor, audit.Action.CHANNEL_UPDATE, channel.id, changes=changed)
    return channel


def delete(world: World, actor: Actor, channel_id: int) -> JSON:
    """Deletes a channel, a thread, or closes a direct one; answers how it looked."""
    channel = require_channel(world, actor, channel_id)
    shown = render.channel(world, channel, reader_id=actor.user_id)
    if channel.is_thread:
        threads.delete(world, actor, channel)
        return shown
    if channel.is_direct:
        return shown
    require_channel(world, actor, channel_id, P.MANAGE_CHANNELS)
    guild = thread_life.guild_of(world, channel)
    if "COMMUNITY" in guild.features and channel.id in (guild.rules_channel_id, guild.public_updates_channel_id):
        raise DiscordError(50074)
    for thread in world.threads_of(channel.id):
        threads.drop(world, thread)
    for child in guild.channels.values():
        if child.parent_id == channel.id:
            child.parent_id = None
            world.emit("CHANNEL_UPDATE", render.channel(world, child), guild_id=guild.id)
    for attribute in ("system_channel_id", "rules_channel_id", "public_updates_channel_id", "afk_channel_id"):
        if getattr(guild, attribute) == channel.id:
            setattr(guild, attribute, None)
    for webhook in [w for w in world.webhooks.values() if w.channel_id == channel.id]:
        del world.webhooks[webhook.id]
    for invite in [i for i in world.invites.values() if i.channel_id == channel.id]:
        del world.invites[invite.code]
    world.emit("CHANNEL_DELETE", shown, guild_id=guild.id)
    del guild.channels[channel.id], world.channels[channel.id]
    for message in world.messages.pop(channel.id, ()):
        world.removed_messages[message.id] = message
    audit.record(
        world,
        guild,
        actor,
        audit.Action.CHANNEL_DELETE,
        channel.id,
        changes=audit.difference(
            shown, {}, ("name", "type", "topic", "nsfw", "rate_limit_per_user", "permission_overwrites")
        ),
    )
    return shown


def reorder(world: World, actor: Actor, guild_id: int, moves: list[JSON]) -> None:
    """Moves channels; at most one of them into another category (40009)."""
    guild = require_guild(world, actor, guild_id, P.MANAGE_CHANNELS)
    for move in moves:
        if move["id"] not in guild.channels:
            raise DiscordError(10003)
    moved = [m for m in moves if "parent_id" in m and m["parent_id"] != guild.channels[m["id"]].parent_id]
    if len(moved) > 1:
        raise DiscordError(40009)
    for move in moved:
        _check_parent(guild, guild.channels[move["id"]].type, move["parent_id"], move["id"])
    for move in moves:
        channel = guild.channels[move["id"]]
        before = render.channel(world, channel)
        if move.get("position") is not None:
            channel.position = move["position"]
        if "parent_id" in move:
            channel.parent_id = move["parent_id"]
            if move.get("lock_permissions") and channel.parent_id is not None:
                parent = guild.channels[channel.parent_id]
                channel.overwrites = {
                    o.id: Overwrite(o.id, o.kind, o.allow, o.deny) for o in parent.overwrites.values()
                }
        after = render.channel(world, channel)
        if after != before:
            world.emit("CHANNEL_UPDATE", after, guild_id=guild.id)


def set_overwrite(world: World, actor: Actor, channel_id: int, overwrite: Overwrite) -> None:
    """Sets one overwrite, with MANAGE_ROLES in the channel."""
    channel = require_channel(world, actor, channel_id, P.MANAGE_ROLES)
    if channel.is_thread:
        raise DiscordError(50024)
    guild = thread_life.guild_of(world, channel)
    held = world.permissions_in(channel, actor.user_id)
    if overwrite.kind == 0 and overwrite.id not in guild.roles:
        raise DiscordError(10009)
    if overwrite.kind == 1 and overwrite.id not in guild.members:
        raise DiscordError(10009)
    old = channel.overwrites.get(overwrite.id)
    base = old or Overwrite(overwrite.id, overwrite.kind)
    require_grantable(world, actor, guild, (base.allow, overwrite.allow), held)
    require_grantable(world, actor, guild, (base.deny, overwrite.deny), held)
    if old is None and len(channel.overwrites) >= SIZES.channel_overwrites:
        raise DiscordError(30060)
    readers = _readers(world, channel)
    channel.overwrites[overwrite.id] = overwrite
    _changed(world, channel, readers)
    audit.record(
        world,
        guild,
        actor,
        audit.Action.OVERWRITE_CREATE if old is None else audit.Action.OVERWRITE_UPDATE,
        channel.id,
        changes=audit.difference(
            {} if old is None else render.overwrite(old), render.overwrite(overwrite), ("allow", "deny")
        ),
        options={"id": str(overwrite.id), "type": str(overwrite.kind)},
    )


def delete_overwrite(world: World, actor: Actor, channel_id: int, target_id: int) -> None:
    """Takes one overwrite away."""
    channel = require_channel(world, actor, channel_id, P.MANAGE_ROLES)
    guild = thread_life.guild_of(world, channel)
    readers = _readers(world, channel)
    old = channel.overwrites.pop(target_id, None)
    if old is None:
        raise DiscordError(10009)
    _changed(world, channel, readers)
    audit.record(
        world,
        guild,
        actor,
        audit.Action.OVERWRITE_DELETE,
        channel.id,
        changes=audit.difference(render.overwrite(old), {}, ("allow", "deny")),
        options={"id": str(target_id), "type": str(old.kind)},
    )


def open_direct(world: World, actor: Actor, recipient_id: int) -> Channel:
    """The direct channel with somebody; made where there is none."""
    if recipient_id == actor.user_id or recipient_id not in world.users:
        raise DiscordError(50033)
    if actor.is_bot and world.users[recipient_id].bot:
        raise DiscordError(50007)
    found = world.direct_channel(actor.user_id, recipient_id)
    if found is not None:
        return found
    channel = Channel(world.new_id(), ChannelType.DM, recipients=(actor.user_id, recipient_id))
    world.channels[channel.id] = channel
    for reader in channel.recipients:
        world.emit("CHANNEL_CREATE", render.channel(world, channel, reader_id=reader), audience=(reader,))
    return channel


def crosspost(world: World, actor: Actor, channel_id: int, message_id: int) -> Message:
    """Publishes an announcement channel's message."""
    channel = require_channel(world, actor, channel_id, P.SEND_MESSAGES)
    message = messages.visible(world, actor, channel, message_id)
    if channel.type is not ChannelType.NEWS:
        raise DiscordError(50024)
    if message.author_id != actor.user_id:
        require_channel(world, actor, channel_id, P.MANAGE_MESSAGES)
    if message.flags & MessageFlag.CROSSPOSTED:
        raise DiscordError(40033)
    message.flags |= MessageFlag.CROSSPOSTED
    posting.announce(world, "MESSAGE_UPDATE", message)
    return message


def visible(world: World, actor: Actor, guild_id: int) -> list[Channel]:
    """The channels of a guild: a bot sees all, a person those they may view."""
    guild = require_member(world, actor, guild_id)
    return [c for c in guild.channels.values() if actor.is_bot or world.can_view(c, actor.user_id)]
