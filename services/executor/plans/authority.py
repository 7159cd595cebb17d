"""Who may do what: the requester's own rights in Discord, intersected with the bot's; pure.

Checked for the whole plan at preview, and again for each operation when its turn comes, against fresh facts. Nothing
that a model or a text in the guild says takes part in it. Some things are refused to everybody.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from services.executor.plans import permissions
from services.executor.plans.choosing import quoted
from services.executor.plans.operation import Operation
from services.executor.plans.saying import ENGLISH, Text
from services.executor.plans.snapshot import Member, Role, Snapshot
from services.executor.plans.table import kind_of

_ROLE_ACTS = frozenset({"role.edit", "role.delete", "role.reorder", "member.role_add", "member.role_remove"})
_MEMBER_ACTS = frozenset(
    {
        "member.nickname",
        "member.timeout",
        "member.kick",
        "member.ban",
        "member.bulk_ban",
        "member.role_add",
        "member.role_remove",
    }
)
_KEPT = frozenset({"role.edit", "role.delete", "member.role_add", "member.role_remove"})
"""What is never done to roles that belong to an integration. That others move past them is no harm."""
_HARSH = frozenset({"member.timeout", "member.kick", "member.ban", "member.bulk_ban"})


def refusal(operation: Operation, snapshot: Snapshot, requester: Member, bot: Member, text: Text = ENGLISH) -> str:
    """Why an operation is refused, for people; empty where it is allowed."""
    for check in (_lacking, _granting, _ranks, _persons):
        found = check(operation, snapshot, requester, bot, text)
        if found:
            return found
    return ""


def _lacking(operation: Operation, snapshot: Snapshot, requester: Member, bot: Member, text: Text) -> str:
    needed = permissions.bits(kind_of(operation).permissions)
    body = operation.body if isinstance(operation.body, dict) else {}
    if "permission_overwrites" in body:
        needed |= permissions.bit("manage_roles")
    channel = None
    parameter = kind_of(operation).channel_parameter
    if parameter and operation.path[parameter].isdecimal():
        number = int(operation.path[parameter])
        channel = snapshot.channels.get(number) or snapshot.threads.get(number)
        needed |= permissions.bit("view_channel")
    for subject, whose in ((requester, "you_lack"), (bot, "i_lack")):
        missing = needed & ~snapshot.permissions_of(subject, channel)
        if missing:
            names = ", ".join(_words(missing, text))
            if channel is None:
                return text(f"plan.authority.{whose}", names=names)
            return text(f"plan.authority.{whose}_in", names=names, channel=quoted(channel.name))
    return ""


def _granting(operation: Operation, snapshot: Snapshot, requester: Member, bot: Member, text: Text) -> str:
    """Nobody hands out what they do not have; nobody hands out Administrator."""
    granted, changed = _bits_in(operation)
    if granted & permissions.ADMINISTRATOR:
        return text("plan.authority.administrator")
    for subject, whose in ((requester, "you_do_not_have"), (bot, "i_do_not_have")):
        missing = (granted | changed) & ~snapshot.permissions_of(subject)
        if missing:
            return text(f"plan.authority.{whose}", names=", ".join(_words(missing, text)))
    return ""


def _ranks(operation: Operation, snapshot: Snapshot, requester: Member, bot: Member, text: Text) -> str:
    """Roles at or above one's own highest, and roles that belong to an integration, are out of reach."""
    concerned = [role for role in map(snapshot.roles.get, _role_ids(operation)) if role is not None]
    for role in concerned:
        everyone = role.id == snapshot.guild_id
        if everyone and operation.kind in ("role.delete", "member.role_add", "member.role_remove"):
            return text("plan.authority.everyone")
        if role.managed and operation.kind in _KEPT:
            return text("plan.authority.managed", name=quoted(role.name))
        if everyone:
            continue
        if not _above(snapshot, requester, role):
            return text("plan.authority.role_not_below_you", name=quoted(role.name))
        if not _above(snapshot, bot, role):
            return text("plan.authority.role_not_below_me", name=quoted(role.name))
    if operation.kind == "role.reorder":
        return _reorder(operation, snapshot, requester, bot, text)
    return ""


