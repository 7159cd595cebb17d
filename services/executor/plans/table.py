"""The operation table: everything that a plan can do, in one place.

Preflight reads the permissions and ceilings, the estimate reads the rates, the preview reads titles, risk and
reversibility, the runner reads the route and how to find out what happened, undo reads the inverse, and the tests are
generated from it. Rates are first estimates (Discord publishes few); ratelimit learns the real ones from headers.
"""

from __future__ import annotations

from collections.abc import Mapping

from services.executor.plans import inverses
from services.executor.plans.kinds import Effect, Kind, Rate, Reversible, Risk
from services.executor.plans.operation import Operation

_CHANNELS = "/guilds/{guild_id}/channels"
_CHANNEL = "/channels/{channel_id}"
_OVERWRITE = "/channels/{channel_id}/permissions/{overwrite_id}"
_ROLES = "/guilds/{guild_id}/roles"
_ROLE = "/guilds/{guild_id}/roles/{role_id}"
_MEMBER = "/guilds/{guild_id}/members/{user_id}"
_MEMBER_ROLE = "/guilds/{guild_id}/members/{user_id}/roles/{role_id}"
_BAN = "/guilds/{guild_id}/bans/{user_id}"
_PIN = "/channels/{channel_id}/messages/pins/{message_id}"
_EVENTS = "/guilds/{guild_id}/scheduled-events"
_EVENT = "/guilds/{guild_id}/scheduled-events/{guild_scheduled_event_id}"
_RULES = "/guilds/{guild_id}/auto-moderation/rules"
_RULE = "/guilds/{guild_id}/auto-moderation/rules/{rule_id}"
_EMOJI = "/guilds/{guild_id}/emojis/{emoji_id}"

_GLOBAL = Rate(50, 1.0, "bot")
_DAY = 86_400.0
_MEMBER_EDITS = Rate(10, 10.0)
_OVERWRITES = Rate(10, 15.0, "channel_id")

_F, _P, _N = Reversible.FULLY, Reversible.PARTLY, Reversible.NOT
_LOW, _MEDIUM, _HIGH = Risk.LOW, Risk.MEDIUM, Risk.HIGH
_CREATE, _SET, _DELETE = Effect.CREATE, Effect.SET, Effect.DELETE

