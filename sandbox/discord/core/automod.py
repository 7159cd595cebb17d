"""AutoMod rules of a guild. https://discord.com/developers/docs/resources/auto-moderation

Rules are kept, checked and told of as Discord does it; `moderating` is where they act.
"""

from sandbox.discord import render
from sandbox.discord.core import audit
from sandbox.discord.core.access import Actor, require_guild
from sandbox.discord.entities import JSON, AutomodAction, AutomodRule, AutomodTrigger, Guild
from sandbox.discord.errors import DiscordError, FormErrors, field_error
from sandbox.discord.limits import AUTOMOD
from sandbox.discord.permissions import P
from sandbox.discord.world import World

_LOGGED = ("name", "event_type", "trigger_type", "trigger_metadata", "actions", "enabled", "exempt_roles")
# What may be done is not the same for each trigger: the table "Action Types", its notes.
_TIMES_OUT = (AutomodTrigger.KEYWORD, AutomodTrigger.MENTION_SPAM)
_ON_MEMBERS = 2


def all_of(world: World, actor: Actor, guild_id: int) -> list[AutomodRule]:
    """All, with MANAGE_GUILD."""
    return list(require_guild(world, actor, guild_id, P.MANAGE_GUILD).automod.values())


def get(world: World, actor: Actor, guild_id: int, rule_id: int) -> AutomodRule:
    """One, with MANAGE_GUILD."""
    rule = require_guild(world, actor, guild_id, P.MANAGE_GUILD).automod.get(rule_id)
    if rule is None:
        raise DiscordError(0, "Unknown Auto Moderation Rule", status=404)
    return rule


def create(world: World, actor: Actor, guild_id: int, wanted: JSON) -> AutomodRule:
    """A new one, with MANAGE_GUILD; of each trigger there may be so many."""
    guild = require_guild(world, actor, guild_id, P.MANAGE_GUILD)
    rule = AutomodRule(world.new_id(), guild.id, actor.user_id, **wanted)
    most = AUTOMOD.rules[rule.trigger.name]
    if sum(other.trigger is rule.trigger for other in guild.automod.values()) >= most:
        message = f"Maximum number of rules of this trigger reached ({most})"
        raise field_error("trigger_type", "AUTO_MODERATION_MAX_RULES_OF_TYPE_EXCEEDED", message)
    _check(world, actor, guild, rule)
    guild.automod[rule.id] = rule
    _tell(world, rule, "CREATE")
    changes = audit.difference({}, render.automod_rule(rule), _LOGGED)
    audit.record(world, guild, actor, audit.Action.AUTOMOD_RULE_CREATE, rule.id, changes=changes, options=_named(rule))
    return rule


def update(world: World, actor: Actor, guild_id: int, rule_id: int, changes: JSON) -> AutomodRule:
    """Changes one; its trigger stays what it is."""
    rule = get(world, actor, guild_id, rule_id)
    guild = world.guilds[guild_id]
    if changes.pop("trigger", rule.trigger) is not rule.trigger:
        raise field_error("trigger_type", "AUTO_MODERATION_TRIGGER_TYPE_FIXED", "The trigger type cannot be changed.")
    before = render.automod_rule(rule)
    kept = {name: getattr(rule, name) for name in changes}
    try:
        for name, value in changes.items():
            setattr(rule, name, value)
        _check(world, actor, guild, rule)
    except DiscordError:
        for name, value in kept.items():
            setattr(rule, name, value)
        raise
    _tell(world, rule, "UPDATE")
    changed = audit.difference(before, render.automod_rule(rule), _LOGGED)
    audit.record(world, guild, actor, audit.Action.AUTOMOD_RULE_UPDATE, rule.id, changes=changed, options=_named(rule))
    return rule


def delete(world: World, actor: Actor, guild_id: int, rule_id: int) -> None:
    """Takes one away."""
    rule = get(world, actor, guild_id, rule_id)
    guild = world.guilds[guild_id]
    del guild.automod[rule.id]
    _tell(world, rule, "DELETE")
    changes = audit.difference(render.automod_rule(rule), {}, _LOGGED)
    audit.record(world, guild, actor, audit.Action.AUTOMOD_RULE_DELETE, rule.id, changes=changes, options=_named(rule))


def _named(rule: AutomodRule) -> dict[str, str]:
    return {"auto_moderation_rule_name": rule.name, "auto_moderation_rule_trigger_type": str(int(rule.trigger))}


def _check(world: World, actor: Actor, guild: Guild, rule: AutomodRule) -> None:
    errors = FormErrors()
    if (rule.event_type == _ON_MEMBERS) != (rule.trigger is AutomodTrigger.USER_PROFILE):
        errors.add(("event_type",), "AUTO_MODERATION_EVENT_TYPE_INVALID", "This trigger has another event type.")
    if not rule.actions:
        errors.add(("actions",), "BASE_TYPE_REQUIRED", "This field is required")
    if rule.trigger is AutomodTrigger.KEYWORD and not (
        rule.metadata["keyword_filter"] or rule.metadata["regex_patterns"]
    ):
        errors.add(("trigger_metadata",), "AUTO_MODERATION_KEYWORDS_REQUIRED", "Words or patterns are needed.")
    for index, action in enumerate(rule.actions):
        kind = action["type"]
        if kind == AutomodAction.TIME_OUT and rule.trigger not in _TIMES_OUT:
            errors.add(("actions", index, "type"), "AUTO_MODERATION_ACTION_INVALID", "Not with this trigger.")
        if kind == AutomodAction.QUARANTINE and rule.trigger is not AutomodTrigger.USER_PROFILE:
            errors.add(("actions", index, "type"), "AUTO_MODERATION_ACTION_INVALID", "Not with this trigger.")
        if kind == AutomodAction.ALERT and int(action["metadata"]["channel_id"]) not in guild.channels:
            errors.add(("actions", index, "metadata", "channel_id"), "CHANNEL_INVALID", "Unknown Channel")
    for index, role in enumerate(rule.exempt_roles):
        if role not in guild.roles:
            errors.add(("exempt_roles", index), "ROLE_INVALID", "Unknown Role")
    for index, channel in enumerate(rule.exempt_channels):
        if channel not in guild.channels:
            errors.add(("exempt_channels", index), "CHANNEL_INVALID", "Unknown Channel")
    errors.raise_if_any()
    if any(action["type"] == AutomodAction.TIME_OUT for action in rule.actions):
        require_guild(world, actor, guild.id, P.MODERATE_MEMBERS)


def _tell(world: World, rule: AutomodRule, what: str) -> None:
    world.emit(
        f"AUTO_MODERATION_RULE_{what}", render.automod_rule(rule), guild_id=rule.guild_id, needs=int(P.MANAGE_GUILD)
    )
