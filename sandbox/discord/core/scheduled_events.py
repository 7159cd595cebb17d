"""Scheduled events of a guild. https://discord.com/developers/docs/resources/guild-scheduled-event

They are planned, changed, started and ended by hand; none starts by itself, for no voice channel is joined here.
"""

from sandbox.discord import render
from sandbox.discord.core import audit
from sandbox.discord.core.access import Actor, require_channel, require_guild, require_member
from sandbox.discord.entities import JSON, ChannelType, EventPlace, EventStatus, Guild, ScheduledEvent
from sandbox.discord.errors import DiscordError, FormErrors, field_error
from sandbox.discord.limits import SIZES
from sandbox.discord.permissions import P
from sandbox.discord.world import World

_NEXT = {
    EventStatus.SCHEDULED: (EventStatus.SCHEDULED, EventStatus.ACTIVE, EventStatus.CANCELED),
    EventStatus.ACTIVE: (EventStatus.ACTIVE, EventStatus.COMPLETED),
}
_HOSTS = {EventPlace.VOICE: ChannelType.VOICE, EventPlace.STAGE: ChannelType.STAGE}
_LOGGED = (
    "name",
    "description",
    "channel_id",
    "entity_type",
    "location",
    "privacy_level",
    "scheduled_start_time",
    "scheduled_end_time",
    "status",
)


def _visible(world: World, event: ScheduledEvent, user_id: int) -> bool:
    channel = None if event.channel_id is None else world.channels.get(event.channel_id)
    return channel is None or world.can_view(channel, user_id)


def all_of(world: World, actor: Actor, guild_id: int) -> list[ScheduledEvent]:
    """Those that are still to come or going on, where the actor sees the channel."""
    guild = require_member(world, actor, guild_id)
    return [e for e in guild.events.values() if e.status in _NEXT and _visible(world, e, actor.user_id)]


def get(world: World, actor: Actor, guild_id: int, event_id: int) -> ScheduledEvent:
    """One; 10070."""
    guild = require_member(world, actor, guild_id)
    event = guild.events.get(event_id)
    if event is None or not _visible(world, event, actor.user_id):
        raise DiscordError(10070)
    return event


def create(world: World, actor: Actor, guild_id: int, wanted: JSON) -> ScheduledEvent:
    """Plans one, with CREATE_EVENTS."""
    guild = require_guild(world, actor, guild_id, P.CREATE_EVENTS)
    if sum(e.status in _NEXT for e in guild.events.values()) >= SIZES.scheduled_events:
        raise DiscordError(30038)
    event = ScheduledEvent(world.new_id(), guild.id, actor.user_id, **wanted)
    _check(world, actor, guild, event)
    if event.starts_at <= world.now():
        raise field_error("scheduled_start_time", "GUILD_SCHEDULED_EVENT_SCHEDULE_PAST", "Cannot schedule in the past.")
    guild.events[event.id] = event
    _tell(world, event, "CREATE")
    changes = audit.difference({}, _flat(world, event), _LOGGED)
    audit.record(world, guild, actor, audit.Action.SCHEDULED_EVENT_CREATE, event.id, changes=changes)
    return event


def update(world: World, actor: Actor, guild_id: int, event_id: int, changes: JSON) -> ScheduledEvent:
    """Changes one, with MANAGE_EVENTS or, where it is one's own, CREATE_EVENTS; 180000 once it is over."""
    guild, event = _owned(world, actor, guild_id, event_id)
    if event.status not in _NEXT:
        raise DiscordError(180000)
    status = changes.get("status", event.status)
    if status not in _NEXT[event.status]:
        raise field_error("status", "TRANSITION_INVALID", f"It cannot go from {event.status} to {status}.")
    before = _flat(world, event)
    kept = {name: getattr(event, name) for name in (*changes, "channel_id", "location", "starts_at")}
    try:
        for name, value in changes.items():
            setattr(event, name, value)
        if event.place is EventPlace.EXTERNAL:
            event.channel_id = None
        else:
            event.location = None
        _check(world, actor, guild, event)
        moved = "starts_at" in changes and changes["starts_at"] != kept["starts_at"]
        if moved and event.starts_at <= world.now():
            raise field_error(
                "scheduled_start_time", "GUILD_SCHEDULED_EVENT_SCHEDULE_PAST", "Cannot schedule in the past."
            )
    except DiscordError:
        for name, value in kept.items():
            setattr(event, name, value)
        raise
    _tell(world, event, "UPDATE")
    changed = audit.difference(before, _flat(world, event), _LOGGED)
    audit.record(world, guild, actor, audit.Action.SCHEDULED_EVENT_UPDATE, event.id, changes=changed)
    return event


def delete(world: World, actor: Actor, guild_id: int, event_id: int) -> None:
    """Takes one away, with what `update` needs."""
    guild, event = _owned(world, actor, guild_id, event_id)
    del guild.events[event.id]
    _tell(world, event, "DELETE")
    changes = audit.difference(_flat(world, event), {}, _LOGGED)
    audit.record(world, guild, actor, audit.Action.SCHEDULED_EVENT_DELETE, event.id, changes=changes)


def _owned(world: World, actor: Actor, guild_id: int, event_id: int) -> tuple[Guild, ScheduledEvent]:
    event = get(world, actor, guild_id, event_id)
    guild = world.guilds[guild_id]
    held = world.guild_permissions(guild, actor.user_id)
    own = event.creator_id == actor.user_id and held & P.CREATE_EVENTS
    if not (held & P.MANAGE_EVENTS or own):
        raise DiscordError(50013)
    return guild, event


def _check(world: World, actor: Actor, guild: Guild, event: ScheduledEvent) -> None:
    """The table "Field Requirements By Entity Type"."""
    errors = FormErrors()
    if event.place is EventPlace.EXTERNAL:
        if event.channel_id is not None:
            errors.add(("channel_id",), "BASE_TYPE_MUST_BE_NULL", "An external event has no channel.")
        if not event.location:
            errors.add(("entity_metadata", "location"), "BASE_TYPE_REQUIRED", "This field is required")
        if event.ends_at is None:
            errors.add(("scheduled_end_time",), "BASE_TYPE_REQUIRED", "This field is required")
    elif event.channel_id is None:
        errors.add(("channel_id",), "BASE_TYPE_REQUIRED", "This field is required")
    if event.ends_at is not None and event.ends_at <= event.starts_at:
        errors.add(("scheduled_end_time",), "GUILD_SCHEDULED_EVENT_SCHEDULE_END", "It must end after it starts.")
    errors.raise_if_any()
    if event.channel_id is not None:
        channel = require_channel(world, actor, event.channel_id, P.VIEW_CHANNEL, P.CONNECT)
        if channel.guild_id != guild.id or channel.type is not _HOSTS[event.place]:
            raise field_error("channel_id", "CHANNEL_TYPE_INVALID", "Invalid channel type")


def _flat(world: World, event: ScheduledEvent) -> JSON:
    return {**render.scheduled_event(world, event), "location": event.location}


def _tell(world: World, event: ScheduledEvent, what: str) -> None:
    world.emit(
        f"GUILD_SCHEDULED_EVENT_{what}",
        render.scheduled_event(world, event),
        guild_id=event.guild_id,
        channel_id=event.channel_id,
    )