TABLE: Mapping[str, Kind] = {
    "channel.create": Kind(
        "POST", _CHANNELS, ("manage_channels",), _CREATE, _F, _LOW,
        (_GLOBAL, Rate(500, _DAY)), inverses.delete_created_channel, audit_action=10, ceiling="guild_channels",
    ),
    "channel.edit": Kind(
        "PATCH", _CHANNEL, ("manage_channels",), _SET, _F, _LOW,
        (_GLOBAL,), inverses.restore_channel, channel_parameter="channel_id", ceiling="category_children", result="",
    ),
    "channel.rename": Kind(
        "PATCH", _CHANNEL, ("manage_channels",), _SET, _F, _LOW,
        (_GLOBAL, Rate(2, 600.0, "channel_id")), inverses.restore_channel, channel_parameter="channel_id", result="",
    ),
    "channel.delete": Kind(
        "DELETE", _CHANNEL, ("manage_channels",), _DELETE, _P, _HIGH,
        (_GLOBAL,), inverses.recreate_channel,
        channel_parameter="channel_id", ceiling="community_channels", result="",
    ),
    "channel.reorder": Kind(
        "PATCH", _CHANNELS, ("manage_channels",), _SET, _F, _LOW,
        (_GLOBAL,), inverses.restore_order, stage=5, result="", reason=False,
    ),
    "overwrite.set": Kind(
        "PUT", _OVERWRITE, ("manage_roles",), _SET, _F, _MEDIUM,
        (_GLOBAL, _OVERWRITES), inverses.restore_overwrite, channel_parameter="channel_id", ceiling="overwrites",
        stage=3, result="",
    ),
    "overwrite.delete": Kind(
        "DELETE", _OVERWRITE, ("manage_roles",), _DELETE, _F, _MEDIUM,
        (_GLOBAL, _OVERWRITES), inverses.restore_overwrite, channel_parameter="channel_id", stage=3, result="",
    ),
    "role.create": Kind(
        "POST", _ROLES, ("manage_roles",), _CREATE, _F, _LOW,
        (_GLOBAL, Rate(250, 2 * _DAY)), inverses.delete_created_role, audit_action=30, ceiling="guild_roles", stage=0,
    ),
    "role.edit": Kind(
        "PATCH", _ROLE, ("manage_roles",), _SET, _F, _MEDIUM,
        (_GLOBAL, Rate(1000, _DAY)), inverses.restore_role, stage=0, result="",
    ),
    "role.delete": Kind(
        "DELETE", _ROLE, ("manage_roles",), _DELETE, _P, _HIGH,
        (_GLOBAL,), inverses.recreate_role,
        stage=4, result="",
    ),
    "role.reorder": Kind(
        "PATCH", _ROLES, ("manage_roles",), _SET, _F, _MEDIUM,
        (_GLOBAL,), inverses.restore_role_order, stage=5, result="",
    ),
    "member.role_add": Kind(
        "PUT", _MEMBER_ROLE, ("manage_roles",), _SET, _F, _MEDIUM,
        (_GLOBAL, _MEMBER_EDITS), inverses.take_given_role, stage=4, result="",
    ),
    "member.role_remove": Kind(
        "DELETE", _MEMBER_ROLE, ("manage_roles",), _DELETE, _F, _MEDIUM,
        (_GLOBAL, _MEMBER_EDITS), inverses.give_taken_role, stage=4, result="",
    ),
    "member.nickname": Kind(
        "PATCH", _MEMBER, ("manage_nicknames",), _SET, _F, _LOW,
        (_GLOBAL, _MEMBER_EDITS), inverses.restore_member, stage=4, result="",
    ),
    "member.timeout": Kind(
        "PATCH", _MEMBER, ("moderate_members",), _SET, _F, _MEDIUM,
        (_GLOBAL, _MEMBER_EDITS), inverses.restore_member, stage=4, result="",
    ),
    "member.kick": Kind(
        "DELETE", _MEMBER, ("kick_members",), _DELETE, _N, _HIGH,
        (_GLOBAL, Rate(5, 1.0)), inverses.nothing, stage=4, result="",
    ),
    "member.ban": Kind(
        "PUT", _BAN, ("ban_members",), _SET, _P, _HIGH,
        (_GLOBAL, _MEMBER_EDITS), inverses.unban, stage=4, result="",
    ),
    "member.bulk_ban": Kind(
        "POST", "/guilds/{guild_id}/bulk-ban", ("ban_members", "manage_guild"), _SET, _P, _HIGH,
        (_GLOBAL, Rate(1, 1.0)), inverses.unban_all, stage=4, result="",
    ),
    "member.unban": Kind(
        "DELETE", _BAN, ("ban_members",), _DELETE, _F, _MEDIUM,
        (_GLOBAL, _MEMBER_EDITS), inverses.ban_again, stage=4, result="",
    ),
    "guild.prune": Kind(
        "POST", "/guilds/{guild_id}/prune", ("kick_members", "manage_guild"), _SET, _N, _HIGH,
        (_GLOBAL, Rate(1, 60.0)), inverses.nothing, stage=4, result="",
    ),
    "message.bulk_delete": Kind(
        "POST", "/channels/{channel_id}/messages/bulk-delete", ("manage_messages",), _DELETE, _N,
        _HIGH, (_GLOBAL, Rate(1, 3.0, "channel_id")), inverses.nothing,
        channel_parameter="channel_id", stage=4, result="",
    ),
    "message.delete": Kind(
        "DELETE", "/channels/{channel_id}/messages/{message_id}", ("manage_messages",), _DELETE, _N,
        _HIGH, (_GLOBAL, Rate(30, 4.0, "channel_id")), inverses.nothing,
        channel_parameter="channel_id", stage=4, result="",
    ),
    "message.pin": Kind(
        "PUT", _PIN, ("pin_messages",), _SET, _F, _LOW,
        (_GLOBAL, Rate(5, 5.0, "channel_id")), inverses.unpin, channel_parameter="channel_id", ceiling="pins",
        stage=4, result="",
    ),
    "message.unpin": Kind(
        "DELETE", _PIN, ("pin_messages",), _DELETE, _F, _LOW,
        (_GLOBAL, Rate(5, 5.0, "channel_id")), inverses.pin_again, channel_parameter="channel_id", stage=4, result="",
    ),
    "thread.create": Kind(
        "POST", "/channels/{channel_id}/threads", ("create_public_threads",), _CREATE, _F, _LOW,
        (_GLOBAL, Rate(50, 300.0)), inverses.delete_created_thread, channel_parameter="channel_id", audit_action=110,
        stage=4,
    ),
    "thread.message": Kind(
        "POST", "/channels/{channel_id}/messages", ("send_messages_in_threads",), _CREATE, _F,
        _LOW, (_GLOBAL, Rate(5, 5.0, "channel_id")), inverses.delete_created_message,
        channel_parameter="channel_id", stage=4, reason=False,
    ),
    "post.create": Kind(
        "POST", "/channels/{channel_id}/threads", ("send_messages",), _CREATE, _F, _LOW,
        (_GLOBAL, Rate(50, 300.0)), inverses.delete_created_thread, channel_parameter="channel_id", audit_action=110,
        stage=4,
    ),
    "thread.edit": Kind(
        "PATCH", _CHANNEL, ("manage_threads",), _SET, _F, _LOW,
        (_GLOBAL, Rate(2, 600.0, "channel_id")), inverses.restore_thread, channel_parameter="channel_id", stage=4,
        result="",
    ),
    "thread.delete": Kind(
        "DELETE", _CHANNEL, ("manage_threads",), _DELETE, _N, _HIGH,
        (_GLOBAL,), inverses.nothing, channel_parameter="channel_id", stage=4,
        result="",
    ),
    "invite.create": Kind(
        "POST", "/channels/{channel_id}/invites", ("create_instant_invite",), _CREATE, _F, _LOW,
        (_GLOBAL, Rate(5, 15.0)), inverses.delete_created_invite, channel_parameter="channel_id", audit_action=40,
        result="code", stage=4,
    ),
    "invite.delete": Kind(
        "DELETE", "/invites/{code}", ("manage_guild",), _DELETE, _N, _MEDIUM,
        (_GLOBAL,), inverses.nothing, stage=4, result="",
    ),
    "webhook.create": Kind(
        "POST", "/channels/{channel_id}/webhooks", ("manage_webhooks",), _CREATE, _F, _MEDIUM,
        (_GLOBAL, Rate(5, 60.0)), inverses.delete_created_webhook, channel_parameter="channel_id", audit_action=50,
        ceiling="webhooks", stage=4,
    ),
    "webhook.delete": Kind(
        "DELETE", "/webhooks/{webhook_id}", ("manage_webhooks",), _DELETE, _N, _HIGH,
        (_GLOBAL,), inverses.nothing, stage=4, result="",
    ),
    "emoji.create": Kind(
        "POST", "/guilds/{guild_id}/emojis", ("create_guild_expressions",), _CREATE, _F, _LOW,
        (_GLOBAL, Rate(50, 3600.0)), inverses.delete_created_emoji, audit_action=60, ceiling="emoji", stage=4,
    ),
    "emoji.edit": Kind(
        "PATCH", _EMOJI, ("manage_guild_expressions",), _SET, _F, _LOW,
        (_GLOBAL, Rate(50, 3600.0)), inverses.restore_emoji, stage=4, result="",
    ),
    "emoji.delete": Kind(
        "DELETE", _EMOJI, ("manage_guild_expressions",), _DELETE, _N, _MEDIUM,
        (_GLOBAL,), inverses.nothing, stage=4, result="",
    ),
    "event.create": Kind(
        "POST", _EVENTS, ("create_events",), _CREATE, _F, _LOW,
        (_GLOBAL, Rate(5, 60.0)), inverses.delete_created_event, audit_action=100, ceiling="events", stage=4,
    ),
    "event.edit": Kind(
        "PATCH", _EVENT, ("manage_events",), _SET, _F, _LOW,
        (_GLOBAL, Rate(5, 60.0)), inverses.restore_event, stage=4, result="",
    ),
    "event.delete": Kind(
        "DELETE", _EVENT, ("manage_events",), _DELETE, _P, _MEDIUM,
        (_GLOBAL, Rate(5, 60.0)), inverses.recreate_event, stage=4, result="",
    ),
    "automod.create": Kind(
        "POST", _RULES, ("manage_guild",), _CREATE, _F, _MEDIUM,
        (_GLOBAL, Rate(5, 60.0)), inverses.delete_created_rule, audit_action=140, ceiling="automod", stage=4,
    ),
    "automod.edit": Kind(
        "PATCH", _RULE, ("manage_guild",), _SET, _F, _MEDIUM,
        (_GLOBAL, Rate(5, 60.0)), inverses.restore_rule, stage=4, result="",
    ),
    "automod.delete": Kind(
        "DELETE", _RULE, ("manage_guild",), _DELETE, _F, _MEDIUM,
        (_GLOBAL, Rate(5, 60.0)), inverses.recreate_rule, stage=4, result="",
    ),
    "guild.edit": Kind(
        "PATCH", "/guilds/{guild_id}", ("manage_guild",), _SET, _F, _MEDIUM,
        (_GLOBAL, Rate(10, 600.0)), inverses.restore_guild, stage=4, result="",
    ),
}  # fmt: skip
"""By name: `<what>.<verb>`."""


def kind_of(operation: Operation) -> Kind:
    """The row of an operation."""
    return TABLE[operation.kind]
