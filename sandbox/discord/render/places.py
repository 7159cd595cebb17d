"""Guilds, channels, threads, and what belongs to them, as Discord's JSON."""

from typing import Any

from sandbox.discord.entities import (
    FORUM_TYPES,
    JSON,
    Channel,
    ChannelType,
    Emoji,
    ForumTag,
    Guild,
    Overwrite,
    Role,
    ThreadMember,
)
from sandbox.discord.render.keeping import scheduled_event
from sandbox.discord.render.people import member, user
from sandbox.discord.render.values import id_or_none, iso
from sandbox.discord.world import World


def role(record: Role) -> JSON:
    """A role."""
    answer: JSON = {
        "id": str(record.id),
        "name": record.name,
        "permissions": str(record.permissions),
        "position": record.position,
        "color": record.color,
        "colors": {
            "primary_color": record.color,
            "secondary_color": record.secondary_color,
            "tertiary_color": record.tertiary_color,
        },
        "hoist": record.hoist,
        "managed": record.managed,
        "mentionable": record.mentionable,
        "icon": record.icon,
        "unicode_emoji": record.unicode_emoji,
        "flags": 0,
    }
    if record.bot_id is not None:
        answer["tags"] = {"bot_id": str(record.bot_id)}
    return answer


def overwrite(record: Overwrite) -> JSON:
    """A permission overwrite."""
    return {"id": str(record.id), "type": record.kind, "allow": str(record.allow), "deny": str(record.deny)}


def forum_tag(record: ForumTag) -> JSON:
    """A forum's tag."""
    return {
        "id": str(record.id),
        "name": record.name,
        "moderated": record.moderated,
        "emoji_id": id_or_none(record.emoji_id),
        "emoji_name": record.emoji_name,
    }


def thread_member(record: ThreadMember, thread_id: int) -> JSON:
    """A thread's member."""
    return {
        "id": str(thread_id),
        "user_id": str(record.user_id),
        "join_timestamp": iso(record.joined_at),
        "flags": record.flags,
    }


def thread(record: Channel, *, reader_id: int | None = None) -> JSON:
    """A thread; with `reader_id`, their membership of it too."""
    state = record.thread
    if state is None:
        raise TypeError("not a thread")
    answer: JSON = {
        "id": str(record.id),
        "type": int(record.type),
        "last_message_id": id_or_none(record.last_message_id),
        "flags": record.flags,
        "guild_id": str(record.guild_id),
        "name": record.name,
        "parent_id": id_or_none(record.parent_id),
        "rate_limit_per_user": record.rate_limit_per_user,
        "owner_id": str(state.owner_id),
        "thread_metadata": {
            "archived": state.archived,
            "archive_timestamp": iso(state.archive_changed_at),
            "auto_archive_duration": state.auto_archive_minutes,
            "locked": state.locked,
            "create_timestamp": iso(state.created_at),
        },
        "message_count": state.message_count,
        "member_count": min(len(state.members), 50),
        "total_message_sent": state.total_message_sent,
    }
    if record.last_pin_at is not None:
        answer["last_pin_timestamp"] = iso(record.last_pin_at)
    if state.invitable is not None:
        answer["thread_metadata"]["invitable"] = state.invitable
    if state.applied_tags:
        answer["applied_tags"] = [str(id_) for id_ in state.applied_tags]
    if reader_id is not None and reader_id in state.members:
        answer["member"] = thread_member(state.members[reader_id], record.id)
    return answer


