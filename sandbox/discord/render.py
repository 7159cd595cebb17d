"""Records as Discord's JSON: ids as strings, times in ISO 8601, every field that clients read without asking.

The shapes are those of Discord's OpenAPI description; what only the gateway adds is added in `core`. One module,
long as it is: it is the one table from our records to Discord's names, and its parts contain one another.
"""

from datetime import UTC, datetime
from typing import Any

from sandbox.discord.entities import (
    FORUM_TYPES,
    JSON,
    Application,
    Attachment,
    AuditEntry,
    AutomodRule,
    Channel,
    ChannelType,
    Command,
    Emoji,
    ForumTag,
    Guild,
    Invite,
    Member,
    Message,
    MessageType,
    Overwrite,
    Reaction,
    Role,
    ScheduledEvent,
    ThreadMember,
    User,
    Webhook,
)
from sandbox.discord.world import World


def iso(unix_seconds: float) -> str:
    """A time as Discord writes it."""
    return datetime.fromtimestamp(unix_seconds, UTC).isoformat(timespec="microseconds")


def iso_or_none(unix_seconds: float | None) -> str | None:
    """The same, where it may be missing."""
    return None if unix_seconds is None else iso(unix_seconds)


def id_or_none(value: int | None) -> str | None:
    """An id, where it may be missing."""
    return None if value is None else str(value)


def user(record: User) -> JSON:
    """A user as others see them."""
    return {
        "id": str(record.id),
        "username": record.username,
        "avatar": record.avatar,
        "discriminator": record.discriminator,
        "public_flags": 0,
        "flags": 0,
        "bot": record.bot,
        "banner": None,
        "accent_color": record.accent_color,
        "global_name": record.global_name,
        "avatar_decoration_data": None,
        "collectibles": None,
        "primary_guild": None,
    }


def own_user(record: User) -> JSON:
    """A user as they see themselves."""
    return {
        **user(record),
        "mfa_enabled": True,
        "locale": record.locale,
        "premium_type": 0,
        "email": None,
        "verified": True,
    }


def application(world: World, record: Application) -> JSON:
    """An application as its owner and its bot see it."""
    return {
        "id": str(record.id),
        "name": record.name,
        "icon": None,
        "description": record.description,
        "summary": "",
        "type": None,
        "bot": user(world.users[record.bot_id]),
        "bot_public": True,
        "bot_require_code_grant": False,
        "verify_key": "0" * 64,
        "flags": record.flags,
        "flags_new": str(record.flags),
        "tags": list(record.tags),
        "redirect_uris": [],
        "interactions_endpoint_url": None,
        "role_connections_verification_url": None,
        "owner": user(world.users[record.owner_id]),
        "approximate_guild_count": sum(record.bot_id in g.members for g in world.guilds.values()),
        "approximate_user_install_count": 0,
        "approximate_user_authorization_count": 0,
        "explicit_content_filter": 0,
        "team": None,
        "eligible_oauth2_scopes": [],
    }


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


def bare_member(record: Member) -> JSON:
    """A member without the user, as messages carry it."""
    return {
        "avatar": record.avatar,
        "avatar_decoration_data": None,
        "banner": None,
        "communication_disabled_until": iso_or_none(record.timed_out_until),
        "flags": record.flags,
        "joined_at": iso(record.joined_at),
        "nick": record.nick,
        "pending": record.pending,
        "premium_since": iso_or_none(record.premium_since),
        "roles": [str(id_) for id_ in record.roles],
        "collectibles": None,
        "mute": record.mute,
        "deaf": record.deaf,
    }


def member(world: World, record: Member) -> JSON:
    """A member with their user."""
    return {**bare_member(record), "user": user(world.users[record.user_id])}


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


def attachment(world: World, record: Attachment, message_id: int, channel_id: int, *, ephemeral: bool) -> JSON:
    """An attachment with its address on the sandbox's own CDN."""
    url = world.cdn_address(channel_id, record.id, record.filename)
    answer: JSON = {
        "id": str(record.id),
        "filename": record.filename,
        "size": record.size,
        "url": url,
        "proxy_url": url,
        "content_type": record.content_type,
    }
    for key in ("description", "title", "width", "height"):
        value = getattr(record, key)
        if value is not None:
            answer[key] = value
    if ephemeral:
        answer["ephemeral"] = True
    return answer


