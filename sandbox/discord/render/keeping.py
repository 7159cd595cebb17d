"""What a guild plans, forbids and writes down: events, AutoMod's rules, the audit log."""

from sandbox.discord.entities import JSON, AuditEntry, AutomodRule, ScheduledEvent
from sandbox.discord.render.people import user
from sandbox.discord.render.values import id_or_none, iso, iso_or_none
from sandbox.discord.world import World


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
