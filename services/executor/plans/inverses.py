"""How each operation is undone: from what it did and what was there before, the operations that bring it back.

A deleted thing comes back under another id. `Inverse.restores` says which old id the new operation stands for, so that
the undo plan can point whatever else it restores at the new one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from services.executor.plans.bodies import channel_body, role_body
from services.executor.plans.operation import Operation, Outcome

_EVENT_FIELDS = [
    "name",
    "description",
    "channel_id",
    "entity_metadata",
    "entity_type",
    "privacy_level",
    "scheduled_start_time",
    "scheduled_end_time",
]
_RULE_FIELDS = [
    "name",
    "event_type",
    "trigger_type",
    "trigger_metadata",
    "actions",
    "enabled",
    "exempt_roles",
    "exempt_channels",
]


@dataclass(frozen=True)
class Inverse:
    """One operation that undoes (a part of) another."""

    kind: str
    path: Mapping[str, str]
    body: Any = None
    query: Mapping[str, str] = field(default_factory=dict)
    label: str = ""
    restores: str = ""
    """The old id of what this makes anew."""
    before: Any = None


def nothing(operation: Operation, outcome: Outcome) -> list[Inverse]:
    """There is no way back."""
    return []


def delete_created_channel(operation: Operation, outcome: Outcome) -> list[Inverse]:
    """A created channel is deleted."""
    return [Inverse("channel.delete", {"channel_id": outcome.result}, label=operation.label)]


def restore_channel(operation: Operation, outcome: Outcome) -> list[Inverse]:
    """What was changed in a channel gets its old values."""
    before = operation.before["fields"]
    kind = "channel.rename" if "name" in before or "topic" in before else "channel.edit"
    return [Inverse(kind, operation.path, before, label=operation.label, before={"fields": operation.body})]


def recreate_channel(operation: Operation, outcome: Outcome) -> list[Inverse]:
    """A deleted channel is made anew, and its children are put back into a category."""
    guild_id, raw = operation.before["guild_id"], operation.before["raw"]
    made = Inverse(
        "channel.create", {"guild_id": guild_id}, channel_body(raw), label=operation.label, restores=str(raw["id"])
    )
    children = [
        Inverse(
            "channel.edit",
            {"channel_id": child},
            {"parent_id": str(raw["id"])},
            label=f"→ {operation.label}",
            before={"fields": {"parent_id": None}},
        )
        for child in operation.before.get("children", ())
    ]
    return [made, *children]


def restore_order(operation: Operation, outcome: Outcome) -> list[Inverse]:
    """Channels get their old positions."""
    return [Inverse(operation.kind, operation.path, operation.before, label=operation.label, before=operation.body)]


def restore_overwrite(operation: Operation, outcome: Outcome) -> list[Inverse]:
    """An overwrite gets its old value, or goes if there was none."""
    if operation.before:
        body = {key: operation.before[key] for key in ("type", "allow", "deny")}
        return [Inverse("overwrite.set", operation.path, body, label=operation.label, before=operation.body)]
    return [Inverse("overwrite.delete", operation.path, label=operation.label, before=operation.body)]


def delete_created_role(operation: Operation, outcome: Outcome) -> list[Inverse]:
    """A created role is deleted."""
    path = {"guild_id": operation.path["guild_id"], "role_id": outcome.result}
    return [Inverse("role.delete", path, label=operation.label)]


def restore_role(operation: Operation, outcome: Outcome) -> list[Inverse]:
    """What was changed in a role gets its old values."""
    return [Inverse("role.edit", operation.path, operation.before, label=operation.label, before=operation.body)]


def recreate_role(operation: Operation, outcome: Outcome) -> list[Inverse]:
    """A deleted role is made anew, in its place, and given back to its members, in its channels."""
    guild_id, raw = operation.path["guild_id"], operation.before["raw"]
    old = str(raw["id"])
    made = Inverse("role.create", {"guild_id": guild_id}, role_body(raw), label=operation.label, restores=old)
    # A new role stands lowest, and equal places are told apart by age: so those of all that stood below are given too.
    order = operation.before.get("order") or ()
    places = [{"id": one, "position": place} for place, one in enumerate(order, 1)]
    placed = Inverse(
        "role.reorder",
        {"guild_id": guild_id},
        places or [{"id": old, "position": int(raw["position"])}],
        label=operation.label,
        before=[],
    )
    given = [
        Inverse(
            "member.role_add",
            {"guild_id": guild_id, "user_id": str(member), "role_id": old},
            label=operation.label,
        )
        for member in operation.before.get("members", ())
    ]
    overwrites = [
        Inverse(
            "overwrite.set",
            {"channel_id": str(one["channel_id"]), "overwrite_id": old},
            {"type": 0, "allow": one["allow"], "deny": one["deny"]},
            label=operation.label,
        )
        for one in operation.before.get("overwrites", ())
    ]
    return [made, placed, *given, *overwrites]


def restore_role_order(operation: Operation, outcome: Outcome) -> list[Inverse]:
    """Roles get their old positions."""
    if not operation.before:
        return []
    return [Inverse(operation.kind, operation.path, operation.before, label=operation.label, before=operation.body)]


def take_given_role(operation: Operation, outcome: Outcome) -> list[Inverse]:
    """A given role is taken."""
    return [Inverse("member.role_remove", operation.path, label=operation.label)]


def give_taken_role(operation: Operation, outcome: Outcome) -> list[Inverse]:
    """A taken role is given."""
    return [Inverse("member.role_add", operation.path, label=operation.label)]


def restore_member(operation: Operation, outcome: Outcome) -> list[Inverse]:
    """A nickname or a time-out is as it was."""
    return [Inverse(operation.kind, operation.path, operation.before, label=operation.label, before=operation.body)]


def unban(operation: Operation, outcome: Outcome) -> list[Inverse]:
    """A ban ends."""
    return [Inverse("member.unban", operation.path, label=operation.label)]


def unban_all(operation: Operation, outcome: Outcome) -> list[Inverse]:
    """Bans end."""
    guild_id = operation.path["guild_id"]
    return [
        Inverse("member.unban", {"guild_id": guild_id, "user_id": str(user)}, label=str(user))
        for user in operation.body["user_ids"]
    ]


def ban_again(operation: Operation, outcome: Outcome) -> list[Inverse]:
    """Who was unbanned is banned."""
    return [Inverse("member.ban", operation.path, {"delete_message_seconds": 0}, label=operation.label)]


def unpin(operation: Operation, outcome: Outcome) -> list[Inverse]:
    """A pin goes."""
    return [Inverse("message.unpin", operation.path, label=operation.label)]


def pin_again(operation: Operation, outcome: Outcome) -> list[Inverse]:
    """A pin comes back."""
    return [Inverse("message.pin", operation.path, label=operation.label)]


def delete_created_thread(operation: Operation, outcome: Outcome) -> list[Inverse]:
    """An opened thread is deleted."""
    return [Inverse("thread.delete", {"channel_id": outcome.result}, label=operation.label)]


def delete_created_message(operation: Operation, outcome: Outcome) -> list[Inverse]:
    """A message goes; where its thread goes too, that is enough and comes first."""
    path = {"channel_id": str(outcome.extra or operation.path["channel_id"]), "message_id": outcome.result}
    return [Inverse("message.delete", path, label=operation.label)]


def restore_thread(operation: Operation, outcome: Outcome) -> list[Inverse]:
    """A thread's name, tags and state are as they were."""
    return [Inverse("thread.edit", operation.path, operation.before, label=operation.label, before=operation.body)]


