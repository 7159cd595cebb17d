"""One operation for each row of the operation table; a row without one fails the tests."""

from __future__ import annotations

from typing import Any

from services.executor.plans.operation import Operation
from services.executor.tests import guilds as g

_GUILD = {"guild_id": str(g.GUILD)}
_CHANNEL = {"channel_id": str(g.GENERAL)}
_MEMBER = {**_GUILD, "user_id": str(g.CRAFTER)}
_OVERWRITE = {**_CHANNEL, "overwrite_id": str(g.VETERAN)}
_ROLE = {**_GUILD, "role_id": str(g.VETERAN)}
_MESSAGE = {**_CHANNEL, "message_id": "99"}
_EVENT = {**_GUILD, "guild_scheduled_event_id": str(g.EVENT)}
_RULE = {**_GUILD, "rule_id": str(g.RULE)}
_EMOJI = {**_GUILD, "emoji_id": str(g.EMOJI)}
_THREAD = {"channel_id": str(g.THREAD)}


def _row(kind: str, path: dict[str, str], body: Any = None, before: Any = None) -> Operation:
    return Operation(id="1", kind=kind, path=path, body=body, before=before, label=kind)


def _fields(**fields: Any) -> dict[str, Any]:
    return {"fields": fields}


_RAW_CHANNEL = {"id": str(g.GENERAL), "name": "general", "type": 0, "position": 1, "permission_overwrites": []}
_RAW_ROLE = {"id": str(g.VETERAN), "name": "Veteran", "position": 2, "permissions": "0"}
_SET = {"type": 0, "allow": "0", "deny": "2048"}

ROWS = {
    operation.kind: operation
    for operation in (
        _row("channel.create", _GUILD, {"name": "a", "type": 0}),
        _row("channel.edit", _CHANNEL, {"rate_limit_per_user": 5}, _fields(rate_limit_per_user=0)),
        _row("channel.rename", _CHANNEL, {"name": "b"}, _fields(name="general")),
        _row("channel.delete", _CHANNEL, None, {"guild_id": str(g.GUILD), "raw": _RAW_CHANNEL, "children": ["7"]}),
        _row("channel.reorder", _GUILD, [{"id": "1", "position": 2}], [{"id": "1", "position": 1}]),
        _row("overwrite.set", _OVERWRITE, _SET),
        _row("overwrite.delete", _OVERWRITE, None, {"id": str(g.VETERAN), **_SET}),
        _row("role.create", _GUILD, {"name": "a", "permissions": "0"}),
        _row("role.edit", _ROLE, {"name": "b"}, {"name": "Veteran"}),
        _row("role.delete", _ROLE, None, {"raw": _RAW_ROLE, "members": [str(g.CRAFTER)], "overwrites": []}),
        _row("role.reorder", _GUILD, [{"id": str(g.VETERAN), "position": 1}], [{"id": str(g.VETERAN), "position": 2}]),
        _row("member.role_add", {**_MEMBER, "role_id": str(g.VETERAN)}),
        _row("member.role_remove", {**_MEMBER, "role_id": str(g.VETERAN)}),
        _row("member.nickname", _MEMBER, {"nick": "x"}, {"nick": None}),
        _row("member.timeout", _MEMBER, {"communication_disabled_until": None}, {"communication_disabled_until": None}),
        _row("member.kick", _MEMBER),
        _row("member.ban", _MEMBER, {"delete_message_seconds": 0}),
        _row("member.bulk_ban", _GUILD, {"user_ids": [str(g.CRAFTER)], "delete_message_seconds": 0}),
        _row("member.unban", {**_GUILD, "user_id": str(g.BANNED)}),
        _row("guild.prune", _GUILD, {"days": 30}),
        _row("message.bulk_delete", _CHANNEL, {"messages": ["1", "2"]}),
        _row("message.delete", _MESSAGE),
        _row("message.pin", _MESSAGE),
        _row("message.unpin", _MESSAGE),
        _row("thread.create", _CHANNEL, {"name": "t", "type": 11}),
        _row("thread.message", _CHANNEL, {"content": "hi"}),
        _row("post.create", {"channel_id": str(g.FORUM)}, {"name": "p", "message": {"content": "m"}}),
        _row("thread.edit", _THREAD, {"archived": True}, {"archived": False}),
        _row("thread.delete", _THREAD),
        _row("invite.create", _CHANNEL, {"max_age": 0}),
        _row("invite.delete", {"code": "abc"}),
        _row("webhook.create", _CHANNEL, {"name": "h"}),
        _row("webhook.delete", {"webhook_id": str(g.HOOK)}),
        _row("emoji.create", _GUILD, {"name": "b", "image": "data:image/png;base64,iVBORw0KGgo="}),
        _row("emoji.edit", _EMOJI, {"name": "b"}, {"name": "blob"}),
        _row("emoji.delete", _EMOJI),
        _row("event.create", _GUILD, {"name": "e"}),
        _row("event.edit", _EVENT, {"name": "f"}, {"name": "Raid night"}),
        _row("event.delete", _EVENT, None, {"raw": {"id": str(g.EVENT), "name": "Raid night"}}),
        _row("automod.create", _GUILD, {"name": "r"}),
        _row("automod.edit", _RULE, {"enabled": False}, {"enabled": True}),
        _row("automod.delete", _RULE, None, {"raw": {"id": str(g.RULE), "name": "No spam"}}),
        _row("guild.edit", _GUILD, {"name": "New"}, {"name": "The Hearth"}),
    )
}