def reaction(record: Reaction, reader_id: int | None) -> JSON:
    """One emoji's count under a message."""
    return {
        "emoji": {"id": id_or_none(record.emoji_id), "name": record.emoji_name},
        "count": len(record.users),
        "count_details": {"burst": 0, "normal": len(record.users)},
        "burst_colors": [],
        "me_burst": False,
        "me": reader_id in record.users,
    }


def author(world: World, record: Message) -> JSON:
    """Who a message shows as its author: a user, or a webhook's persona."""
    if record.persona is None:
        return user(world.users[record.author_id])
    name, avatar = record.persona
    return {
        "id": str(record.webhook_id),
        "username": name,
        "avatar": avatar,
        "discriminator": "0000",
        "public_flags": 0,
        "flags": 0,
        "bot": True,
        "global_name": None,
        "primary_guild": None,
    }


def message(world: World, record: Message, *, reader_id: int | None = None, nested: bool = False) -> JSON:
    """A message; `nested` leaves out what a referenced message does not carry."""
    answer: JSON = {
        "type": int(record.type),
        "content": record.content,
        "mentions": [user(world.users[id_]) for id_ in record.mentions if id_ in world.users],
        "mention_roles": [str(id_) for id_ in record.mention_roles],
        "attachments": [
            attachment(world, a, record.id, record.channel_id, ephemeral=record.ephemeral) for a in record.attachments
        ],
        "embeds": list(record.embeds),
        "timestamp": iso(record.sent_at),
        "edited_timestamp": iso_or_none(record.edited_at),
        "flags": record.flags,
        "components": list(record.components),
        "id": str(record.id),
        "channel_id": str(record.channel_id),
        "author": author(world, record),
        "pinned": record.pinned_at is not None,
        "mention_everyone": record.mention_everyone,
        "tts": record.tts,
    }
    if record.stickers:
        answer["sticker_items"] = list(record.stickers)
    if record.nonce is not None:
        answer["nonce"] = record.nonce
    if record.webhook_id is not None:
        answer["webhook_id"] = str(record.webhook_id)
    if record.application_id is not None:
        answer["application_id"] = str(record.application_id)
    if record.poll is not None:
        answer["poll"] = record.poll
    if record.interaction_metadata is not None:
        answer["interaction_metadata"] = record.interaction_metadata
    if record.interaction is not None:
        answer["interaction"] = record.interaction
    if record.snapshots:
        answer["message_snapshots"] = [{"message": snapshot} for snapshot in record.snapshots]
    if record.reference is not None:
        answer["message_reference"] = record.reference
        if not nested and record.type in (MessageType.REPLY, MessageType.THREAD_STARTER_MESSAGE):
            log = world.messages.get(int(record.reference["channel_id"]))
            original = None if log is None else log.get(int(record.reference.get("message_id", 0)))
            answer["referenced_message"] = None if original is None else message(world, original, nested=True)
    if record.reactions and not nested:
        answer["reactions"] = [reaction(r, reader_id) for r in record.reactions.values() if r.users]
    opened = world.channels.get(record.id)
    if opened is not None and opened.is_thread:
        answer["thread"] = thread(opened, reader_id=reader_id)
    return answer


_FORWARDED = (
    "type",
    "content",
    "mentions",
    "mention_roles",
    "attachments",
    "embeds",
    "timestamp",
    "edited_timestamp",
    "flags",
    "components",
    "sticker_items",
)


def snapshot(world: World, record: Message) -> JSON:
    """What a forward keeps of a message: how it was then, without who wrote it."""
    shown = message(world, record, nested=True)
    return {key: shown[key] for key in _FORWARDED if key in shown}


def webhook(world: World, record: Webhook, *, secret: bool) -> JSON:
    """A webhook; its token only for who may manage it."""
    answer: JSON = {
        "application_id": id_or_none(record.application_id),
        "avatar": record.avatar,
        "channel_id": str(record.channel_id),
        "guild_id": str(record.guild_id),
        "id": str(record.id),
        "name": record.name,
        "type": 1,
        "user": user(world.users[record.creator_id]),
    }
    if secret:
        answer["token"] = record.token
        answer["url"] = f"{world.base_url}/api/webhooks/{record.id}/{record.token}"
    return answer


