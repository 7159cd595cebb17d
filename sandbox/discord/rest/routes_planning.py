"""Routes of scheduled events and AutoMod rules."""

import re
from collections.abc import Callable
from typing import Any

from sandbox.discord import render
from sandbox.discord.checks.fields import Fields
from sandbox.discord.core import automod, scheduled_events
from sandbox.discord.entities import JSON, AutomodAction, AutomodTrigger, EventPlace, EventStatus
from sandbox.discord.limits import AUTOMOD, SIZES
from sandbox.discord.rest.router import ROUTER, Call

_EVENTS = "/guilds/{guild_id}/scheduled-events"
_EVENT = _EVENTS + "/{guild_scheduled_event_id}"
_RULES = "/guilds/{guild_id}/auto-moderation/rules"
_RULE = _RULES + "/{rule_id}"
_PRIVACY = 2


def _event(fields: Fields, *, new: bool) -> JSON:
    """What the body names, by the names of the record."""
    readers: dict[str, tuple[str, Callable[[], Any]]] = {
        "name": ("name", lambda: fields.text("name", low=1, high=SIZES.event_name, required=True, default="-")),
        "description": ("description", lambda: fields.text("description", high=SIZES.event_description)),
        "scheduled_start_time": ("starts_at", lambda: fields.time("scheduled_start_time") or 0.0),
        "scheduled_end_time": ("ends_at", lambda: fields.time("scheduled_end_time")),
        "channel_id": ("channel_id", lambda: fields.snowflake("channel_id")),
        "recurrence_rule": ("recurrence", lambda: fields.body["recurrence_rule"]),
    }
    answer: JSON = {key: reader() for name, (key, reader) in readers.items() if fields.has(name)}
    fields.choice("privacy_level", (_PRIVACY,), required=new)
    if new:
        for name in ("name", "scheduled_start_time", "entity_type"):
            fields.raw(name, required=True)
    if fields.body.get("entity_type") is not None:
        answer["place"] = EventPlace(fields.choice("entity_type", [int(p) for p in EventPlace], default=3))
    if fields.body.get("status") is not None:
        answer["status"] = EventStatus(fields.choice("status", [int(s) for s in EventStatus], default=1))
    metadata = fields.child("entity_metadata")
    if metadata is not None and metadata.has("location"):
        answer["location"] = metadata.text("location", low=1, high=SIZES.event_location)
    fields.done()
    return answer


@ROUTER.add("GET", _EVENTS)
def list_events(call: Call) -> list[Any]:
    """Those to come."""
    found = scheduled_events.all_of(call.world, call.actor, call.id("guild_id"))
    return [render.scheduled_event(call.world, e, counts=call.flag("with_user_count")) for e in found]


@ROUTER.add("POST", _EVENTS)
def create_event(call: Call) -> JSON:
    """A new one."""
    wanted = _event(call.fields(), new=True)
    wanted.pop("status", None)
    made = scheduled_events.create(call.world, call.actor, call.id("guild_id"), wanted)
    return render.scheduled_event(call.world, made)


@ROUTER.add("GET", _EVENT)
def get_event(call: Call) -> JSON:
    """One."""
    found = scheduled_events.get(call.world, call.actor, call.id("guild_id"), call.id("guild_scheduled_event_id"))
    return render.scheduled_event(call.world, found, counts=call.flag("with_user_count"))


@ROUTER.add("PATCH", _EVENT)
def edit_event(call: Call) -> JSON:
    """Changes one."""
    changes = _event(call.fields(), new=False)
    changed = scheduled_events.update(
        call.world, call.actor, call.id("guild_id"), call.id("guild_scheduled_event_id"), changes
    )
    return render.scheduled_event(call.world, changed)


@ROUTER.add("DELETE", _EVENT)
def delete_event(call: Call) -> None:
    """Takes one away."""
    scheduled_events.delete(call.world, call.actor, call.id("guild_id"), call.id("guild_scheduled_event_id"))


def _words(fields: Fields, name: str, most: int, longest: int) -> list[str]:
    words = fields.items(name, high=most) or []
    for index, word in enumerate(words):
        if not isinstance(word, str) or not 1 <= len(word) <= longest:
            fields.length((name, index), 1, longest)
    return [str(word) for word in words]


