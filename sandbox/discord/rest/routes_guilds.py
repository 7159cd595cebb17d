"""Routes of guilds, their audit log and pruning."""

from sandbox.discord import render
from sandbox.discord.core import guilds
from sandbox.discord.core.access import require_guild, require_member
from sandbox.discord.entities import JSON
from sandbox.discord.limits import PAGES, SIZES
from sandbox.discord.permissions import P
from sandbox.discord.rest.router import ROUTER, Call


@ROUTER.add("GET", "/guilds/{guild_id}")
def get_guild(call: Call) -> JSON:
    """One."""
    guild = require_member(call.world, call.actor, call.id("guild_id"))
    return render.guild(call.world, guild, counts=call.flag("with_counts"))


@ROUTER.add("GET", "/guilds/{guild_id}/preview")
def preview(call: Call) -> JSON:
    """A few facts."""
    guild = require_member(call.world, call.actor, call.id("guild_id"))
    return {
        "id": str(guild.id),
        "name": guild.name,
        "icon": guild.icon,
        "description": guild.description,
        "home_header": None,
        "splash": None,
        "discovery_splash": None,
        "features": list(guild.features),
        "approximate_member_count": len(guild.members),
        "approximate_presence_count": len(guild.members),
        "emojis": [render.emoji(call.world, e) for e in guild.emojis.values()],
        "stickers": [],
    }


@ROUTER.add("PATCH", "/guilds/{guild_id}")
def edit_guild(call: Call) -> JSON:
    """Changes it."""
    fields = call.fields()
    changes: JSON = {}
    if fields.has("name"):
        changes["name"] = guilds.check_name(fields.text("name", required=True, default=""))
    if fields.has("description"):
        changes["description"] = fields.text("description", high=SIZES.guild_description)
    for name, low, high in (
        ("verification_level", 0, 4),
        ("default_message_notifications", 0, 1),
        ("explicit_content_filter", 0, 2),
        ("system_channel_flags", 0, None),
    ):
        if fields.raw(name) is not None and fields.has(name):
            changes[name] = fields.integer(name, low=low, high=high)
    if fields.has("afk_timeout"):
        changes["afk_timeout"] = fields.choice("afk_timeout", (60, 300, 900, 1800, 3600), default=300)
    for name in ("afk_channel_id", "system_channel_id", "rules_channel_id", "public_updates_channel_id"):
        if fields.has(name):
            changes[name] = fields.snowflake(name)
    if fields.has("preferred_locale"):
        changes["preferred_locale"] = fields.text("preferred_locale", default="en-US")
    if fields.has("owner_id"):
        changes["owner_id"] = fields.snowflake("owner_id", required=True)
    if fields.has("features"):
        changes["features"] = fields.items("features") or []
    fields.done()
    return render.guild(call.world, guilds.update(call.world, call.actor, call.id("guild_id"), changes))


@ROUTER.add("GET", "/guilds/{guild_id}/audit-logs")
def audit_log(call: Call) -> JSON:
    """Latest first, filtered."""
    guild = require_guild(call.world, call.actor, call.id("guild_id"), P.VIEW_AUDIT_LOG)
    arguments = call.arguments()
    limit = arguments.integer("limit", low=PAGES.audit_entries[0], high=PAGES.audit_entries[1], default=50)
    user_id = arguments.snowflake("user_id")
    target_id = arguments.snowflake("target_id")
    action = arguments.integer("action_type")
    before = arguments.snowflake("before", default=1 << 63)
    after = arguments.snowflake("after")
    arguments.done()
    oldest = call.world.now() - SIZES.audit_days * 86400
    found = [
        e
        for e in guild.audit
        if e.at >= oldest
        and e.id < before
        and (after is None or e.id > after)
        and (user_id is None or e.user_id == user_id)
        and (target_id is None or e.target_id == target_id)
        and (action is None or e.action == action)
    ]
    page = found[:limit] if after is not None else list(reversed(found))[:limit]
    people = {id_ for e in page for id_ in (e.user_id, e.target_id) if id_ in call.world.users}
    hooks = [call.world.webhooks[e.target_id] for e in page if e.target_id in call.world.webhooks]
    named = [guild.threads[e.target_id] for e in page if e.target_id in guild.threads]
    return {
        "audit_log_entries": [render.audit_entry(e) for e in page],
        "users": [render.user(call.world.users[id_]) for id_ in sorted(people)],
        "integrations": [],
        "webhooks": [render.webhook(call.world, w, secret=False) for w in {w.id: w for w in hooks}.values()],
        "guild_scheduled_events": [
            render.scheduled_event(call.world, guild.events[id_])
            for id_ in dict.fromkeys(e.target_id for e in page)
            if id_ in guild.events
        ],
        "threads": [render.thread(t) for t in {t.id: t for t in named}.values()],
        "application_commands": [],
        "auto_moderation_rules": [
            render.automod_rule(guild.automod[id_])
            for id_ in dict.fromkeys(e.target_id for e in page)
            if id_ in guild.automod
        ],
    }


def _roles(call: Call) -> list[int]:
    listed = call.query.get("include_roles", "")
    return [int(part) for part in listed.split(",") if part.isdecimal()]


@ROUTER.add("GET", "/guilds/{guild_id}/prune")
def prune_count(call: Call) -> JSON:
    """How many would go."""
    arguments = call.arguments()
    days = arguments.integer("days", low=PAGES.prune_days[0], high=PAGES.prune_days[1], default=7)
    arguments.done()
    return {"pruned": len(guilds.prunable(call.world, call.actor, call.id("guild_id"), days, _roles(call)))}


@ROUTER.add("POST", "/guilds/{guild_id}/prune")
def prune(call: Call) -> JSON:
    """Lets them go."""
    fields = call.fields()
    days = fields.integer("days", low=PAGES.prune_days[0], high=PAGES.prune_days[1], default=7)
    count = fields.boolean("compute_prune_count", default=True)
    roles = fields.snowflakes("include_roles") or []
    fields.done()
    pruned = guilds.prune(call.world, call.actor, call.id("guild_id"), days, roles)
    return {"pruned": pruned if count else None}