def invite(world: World, record: Invite, *, counts: bool = False) -> JSON:
    """An invite."""
    place = world.guilds[record.guild_id]
    where = world.channels[record.channel_id]
    answer: JSON = {
        "type": 0,
        "code": record.code,
        "inviter": user(world.users[record.inviter_id]),
        "max_age": record.max_age,
        "created_at": iso(record.created_at),
        "expires_at": None if record.max_age == 0 else iso(record.created_at + record.max_age),
        "flags": 0,
        "guild": {
            "id": str(place.id),
            "name": place.name,
            "splash": None,
            "banner": None,
            "description": place.description,
            "icon": place.icon,
            "features": list(place.features),
            "verification_level": place.verification_level,
            "vanity_url_code": None,
            "nsfw_level": 0,
            "nsfw": False,
            "premium_subscription_count": 0,
            "premium_tier": 0,
        },
        "guild_id": str(place.id),
        "channel": {"id": str(where.id), "type": int(where.type), "name": where.name},
        "uses": record.uses,
        "max_uses": record.max_uses,
        "temporary": record.temporary,
    }
    if counts:
        answer["approximate_member_count"] = len(place.members)
        answer["approximate_presence_count"] = len(place.members)
    return answer


def command(record: Command, *, localizations: bool = True) -> JSON:
    """A registered command."""
    answer: JSON = {
        "id": str(record.id),
        "application_id": str(record.application_id),
        "version": str(record.version),
        **record.definition,
    }
    if record.guild_id is not None:
        answer["guild_id"] = str(record.guild_id)
    if not localizations:
        answer.pop("name_localizations", None)
        answer.pop("description_localizations", None)
    return answer


def audit_entry(record: AuditEntry) -> JSON:
    """A line of the audit log."""
    answer: JSON = {
        "id": str(record.id),
        "action_type": record.action,
        "user_id": id_or_none(record.user_id),
        "target_id": id_or_none(record.target_id),
        "changes": list(record.changes),
    }
    if record.options:
        answer["options"] = record.options
    if record.reason is not None:
        answer["reason"] = record.reason
    return answer


def scheduled_event(world: World, record: ScheduledEvent, *, counts: bool = False) -> JSON:
    """A scheduled event."""
    answer: JSON = {
        "id": str(record.id),
        "guild_id": str(record.guild_id),
        "name": record.name,
        "description": record.description,
        "channel_id": id_or_none(record.channel_id),
        "creator_id": str(record.creator_id),
        "creator": user(world.users[record.creator_id]),
        "image": None,
        "scheduled_start_time": iso(record.starts_at),
        "scheduled_end_time": iso_or_none(record.ends_at),
        "status": int(record.status),
        "entity_type": int(record.place),
        "entity_id": None,
        "recurrence_rule": None if record.recurrence is None else _recurrence(record.recurrence),
        "privacy_level": 2,
        "guild_scheduled_event_exceptions": [],
        "entity_metadata": None if record.location is None else {"location": record.location},
    }
    if counts:
        # Nobody can say through a bot's API that they are interested.
        answer["user_count"] = 0
    return answer


def _recurrence(asked: JSON) -> JSON:
    """A rule for repetitions, with all that an answer names."""
    named: JSON = dict.fromkeys(
        ("end", "by_weekday", "by_n_weekday", "by_month", "by_month_day", "by_year_day", "count")
    )
    return {**named, "interval": 1, **{key: value for key, value in asked.items() if value is not None}}


def automod_rule(record: AutomodRule) -> JSON:
    """A rule of AutoMod."""
    return {
        "id": str(record.id),
        "guild_id": str(record.guild_id),
        "creator_id": str(record.creator_id),
        "name": record.name,
        "event_type": record.event_type,
        "trigger_type": int(record.trigger),
        "trigger_metadata": dict(record.metadata),
        "actions": [dict(action) for action in record.actions],
        "enabled": record.enabled,
        "exempt_roles": [str(id_) for id_ in record.exempt_roles],
        "exempt_channels": [str(id_) for id_ in record.exempt_channels],
    }


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
