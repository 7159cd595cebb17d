"""What intents about channels have in common: which channels they mean, and the steps that they compile to; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from services.executor.plans import permissions, schema
from services.executor.plans.bodies import overwrite_body
from services.executor.plans.choosing import Thing, Unresolved, quoted
from services.executor.plans.draft import Draft
from services.executor.plans.snapshot import CATEGORY, CHANNEL_KINDS, Channel

VOICE = (CHANNEL_KINDS["voice"], CHANNEL_KINDS["stage"])


def numbered(names: Iterable[str], repeat: int, separator: str) -> list[str]:
    """The names to create: each `repeat` times, with its number."""
    result = []
    for name in names:
        template = name if repeat == 1 or "{i}" in name else f"{name}{separator}{{i}}"
        result += [filled(template, number, "") for number in range(1, repeat + 1)]
    return result


def filled(template: str, number: int, name: str) -> str:
    """A name with its placeholders filled in, within Discord's hundred characters. What is new has no old name."""
    return template.replace("{i}", str(number)).replace("{name}", name or "{name}")[:100].strip()


def edit(draft: Draft, thing: Thing, fields: Mapping[str, Any], *, label: str) -> None:
    """One PATCH with what differs; nothing where nothing does."""
    before = {name: _value(thing, name) for name in fields}
    changed = {name: value for name, value in fields.items() if thing.existing is None or before[name] != value}
    if not changed:
        draft.note("that_way_already", name=quoted(thing.name))
        return
    kind = "channel.rename" if {"name", "topic"} & set(changed) else "channel.edit"
    draft.add(
        kind,
        {"channel_id": thing.id},
        changed,
        label=label,
        touches=[thing.id],
        watch=("channel", thing),
        before={"fields": {name: before[name] for name in changed}},
    )


def _value(thing: Thing, name: str) -> Any:
    if name == "permission_overwrites":
        return [overwrite_body(one) for one in thing.raw.get(name) or ()]
    value = thing.raw.get(name)
    if name == "parent_id":
        return str(value) if value else None
    return {"topic": value or "", "nsfw": bool(value)}.get(name, value)


def set_overwrite(
    draft: Draft, thing: Thing, who: str, *, kind: int, allow: int, deny: int, label: str, risky: bool = False
) -> None:
    """One overwrite as wanted: set, deleted where it says nothing any more, left where it stands so already."""
    standing = find_overwrite(thing, who)
    if (int(standing["allow"]), int(standing["deny"])) == (allow, deny) if standing else (allow, deny) == (0, 0):
        draft.note("permissions_already", name=quoted(thing.name))
        return
    if standing and not allow and not deny:
        delete_overwrite(draft, thing, who, standing, label=label)
        return
    draft.add(
        "overwrite.set",
        {"channel_id": thing.id, "overwrite_id": who},
        {"type": kind, "allow": str(allow), "deny": str(deny)},
        label=label,
        touches=[f"{thing.id}/{who}", thing.id],
        watch=("channel", thing),
        before=overwrite_body(standing) if standing else None,
        risky=risky,
    )


def delete_overwrite(draft: Draft, thing: Thing, who: str, standing: Mapping[str, Any], *, label: str) -> None:
    """One overwrite that goes."""
    draft.add(
        "overwrite.delete",
        {"channel_id": thing.id, "overwrite_id": who},
        label=label,
        touches=[f"{thing.id}/{who}", thing.id],
        watch=("channel", thing),
        before=overwrite_body(standing),
    )


def find_overwrite(thing: Thing, who: str) -> Mapping[str, Any] | None:
    """What a channel says of a role or member."""
    return next((one for one in thing.raw.get("permission_overwrites") or () if str(one["id"]) == who), None)


def standing_bits(thing: Thing, who: str) -> tuple[int, int]:
    """What a channel allows and denies a role or member."""
    found = find_overwrite(thing, who)
    return (int(found["allow"]), int(found["deny"])) if found else (0, 0)


def overwrites_of(thing: Thing) -> list[dict[str, Any]]:
    """A channel's overwrites, as Discord takes them."""
    return [overwrite_body(one) for one in thing.raw.get("permission_overwrites") or ()]


def holders(draft: Draft, who: schema.Targets, kind: str) -> list[tuple[Thing, int]]:
    """The roles or members that are meant, each with Discord's number for its kind."""
    if kind == "member":
        return [(member, 1) for member in draft.members(who)]
    return [(role, 0) for role in draft.roles(who, everyone=True)]


def require_known(draft: Draft, names: Iterable[str]) -> None:
    """Raises `Unresolved` for names that are no permissions."""
    unknown = sorted({name for name in names if not permissions.known(name)})
    if unknown:
        raise draft.fail("UNKNOWN_PERMISSION", "unknown_permission", names=", ".join(map(quoted, unknown)))


def children_of(draft: Draft, category: Thing) -> list[Thing]:
    """What is in a category, or will be."""
    if isinstance(category.existing, Channel):
        return [
            Thing(str(c.id), c.name, c.type, category.id, existing=c, raw=c.raw)
            for c in draft.snapshot.children(category.existing.id)
        ]
    made = [thing for things in draft.made.values() for thing in things]
    return [thing for thing in made if thing.parent == category.id]


def with_children(draft: Draft, things: Iterable[Thing]) -> list[Thing]:
    """Channels, and what is in those that are categories."""
    result: dict[str, Thing] = {}
    for thing in things:
        result[thing.id] = thing
        if thing.type == CATEGORY:
            result |= {child.id: child for child in children_of(draft, thing)}
    return list(result.values())


def without_categories(draft: Draft, things: Iterable[Thing]) -> list[Thing]:
    """Channels, with what is in categories in their place. Raises `Unresolved` where that is nothing."""
    result = [thing for thing in with_children(draft, things) if thing.type != CATEGORY]
    if not result:
        raise Unresolved("nothing but empty categories")
    return result


def label_of(draft: Draft, name: str, kind: str | int) -> str:
    """A channel as people write it; `kind` is its name or Discord's number."""
    number = CHANNEL_KINDS.get(kind, 0) if isinstance(kind, str) else kind
    if number == CATEGORY:
        return draft.label("category", name=name)
    return draft.label("voice", name=name) if number in VOICE else f"#{name}"