def _metadata(fields: Fields, trigger: AutomodTrigger) -> JSON:
    """What a trigger looks for, with everything that Discord fills in."""
    given = fields.child("trigger_metadata") or Fields({}, fields.errors)
    if trigger in (AutomodTrigger.KEYWORD, AutomodTrigger.USER_PROFILE):
        patterns = _words(given, "regex_patterns", AUTOMOD.patterns, AUTOMOD.pattern)
        for index, pattern in enumerate(patterns):
            try:
                re.compile(pattern)
            except re.error as error:
                given.fail(("regex_patterns", index), "AUTO_MODERATION_INVALID_REGEX", f"Invalid regex: {error}")
        return {
            "keyword_filter": _words(given, "keyword_filter", AUTOMOD.keywords, AUTOMOD.keyword),
            "regex_patterns": patterns,
            "allow_list": _words(given, "allow_list", AUTOMOD.allowed, AUTOMOD.keyword),
        }
    if trigger is AutomodTrigger.PRESET:
        presets = given.items("presets", low=1, required=True) or []
        if any(preset not in (1, 2, 3) for preset in presets):
            given.fail("presets", "BASE_TYPE_CHOICES", "Value must be one of {1, 2, 3}.")
        return {
            "presets": presets,
            "allow_list": _words(given, "allow_list", AUTOMOD.allowed_beside_presets, AUTOMOD.keyword),
        }
    if trigger is AutomodTrigger.MENTION_SPAM:
        limit = given.integer("mention_total_limit", low=0, high=AUTOMOD.mentions, default=AUTOMOD.mentions)
        raids = given.boolean("mention_raid_protection_enabled", default=False)
        return {"mention_total_limit": limit, "mention_raid_protection_enabled": raids}
    return {}


def _action(fields: Fields) -> JSON:
    kind = fields.choice("type", [int(a) for a in AutomodAction], required=True)
    given = fields.child("metadata") or Fields({}, fields.errors, (*fields.path, "metadata"))
    metadata: JSON = {}
    if kind == AutomodAction.BLOCK:
        words = given.text("custom_message", high=AUTOMOD.block_message)
        metadata = {"custom_message": words} if words else {}
    elif kind == AutomodAction.ALERT:
        metadata = {"channel_id": str(given.snowflake("channel_id", required=True, default=0))}
    elif kind == AutomodAction.TIME_OUT:
        metadata = {"duration_seconds": given.integer("duration_seconds", low=0, high=AUTOMOD.time_out, default=60)}
    return {"type": kind, "metadata": metadata}


def _rule(fields: Fields, trigger: AutomodTrigger | None) -> JSON:
    """What the body names; `trigger` is that of the rule where there is one already."""
    answer: JSON = {}
    new = trigger is None
    if fields.body.get("trigger_type") is not None or new:
        kind = fields.choice("trigger_type", [int(t) for t in AutomodTrigger], required=new, default=1)
        answer["trigger"] = trigger = AutomodTrigger(kind)
    if fields.has("name") or new:
        answer["name"] = fields.text("name", low=1, high=AUTOMOD.name, required=True, default="-")
    if fields.has("event_type") or new:
        answer["event_type"] = fields.choice("event_type", (1, 2), required=True, default=1)
    if fields.has("trigger_metadata") or new:
        answer["metadata"] = _metadata(fields, trigger or AutomodTrigger.KEYWORD)
    if fields.has("actions") or new:
        answer["actions"] = [_action(child) for child in fields.children("actions", high=AUTOMOD.actions)]
    if fields.body.get("enabled") is not None:
        answer["enabled"] = fields.boolean("enabled", default=False)
    for name, most in (("exempt_roles", AUTOMOD.exempt_roles), ("exempt_channels", AUTOMOD.exempt_channels)):
        if fields.has(name):
            answer[name] = fields.snowflakes(name, high=most) or []
    fields.done()
    return answer


@ROUTER.add("GET", _RULES)
def list_rules(call: Call) -> list[Any]:
    """All."""
    return [render.automod_rule(r) for r in automod.all_of(call.world, call.actor, call.id("guild_id"))]


@ROUTER.add("POST", _RULES)
def create_rule(call: Call) -> JSON:
    """A new one."""
    wanted = _rule(call.fields(), None)
    return render.automod_rule(automod.create(call.world, call.actor, call.id("guild_id"), wanted))


@ROUTER.add("GET", _RULE)
def get_rule(call: Call) -> JSON:
    """One."""
    return render.automod_rule(automod.get(call.world, call.actor, call.id("guild_id"), call.id("rule_id")))


@ROUTER.add("PATCH", _RULE)
def edit_rule(call: Call) -> JSON:
    """Changes one."""
    rule = automod.get(call.world, call.actor, call.id("guild_id"), call.id("rule_id"))
    changes = _rule(call.fields(), rule.trigger)
    return render.automod_rule(automod.update(call.world, call.actor, call.id("guild_id"), rule.id, changes))


@ROUTER.add("DELETE", _RULE)
def delete_rule(call: Call) -> None:
    """Takes one away."""
    automod.delete(call.world, call.actor, call.id("guild_id"), call.id("rule_id"))
