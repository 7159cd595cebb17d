"""Compiles intents about roles and members; pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from services.executor.plans import permissions, schema
from services.executor.plans.channel_steps import filled, numbered
from services.executor.plans.choosing import Thing, plain, quoted
from services.executor.plans.draft import Draft
from services.executor.plans.snapshot import Member, Role

BULK_BAN_LIMIT = 200


def create_role(draft: Draft, intent: schema.CreateRole) -> None:
    """Roles begin at the bottom, with no permissions unless some are named."""
    bits = _bits(draft, intent.permissions)
    for name in numbered(intent.names or (intent.name,), intent.repeat, " "):
        body: dict[str, Any] = {"name": name, "permissions": str(bits)}
        body |= _looks(intent)
        made = draft.add(
            "role.create",
            {"guild_id": draft.guild_id},
            body,
            label=f"@{name}",
            risky=bool(bits & permissions.bits(permissions.RISKY)),
        )
        draft.makes(intent.id, [draft.created(made, name)])


def edit_role(draft: Draft, intent: schema.EditRole) -> None:
    """Changes only what differs."""
    grant, revoke = _bits(draft, intent.grant), _bits(draft, intent.revoke)
    things = draft.roles(intent.targets, everyone=True)
    for number, thing in enumerate(things, 1):
        had = int(thing.raw.get("permissions") or 0)
        fields = _looks(intent)
        if intent.name is not None:
            template = intent.name if len(things) == 1 or "{" in intent.name else intent.name + " {i}"
            fields["name"] = filled(template, number, thing.name)
        if grant or revoke:
            fields["permissions"] = str((had | grant) & ~revoke)
        before = {name: thing.raw.get(name) for name in fields}
        changed = {name: value for name, value in fields.items() if thing.existing is None or before[name] != value}
        if not changed:
            draft.note("that_way_already", name=quoted(thing.name))
            continue
        draft.add(
            "role.edit",
            {"guild_id": draft.guild_id, "role_id": thing.id},
            changed,
            label=f"@{thing.name.lstrip('@')}",
            touches=[thing.id],
            watch=("role", thing),
            before={name: before[name] for name in changed},
            risky=bool(grant & permissions.bits(permissions.RISKY)),
        )
        draft.makes(intent.id, [thing])


def delete_role(draft: Draft, intent: schema.DeleteRole) -> None:
    """With who had it and where it was named, so that it can be made anew."""
    for thing in draft.roles(intent.targets):
        before = None
        if isinstance(thing.existing, Role):
            holders = [str(m.user_id) for m in draft.snapshot.members.values() if int(thing.id) in m.role_ids]
            overwrites = [
                {"channel_id": str(channel.id), "allow": str(one["allow"]), "deny": str(one["deny"])}
                for channel in draft.snapshot.channels.values()
                for one in channel.overwrites
                if str(one["id"]) == thing.id
            ]
            order = [str(role.id) for role in _standing(draft)]
            below = order[: order.index(thing.id) + 1] if thing.id in order else []
            before = {"raw": dict(thing.raw), "members": holders, "overwrites": overwrites, "order": below}
        draft.add(
            "role.delete",
            {"guild_id": draft.guild_id, "role_id": thing.id},
            label=f"@{thing.name}",
            touches=[thing.id],
            watch=("role", thing),
            before=before,
        )


def reorder_roles(draft: Draft, intent: schema.ReorderRoles) -> None:
    """One request with the new places of the roles that move, and of as few others as can be."""
    anchor = draft.roles(schema.Targets(select=schema.Select(names=(intent.anchor,))))[0]
    moving = [thing for thing in draft.roles(intent.targets) if thing.id != anchor.id]
    standing = _standing(draft)
    ids = [str(role.id) for role in standing if str(role.id) not in {thing.id for thing in moving}]
    place = ids.index(anchor.id) + (1 if intent.place == "above" else 0)
    ids[place:place] = [thing.id for thing in reversed(moving)]
    had = {str(role.id): role.position for role in standing}
    body = _places(ids, standing)
    if not body:
        draft.note("order_already")
        return
    before = [{"id": one["id"], "position": had[str(one["id"])]} for one in body if str(one["id"]) in had]
    draft.add(
        "role.reorder",
        {"guild_id": draft.guild_id},
        body,
        label=", ".join(f"@{thing.name}" for thing in moving)[:100],
        touches=[thing.id for thing in moving],
        before=before,
    )


def _places(wanted: Sequence[str], standing: Sequence[Role]) -> list[dict[str, Any]]:
    """The positions that must change for an order from the lowest up. Of roles in one place the older stands higher."""
    had = {str(role.id): role.position for role in standing}
    free = iter([role.position for role in standing])
    body: list[dict[str, Any]] = []
    place, youth = 0, 0
    for one in wanted:
        # What the plan itself makes has no place yet, and is the youngest.
        mine = int(one) if one in had else 1 << 64
        least = place if place and mine < youth else place + 1
        place, youth = max(next(free), least) if one in had else least, mine
        if had.get(one) != place:
            body.append({"id": one, "position": place})
    return body


def give_role(draft: Draft, intent: schema.GiveRole) -> None:
    """To those who lack it."""
    _each_role(draft, intent.members, intent.role, give=True)


def take_role(draft: Draft, intent: schema.TakeRole) -> None:
    """From those who have it."""
    _each_role(draft, intent.members, intent.role, give=False)


def set_nickname(draft: Draft, intent: schema.SetNickname) -> None:
    """One edit a member."""
    for number, thing in enumerate(draft.members(intent.members), 1):
        member = _member(thing)
        wanted = filled(intent.nickname or "", number, thing.name)[:32] or None
        if (member.nickname or None) == wanted:
            continue
        _edit_member(
            draft,
            thing,
            "member.nickname",
            {"nick": wanted},
            {"nick": member.nickname or None},
            label=f"{thing.name} → {wanted or draft.label('none')}",
        )


def timeout(draft: Draft, intent: schema.Timeout) -> None:
    """Until a moment that is fixed when the plan is made."""
    until = None
    if intent.minutes:
        until = datetime.fromtimestamp(draft.now + intent.minutes * 60, UTC).isoformat()
    for thing in draft.members(intent.members):
        member = _member(thing)
        body = {"communication_disabled_until": until}
        before = {"communication_disabled_until": member.timed_out_until or None}
        ended = draft.label("timeout_ends", name=thing.name)
        _edit_member(
            draft,
            thing,
            "member.timeout",
            body,
            before,
            label=draft.label("minutes", name=thing.name, minutes=intent.minutes) if until else ended,
        )


def kick(draft: Draft, intent: schema.Kick) -> None:
    """One by one: Discord has no other way."""
    for thing in draft.members(intent.members):
        path = {"guild_id": draft.guild_id, "user_id": thing.id}
        draft.add("member.kick", path, label=thing.name, touches=[thing.id], watch=("member", thing))


def ban(draft: Draft, intent: schema.Ban) -> None:
    """Several at once where that is possible."""
    things = _bannable(draft, intent.members)
    seconds = intent.delete_message_days * 86_400
    if len(things) == 1:
        path = {"guild_id": draft.guild_id, "user_id": things[0].id}
        draft.add("member.ban", path, {"delete_message_seconds": seconds}, label=things[0].name, touches=[things[0].id])
        return
    for first in range(0, len(things), BULK_BAN_LIMIT):
        some = things[first : first + BULK_BAN_LIMIT]
        body = {"user_ids": [thing.id for thing in some], "delete_message_seconds": seconds}
        draft.add(
            "member.bulk_ban",
            {"guild_id": draft.guild_id},
            body,
            label=draft.label("members", count=len(some), names=", ".join(thing.name for thing in some))[:100],
            touches=[thing.id for thing in some],
        )


def unban(draft: Draft, intent: schema.Unban) -> None:
    """By name or id among those who are banned."""
    for name in intent.users:
        found = [one for one in draft.snapshot.bans.values() if plain(name) in {plain(one.name), str(one.id)}]
        if not found:
            raise draft.fail("NOT_FOUND", "not_banned", name=quoted(name))
        path = {"guild_id": draft.guild_id, "user_id": str(found[0].id)}
        draft.add("member.unban", path, label=found[0].name, touches=[str(found[0].id)])


def prune(draft: Draft, intent: schema.Prune) -> None:
    """Counted first, so the preview says how many it would be."""
    roles = tuple(
        int(draft.roles(schema.Targets(select=schema.Select(names=(name,))))[0].id) for name in intent.include_roles
    )
    count = draft.snapshot.prune_count.get((intent.days, roles))
    if not count:
        raise draft.fail("NOBODY", "nobody_away", days=intent.days)
    body: dict[str, Any] = {"days": intent.days, "compute_prune_count": False}
    if roles:
        body["include_roles"] = [str(role) for role in roles]
    draft.add(
        "guild.prune",
        {"guild_id": draft.guild_id},
        body,
        label=draft.label("members_away", count=count, days=intent.days),
    )


def _each_role(draft: Draft, members: schema.Targets, roles: schema.Targets, *, give: bool) -> None:
    people = draft.members(members)
    for role in draft.roles(roles):
        role_id = int(role.id) if role.id.isdecimal() else 0
        having = [thing for thing in people if role_id in _member(thing).role_ids]
        concerned = [thing for thing in people if thing not in having] if give else having
        if len(concerned) < len(people):
            state = "have_already" if give else "lack_already"
            draft.note(state, count=len(people) - len(concerned), role=role.name)
        for thing in concerned:
            draft.add(
                "member.role_add" if give else "member.role_remove",
                {"guild_id": draft.guild_id, "user_id": thing.id, "role_id": role.id},
                label=f"{thing.name} · @{role.name}",
                touches=[f"{thing.id}/{role.id}"],
                watch=("role", role),
            )


def _edit_member(draft: Draft, thing: Thing, kind: str, body: Any, before: Any, *, label: str) -> None:
    path = {"guild_id": draft.guild_id, "user_id": thing.id}
    draft.add(kind, path, body, label=label, touches=[thing.id], watch=("member", thing), before=before)


def _bannable(draft: Draft, targets: schema.Targets) -> list[Thing]:
    """Members, and users by id who are not (or no longer) here."""
    select = targets.select
    strangers = []
    if select is not None and select.names:
        known = {str(user_id) for user_id in draft.snapshot.members}
        strangers = [name for name in select.names if name.isdecimal() and len(name) >= 15 and name not in known]
        rest = tuple(name for name in select.names if name not in strangers)
        targets = schema.Targets(select=select.model_copy(update={"names": rest}))
        if not rest:
            return [Thing(name, f"user {name}") for name in strangers]
    return draft.members(targets) + [Thing(name, f"user {name}") for name in strangers]


def _member(thing: Thing) -> Member:
    assert isinstance(thing.existing, Member)
    return thing.existing


def _looks(intent: schema.CreateRole | schema.EditRole) -> dict[str, Any]:
    fields = {
        "color": int(intent.colour[1:], 16) if intent.colour else None,
        "hoist": intent.hoist,
        "mentionable": intent.mentionable,
    }
    return {name: value for name, value in fields.items() if value is not None}


def _bits(draft: Draft, names: Iterable[str]) -> int:
    unknown = sorted({name for name in names if not permissions.known(name)})
    if unknown:
        raise draft.fail("UNKNOWN_PERMISSION", "unknown_permission", names=", ".join(map(quoted, unknown)))
    return permissions.bits(names)


def _standing(draft: Draft) -> list[Role]:
    """The roles in their order, the lowest first, without @everyone."""
    roles = (role for role in draft.snapshot.roles.values() if role.id != draft.snapshot.guild_id)
    return sorted(roles, key=lambda role: (role.position, -role.id))