def delete_created_invite(operation: Operation, outcome: Outcome) -> list[Inverse]:
    """An invitation ends."""
    return [Inverse("invite.delete", {"code": outcome.result}, label=operation.label)]


def delete_created_webhook(operation: Operation, outcome: Outcome) -> list[Inverse]:
    """A webhook goes."""
    return [Inverse("webhook.delete", {"webhook_id": outcome.result}, label=operation.label)]


def delete_created_emoji(operation: Operation, outcome: Outcome) -> list[Inverse]:
    """An emoji goes."""
    path = {"guild_id": operation.path["guild_id"], "emoji_id": outcome.result}
    return [Inverse("emoji.delete", path, label=operation.label)]


def restore_emoji(operation: Operation, outcome: Outcome) -> list[Inverse]:
    """An emoji gets its old name."""
    return [Inverse("emoji.edit", operation.path, operation.before, label=operation.label, before=operation.body)]


def delete_created_event(operation: Operation, outcome: Outcome) -> list[Inverse]:
    """An event goes."""
    path = {"guild_id": operation.path["guild_id"], "guild_scheduled_event_id": outcome.result}
    return [Inverse("event.delete", path, label=operation.label)]


def restore_event(operation: Operation, outcome: Outcome) -> list[Inverse]:
    """An event is as it was."""
    return [Inverse("event.edit", operation.path, operation.before, label=operation.label, before=operation.body)]


def recreate_event(operation: Operation, outcome: Outcome) -> list[Inverse]:
    """A deleted event is made anew."""
    raw = operation.before["raw"]
    body = {name: raw[name] for name in _EVENT_FIELDS if raw.get(name) is not None}
    path = {"guild_id": operation.path["guild_id"]}
    return [Inverse("event.create", path, body, label=operation.label, restores=str(raw["id"]))]


def delete_created_rule(operation: Operation, outcome: Outcome) -> list[Inverse]:
    """A rule goes."""
    path = {"guild_id": operation.path["guild_id"], "rule_id": outcome.result}
    return [Inverse("automod.delete", path, label=operation.label)]


def restore_rule(operation: Operation, outcome: Outcome) -> list[Inverse]:
    """A rule is as it was."""
    return [Inverse("automod.edit", operation.path, operation.before, label=operation.label, before=operation.body)]


def recreate_rule(operation: Operation, outcome: Outcome) -> list[Inverse]:
    """A deleted rule is made anew."""
    raw = operation.before["raw"]
    body = {name: raw[name] for name in _RULE_FIELDS if raw.get(name) is not None}
    path = {"guild_id": operation.path["guild_id"]}
    return [Inverse("automod.create", path, body, label=operation.label, restores=str(raw["id"]))]


def restore_guild(operation: Operation, outcome: Outcome) -> list[Inverse]:
    """The server's settings are as they were."""
    return [Inverse("guild.edit", operation.path, operation.before, label=operation.label, before=operation.body)]