def channel(world: World, record: Channel, *, reader_id: int | None = None) -> JSON:
    """Any channel."""
    if record.is_thread:
        return thread(record, reader_id=reader_id)
    if record.guild_id is None:
        return {
            "id": str(record.id),
            "type": int(record.type),
            "last_message_id": id_or_none(record.last_message_id),
            "flags": record.flags,
            "recipients": [user(world.users[id_]) for id_ in record.recipients if id_ != reader_id],
        }
    answer: JSON = {
        "id": str(record.id),
        "type": int(record.type),
        "flags": record.flags,
        "guild_id": str(record.guild_id),
        "name": record.name,
        "parent_id": id_or_none(record.parent_id),
        "position": record.position,
        "permission_overwrites": [overwrite(o) for o in record.overwrites.values()],
    }
    if record.type is ChannelType.CATEGORY:
        return answer
    answer["nsfw"] = record.nsfw
    answer["rate_limit_per_user"] = record.rate_limit_per_user
    answer["last_message_id"] = id_or_none(record.last_message_id)
    if record.type in (ChannelType.VOICE, ChannelType.STAGE):
        answer["bitrate"] = record.bitrate
        answer["user_limit"] = record.user_limit
        answer["rtc_region"] = record.rtc_region
        return answer
    answer["topic"] = record.topic
    answer["default_thread_rate_limit_per_user"] = record.default_thread_rate_limit
    if record.default_auto_archive_minutes is not None:
        answer["default_auto_archive_duration"] = record.default_auto_archive_minutes
    if record.last_pin_at is not None:
        answer["last_pin_timestamp"] = iso(record.last_pin_at)
    if record.type in FORUM_TYPES:
        answer["available_tags"] = [forum_tag(t) for t in record.tags]
        answer["default_reaction_emoji"] = record.default_reaction
        answer["default_sort_order"] = record.default_sort_order
        answer["default_forum_layout"] = record.default_forum_layout
    return answer


def emoji(world: World, record: Emoji) -> JSON:
    """A guild's emoji."""
    return {
        "id": str(record.id),
        "name": record.name,
        "user": user(world.users[record.creator_id]),
        "roles": [str(id_) for id_ in record.roles],
        "require_colons": True,
        "managed": False,
        "animated": record.animated,
        "available": True,
    }


def guild(world: World, record: Guild, *, counts: bool = False) -> JSON:
    """A guild as REST shows it."""
    answer: JSON = {
        "id": str(record.id),
        "name": record.name,
        "icon": record.icon,
        "description": record.description,
        "home_header": None,
        "splash": None,
        "discovery_splash": None,
        "features": list(record.features),
        "banner": None,
        "owner_id": str(record.owner_id),
        "application_id": None,
        "region": "deprecated",
        "afk_channel_id": id_or_none(record.afk_channel_id),
        "afk_timeout": record.afk_timeout,
        "system_channel_id": id_or_none(record.system_channel_id),
        "system_channel_flags": record.system_channel_flags,
        "widget_enabled": False,
        "widget_channel_id": None,
        "verification_level": record.verification_level,
        "roles": [role(r) for r in record.roles.values()],
        "default_message_notifications": record.default_message_notifications,
        "mfa_level": 0,
        "explicit_content_filter": record.explicit_content_filter,
        "max_presences": None,
        "max_members": 500000,
        "max_stage_video_channel_users": 50,
        "max_video_channel_users": 25,
        "vanity_url_code": None,
        "premium_tier": 0,
        "premium_subscription_count": 0,
        "preferred_locale": record.preferred_locale,
        "rules_channel_id": id_or_none(record.rules_channel_id),
        "safety_alerts_channel_id": None,
        "public_updates_channel_id": id_or_none(record.public_updates_channel_id),
        "premium_progress_bar_enabled": False,
        "nsfw": False,
        "nsfw_level": 0,
        "emojis": [emoji(world, e) for e in record.emojis.values()],
        "stickers": [],
        "incidents_data": None,
    }
    if counts:
        answer["approximate_member_count"] = len(record.members)
        answer["approximate_presence_count"] = len(record.members)
    return answer


def guild_create(world: World, record: Guild, reader_id: int) -> JSON:
    """A guild as GUILD_CREATE carries it."""
    answer: dict[str, Any] = guild(world, record)
    answer.update(
        joined_at=iso(record.members[reader_id].joined_at if reader_id in record.members else world.now()),
        large=False,
        unavailable=False,
        member_count=len(record.members),
        voice_states=[],
        members=[member(world, m) for m in record.members.values()],
        channels=[channel(world, c) for c in record.channels.values()],
        threads=[
            thread(t, reader_id=reader_id)
            for t in record.threads.values()
            if t.thread is not None and not t.thread.archived and world.can_view(t, reader_id)
        ],
        presences=[],
        stage_instances=[],
        guild_scheduled_events=[
            scheduled_event(world, e)
            for e in record.events.values()
            if e.channel_id not in record.channels or world.can_view(record.channels[e.channel_id], reader_id)
        ],
        soundboard_sounds=[],
    )
    return answer
