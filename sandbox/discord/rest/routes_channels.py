"""Routes of channels, their overwrites and invites."""

from collections.abc import Callable
from typing import Any

from sandbox.discord import render
from sandbox.discord.checks.fields import Fields
from sandbox.discord.core import channels, invites, threads
from sandbox.discord.core.access import require_channel
from sandbox.discord.entities import FORUM_TYPES, JSON, Channel, ChannelType, Overwrite
from sandbox.discord.errors import DiscordError, FormErrors
from sandbox.discord.limits import SIZES
from sandbox.discord.rest.router import ROUTER, Call, Reply


def channel_settings(fields: Fields, kind: ChannelType, *, creating: bool) -> JSON:
    """The checked attributes of a channel's body; only those that it names."""
    answer: JSON = {}

    def take(name: str, value: Any) -> None:
        if fields.has(name):
            answer[name] = value

    if creating or fields.has("name"):
        answer["name"] = fields.text("name", low=1, high=SIZES.channel_name, required=True, default="-")
    high = SIZES.forum_topic if kind in FORUM_TYPES else SIZES.channel_topic
    take("topic", fields.text("topic", high=high))
    take("nsfw", fields.boolean("nsfw", default=False))
    take("position", fields.integer("position", low=0))
    take("rate_limit_per_user", fields.integer("rate_limit_per_user", low=0, high=SIZES.slowmode_seconds, default=0))
    take("bitrate", fields.integer("bitrate", low=SIZES.bitrate_min, high=SIZES.bitrate_max, default=64000))
    take("user_limit", fields.integer("user_limit", low=0, high=SIZES.voice_users, default=0))
    take("rtc_region", fields.text("rtc_region"))
    take("parent_id", fields.snowflake("parent_id"))
    take("default_auto_archive_duration", fields.choice("default_auto_archive_duration", threads.AUTO_ARCHIVE_MINUTES))
    take(
        "default_thread_rate_limit_per_user",
        fields.integer("default_thread_rate_limit_per_user", low=0, high=SIZES.slowmode_seconds, default=0),
    )
    take("default_sort_order", fields.choice("default_sort_order", (0, 1)))
    take("default_forum_layout", fields.choice("default_forum_layout", (0, 1, 2), default=0))
    take("flags", fields.integer("flags", low=0, default=0))
    if fields.has("type") and not creating:
        answer["type"] = fields.choice("type", range(17))
    reaction = fields.child("default_reaction_emoji")
    if fields.has("default_reaction_emoji"):
        answer["default_reaction_emoji"] = (
            None
            if reaction is None
            else {
                "emoji_id": render.id_or_none(reaction.snowflake("emoji_id")),
                "emoji_name": reaction.text("emoji_name"),
            }
        )
    if fields.items("available_tags") is not None:
        answer["available_tags"] = [
            {
                "id": tag.snowflake("id", default=0),
                "name": tag.text("name", low=1, high=SIZES.tag_name, required=True, default="-"),
                "moderated": tag.boolean("moderated", default=False),
                "emoji_id": tag.snowflake("emoji_id"),
                "emoji_name": tag.text("emoji_name"),
            }
            for tag in fields.children("available_tags", high=SIZES.forum_tags)
        ]
    if fields.items("permission_overwrites") is not None:
        answer["overwrites"] = [read_overwrite(o) for o in fields.children("permission_overwrites")]
    return answer


def read_overwrite(fields: Fields, target: int | None = None) -> Overwrite:
    """One overwrite of a body."""
    number = fields.snowflake("id", required=True, default=0) if target is None else target
    kind = fields.choice("type", (0, 1), default=0)
    allow = fields.integer("allow", low=0, default=0)
    deny = fields.integer("deny", low=0, default=0)
    return Overwrite(number, kind, allow & ~deny, deny)


@ROUTER.add("GET", "/channels/{channel_id}")
def get_channel(call: Call) -> JSON:
    """One."""
    channel = require_channel(call.world, call.actor, call.id("channel_id"))
    return render.channel(call.world, channel, reader_id=call.actor.user_id)


@ROUTER.add("PATCH", "/channels/{channel_id}")
def edit_channel(call: Call) -> JSON:
    """Changes a channel or a thread."""
    channel = require_channel(call.world, call.actor, call.id("channel_id"))
    if channel.is_thread:
        changed = threads.update(call.world, call.actor, channel, _thread_changes(call))
        return render.thread(changed, reader_id=call.actor.user_id)
    if channel.is_direct:
        raise DiscordError(50003)
    fields = call.fields()
    settings = channel_settings(fields, channel.type, creating=False)
    fields.done()
    return render.channel(call.world, channels.update(call.world, call.actor, channel.id, settings))