def _reorder(operation: Operation, snapshot: Snapshot, requester: Member, bot: Member, text: Text) -> str:
    for subject, whose in ((requester, "you"), (bot, "me")):
        if subject.user_id == snapshot.owner_id:
            continue
        top = snapshot.top_position(subject)[0]
        if any(str(one["id"]).isdecimal() and int(one["position"]) >= top for one in operation.body):
            return text(f"plan.authority.reorder_{whose}")
    return ""


def _persons(operation: Operation, snapshot: Snapshot, requester: Member, bot: Member, text: Text) -> str:
    if operation.kind not in _MEMBER_ACTS:
        return ""
    for user_id in _user_ids(operation):
        if operation.kind in _HARSH:
            if user_id == snapshot.owner_id:
                return text("plan.authority.owner")
            if user_id == requester.user_id:
                return text("plan.authority.yourself")
            if user_id == bot.user_id:
                return text("plan.authority.myself")
        member = snapshot.members.get(user_id)
        if member is None or operation.kind in ("member.role_add", "member.role_remove"):
            continue
        found = _person(operation, snapshot, requester, bot, text, member=member)
        if found:
            return found
    return ""


def _person(
    operation: Operation, snapshot: Snapshot, requester: Member, bot: Member, text: Text, *, member: Member
) -> str:
    if member.user_id == snapshot.owner_id:
        return text("plan.authority.owner")
    if member.user_id == bot.user_id:
        return ""
    theirs = snapshot.top_position(member)
    own = member.user_id == requester.user_id
    if not own and requester.user_id != snapshot.owner_id and snapshot.top_position(requester) <= theirs:
        return text("plan.authority.not_below_you", name=quoted(member.name))
    if snapshot.top_position(bot) <= theirs:
        return text("plan.authority.not_below_me", name=quoted(member.name))
    if operation.kind == "member.timeout" and snapshot.permissions_of(member) & permissions.ADMINISTRATOR:
        return text("plan.authority.is_administrator", name=quoted(member.name))
    return ""


def _above(snapshot: Snapshot, subject: Member, role: Role) -> bool:
    return subject.user_id == snapshot.owner_id or snapshot.top_position(subject) > snapshot.rank(role)


def _bits_in(operation: Operation) -> tuple[int, int]:
    """The permissions that an operation grants, and all whose state it changes."""
    body: Any = operation.body
    if not isinstance(body, dict):
        return 0, 0
    granted = changed = 0
    before = operation.before if isinstance(operation.before, dict) else {}
    if operation.kind.startswith("role.") and "permissions" in body:
        had = int(before.get("permissions") or 0)
        granted |= int(body["permissions"]) & ~had
        changed |= int(body["permissions"]) ^ had
    if operation.kind == "overwrite.set":
        granted, changed = _overwrite_bits(body, before)
    if operation.kind == "overwrite.delete":
        granted, changed = _overwrite_bits({}, before)
    fields = before.get("fields") or {}
    standing = {str(one["id"]): one for one in fields.get("permission_overwrites") or ()}
    wanted = {str(one["id"]): one for one in body.get("permission_overwrites") or ()}
    for who in standing.keys() | wanted.keys() if "permission_overwrites" in body else ():
        more, other = _overwrite_bits(wanted.get(who, {}), standing.get(who, {}))
        granted, changed = granted | more, changed | other
    return granted, changed


def _overwrite_bits(new: Any, old: Any) -> tuple[int, int]:
    allow, deny = int(new.get("allow") or 0), int(new.get("deny") or 0)
    had_allow, had_deny = int(old.get("allow") or 0), int(old.get("deny") or 0)
    return allow & ~had_allow, (allow ^ had_allow) | (deny ^ had_deny)


def _role_ids(operation: Operation) -> Iterable[int]:
    if operation.kind in _ROLE_ACTS:
        if operation.path.get("role_id", "").isdecimal():
            yield int(operation.path["role_id"])
        if operation.kind == "role.reorder":
            yield from (int(one["id"]) for one in operation.before or () if str(one["id"]).isdecimal())
    if operation.kind.startswith("overwrite.") and operation.path["overwrite_id"].isdecimal():
        yield int(operation.path["overwrite_id"])


def _user_ids(operation: Operation) -> list[int]:
    if operation.kind == "member.bulk_ban":
        return [int(one) for one in operation.body["user_ids"]]
    return [int(operation.path["user_id"])]


def _words(value: int, text: Text) -> list[str]:
    return [name.replace("_", " ").title() for name in permissions.names(value)] or [
        text("plan.authority.unknown_permission")
    ]