def _thread_changes(call: Call) -> JSON:
    fields = call.fields()
    changes: JSON = {}
    readers: dict[str, Callable[[], Any]] = {
        "name": lambda: fields.text("name", low=1, high=SIZES.channel_name, required=True),
        "archived": lambda: fields.boolean("archived", default=False),
        "locked": lambda: fields.boolean("locked", default=False),
        "invitable": lambda: fields.boolean("invitable", default=True),
        "auto_archive_duration": lambda: fields.choice("auto_archive_duration", threads.AUTO_ARCHIVE_MINUTES),
        "rate_limit_per_user": lambda: fields.integer(
            "rate_limit_per_user", low=0, high=SIZES.slowmode_seconds, default=0
        ),
        "flags": lambda: fields.integer("flags", low=0, default=0),
        "applied_tags": lambda: fields.snowflakes("applied_tags", high=SIZES.post_tags) or [],
    }
    for name, reader in readers.items():
        if fields.has(name):
            changes[name] = reader()
    fields.done()
    return changes


@ROUTER.add("DELETE", "/channels/{channel_id}")
def delete_channel(call: Call) -> JSON:
    """Deletes or closes it."""
    return channels.delete(call.world, call.actor, call.id("channel_id"))


@ROUTER.add("PUT", "/channels/{channel_id}/permissions/{overwrite_id}")
def set_overwrite(call: Call) -> None:
    """Sets one overwrite."""
    fields = call.fields()
    overwrite = read_overwrite(fields, call.id("overwrite_id"))
    fields.done()
    channels.set_overwrite(call.world, call.actor, call.id("channel_id"), overwrite)


@ROUTER.add("DELETE", "/channels/{channel_id}/permissions/{overwrite_id}")
def delete_overwrite(call: Call) -> None:
    """Takes one away."""
    channels.delete_overwrite(call.world, call.actor, call.id("channel_id"), call.id("overwrite_id"))


@ROUTER.add("GET", "/guilds/{guild_id}/channels")
def guild_channels(call: Call) -> list[Any]:
    """All of a guild, threads apart."""
    return [render.channel(call.world, c) for c in channels.visible(call.world, call.actor, call.id("guild_id"))]


@ROUTER.add("POST", "/guilds/{guild_id}/channels")
def create_channel(call: Call) -> Reply:
    """A new one."""
    fields = call.fields()
    kind = ChannelType(fields.choice("type", channels.CREATABLE, default=0))
    settings = channel_settings(fields, kind, creating=True)
    fields.done()
    channel = channels.create(call.world, call.actor, call.id("guild_id"), kind, settings)
    return Reply(201, render.channel(call.world, channel))


@ROUTER.add("PATCH", "/guilds/{guild_id}/channels")
def reorder_channels(call: Call) -> None:
    """Moves several."""
    errors = FormErrors()
    if not isinstance(call.body, list):
        errors.add((), "LIST_TYPE_CONVERT", "Only iterables may be used in a ListType")
        errors.raise_if_any()
    moves = []
    for index, item in enumerate(call.body):
        fields = Fields(item, errors, (index,))
        move: JSON = {
            "id": fields.snowflake("id", required=True, default=0),
            "position": fields.integer("position", low=0),
        }
        if fields.has("parent_id"):
            move["parent_id"] = fields.snowflake("parent_id")
        move["lock_permissions"] = fields.boolean("lock_permissions", default=False)
        moves.append(move)
    errors.raise_if_any()
    channels.reorder(call.world, call.actor, call.id("guild_id"), moves)


# -- invites


@ROUTER.add("GET", "/channels/{channel_id}/invites")
def channel_invites(call: Call) -> list[Any]:
    """A channel's."""
    return [render.invite(call.world, i) for i in invites.of_channel(call.world, call.actor, call.id("channel_id"))]


@ROUTER.add("POST", "/channels/{channel_id}/invites")
def create_invite(call: Call) -> JSON:
    """A new one."""
    fields = call.fields()
    settings = {
        "max_age": fields.integer("max_age", low=0, high=SIZES.invite_seconds, default=86400),
        "max_uses": fields.integer("max_uses", low=0, high=SIZES.invite_uses, default=0),
        "temporary": fields.boolean("temporary", default=False),
        "unique": fields.boolean("unique", default=False),
    }
    fields.done()
    return render.invite(call.world, invites.create(call.world, call.actor, call.id("channel_id"), **settings))


@ROUTER.add("GET", "/guilds/{guild_id}/invites")
def guild_invites(call: Call) -> list[Any]:
    """A guild's."""
    return [render.invite(call.world, i) for i in invites.of_guild(call.world, call.actor, call.id("guild_id"))]


@ROUTER.add("GET", "/invites/{code}", token_free=True)
def get_invite(call: Call) -> JSON:
    """One, by its code."""
    return render.invite(call.world, invites.get(call.world, call.params["code"]), counts=call.flag("with_counts"))


@ROUTER.add("DELETE", "/invites/{code}")
def delete_invite(call: Call) -> JSON:
    """Revokes it."""
    return render.invite(call.world, invites.delete(call.world, call.actor, call.params["code"]))


def thread_parent(call: Call) -> Channel:
    """The channel that a thread route names."""
    return require_channel(call.world, call.actor, call.id("channel_id"))
