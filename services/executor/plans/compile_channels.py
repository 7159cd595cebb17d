"""Compiles intents about channels, categories and their permissions; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from services.executor.plans import permissions, schema
from services.executor.plans.draft import Draft, Thing, Unresolved, quoted
from services.executor.plans.inverses import channel_body, overwrite_body
from services.executor.plans.snapshot import CATEGORY, CHANNEL_KINDS, Channel

_VOICE = (CHANNEL_KINDS["voice"], CHANNEL_KINDS["stage"])
_WRITING = (
    "send_messages",
    "send_messages_in_threads",
    "create_public_threads",
    "create_private_threads",
    "add_reactions",
)
_SPEAKING = ("connect", "speak")
_TALKING = frozenset(CHANNEL_KINDS[kind] for kind in ("text", "voice", "stage", "forum", "media"))
_TOPICAL = frozenset(CHANNEL_KINDS[kind] for kind in ("text", "announcement", "forum", "media"))
_SETTINGS = {
    "topic": _TOPICAL,
    "slowmode_seconds": _TALKING,
    "nsfw": _TALKING | _TOPICAL,
    "user_limit": frozenset(_VOICE),
    "bitrate_kbps": frozenset(_VOICE),
}
"""Which kinds of channels have what: https://docs.discord.com/developers/resources/channel#modify-channel"""


def create_channel(draft: Draft, intent: schema.CreateChannel) -> None:
    """Every name in every category that is meant."""
    parents: Sequence[Thing | None] = draft.category(intent.category) if intent.category else (None,)
    if intent.type == "category":
        parents = (None,)
    overwrites = _overwrites(draft, intent)
    for parent in parents:
        for name in numbered(
            intent.names or (intent.name,), intent.repeat, " " if intent.type in ("category", "voice", "stage") else "-"
        ):
            body = _fields(intent) | {"name": name, "type": CHANNEL_KINDS[intent.type]}
            if parent is not None:
                body["parent_id"] = parent.id
            if overwrites:
                body["permission_overwrites"] = overwrites
            if intent.tags:
                body["available_tags"] = [{"name": tag} for tag in intent.tags]
            granting = any(int(one["allow"]) & permissions.bits(permissions.RISKY) for one in overwrites)
            made = draft.add(
                "channel.create",
                {"guild_id": draft.guild_id},
                body,
                label=_label(draft, name, intent.type),
                risky=granting,
            )
            thing = draft.created(made, name, CHANNEL_KINDS[intent.type], parent.id if parent else "")
            draft.makes(intent.id, [thing])


def edit_channel(draft: Draft, intent: schema.EditChannel) -> None:
    """Changes only what differs."""
    things = _having(draft, intent, draft.channels(intent.targets))
    for number, thing in enumerate(things, 1):
        fields = _fields(intent)
        if intent.name is not None:
            template = intent.name if len(things) == 1 or "{" in intent.name else intent.name + "-{i}"
            fields["name"] = filled(template, number, thing.name)
        _edit(draft, thing, fields, label=thing.name)
        draft.makes(intent.id, [thing])


def _having(draft: Draft, intent: schema.EditChannel, things: list[Thing]) -> list[Thing]:
    """Those of a kind that has all the settings; whoever says "all channels" does not mean categories."""
    given = [kinds for name, kinds in _SETTINGS.items() if getattr(intent, name) is not None]
    fitting = [thing for thing in things if all(thing.type in kinds for kinds in given)]
    if not fitting:
        raise draft.fail("WRONG_KIND", "wrong_kind", name=quoted(things[0].name))
    if len(fitting) < len(things):
        draft.note("wrong_kind", count=len(things) - len(fitting))
    return fitting


def delete_channel(draft: Draft, intent: schema.DeleteChannel) -> None:
    """Categories go after their children where those go too."""
    things = draft.channels(intent.targets)
    seen: dict[str, Thing] = {}
    for thing in things:
        if intent.with_children and thing.type == CATEGORY:
            for child in _children(draft, thing):
                seen.setdefault(child.id, child)
        seen.setdefault(thing.id, thing)
    for thing in sorted(seen.values(), key=lambda one: one.type == CATEGORY):
        before = None
        if isinstance(thing.existing, Channel):
            children = [str(c.id) for c in draft.snapshot.children(thing.existing.id) if str(c.id) not in seen]
            before = {"guild_id": draft.guild_id, "raw": dict(thing.raw), "children": children}
        draft.add(
            "channel.delete",
            {"channel_id": thing.id},
            label=_label(draft, thing.name, thing.type),
            touches=[thing.id],
            watch=("channel", thing),
            before=before,
        )


def move_channel(draft: Draft, intent: schema.MoveChannel) -> None:
    """Into a category, or out of all."""
    parent = draft.category(intent.category)[0] if intent.category else None
    for thing in draft.channels(intent.targets):
        if thing.type == CATEGORY:
            raise draft.fail("CATEGORY_IN_CATEGORY", "category_in_category", name=quoted(thing.name))
        fields: dict[str, Any] = {"parent_id": parent.id if parent else None}
        if intent.sync and parent is not None:
            fields["permission_overwrites"] = _overwrites_of(parent)
        _edit(draft, thing, fields, label=f"{thing.name} → {parent.name if parent else draft.label('no_category')}")


def reorder_channels(draft: Draft, intent: schema.ReorderChannels) -> None:
    """One request; the positions that these channels have are dealt out anew among them."""
    things = [thing for thing in draft.channels(intent.targets) if isinstance(thing.existing, Channel)]
    if not things:
        raise draft.fail("NOT_YET_THERE", "not_yet_there")
    by_place = sorted(things, key=_position)
    wanted = {
        "alphabetical": sorted(things, key=lambda thing: thing.name.casefold()),
        "as_given": things,
        "reverse": list(reversed(by_place)),
    }[intent.order]
    positions = sorted(_position(thing) for thing in things)
    if len({position for position, _ in positions}) < len(positions):
        first = positions[0][0]
        places = list(range(first, first + len(things)))
    else:
        places = [position for position, _ in positions]
    body = [{"id": thing.id, "position": place} for thing, place in zip(wanted, places, strict=True)]
    before = [{"id": thing.id, "position": _position(thing)[0]} for thing in by_place]
    draft.add(
        "channel.reorder",
        {"guild_id": draft.guild_id},
        body,
        label=draft.label("channels", count=len(body)),
        touches=[thing.id for thing in things],
        before=before,
    )


def clone_channel(draft: Draft, intent: schema.CloneChannel) -> None:
    """A channel with the same settings."""
    for thing in draft.channels(intent.targets):
        body = channel_body(thing.raw)
        body.pop("position", None)
        body["name"] = filled(intent.name or "{name}-copy", 1, thing.name)
        made = draft.add(
            "channel.create", {"guild_id": draft.guild_id}, body, label=_label(draft, body["name"], thing.type)
        )
        draft.makes(intent.id, [draft.created(made, body["name"], thing.type, thing.parent)])


def lock_channel(draft: Draft, intent: schema.LockChannel) -> None:
    """@everyone may write (or speak) no more, or may again; a category with all that is in it."""
    everyone = draft.guild_id
    for thing in _with_children(draft, draft.channels(intent.targets)):
        names = _SPEAKING if thing.type in _VOICE else _WRITING
        bits = permissions.bits(names)
        allow, deny = _standing(thing, everyone)
        allow, deny = (allow, deny & ~bits) if intent.unlock else (allow & ~bits, deny | bits)
        _set_overwrite(
            draft,
            thing,
            everyone,
            kind=0,
            allow=allow,
            deny=deny,
            label=draft.label("for_whom", name=thing.name, who="@everyone"),
        )


def archive_channel(draft: Draft, intent: schema.ArchiveChannel) -> None:
    """Read-only and in the archive: one edit, or one creation for a copy."""

    def make() -> Thing:
        for channel in draft.snapshot.channels.values():
            if channel.type == CATEGORY and channel.name.casefold() == intent.category.casefold():
                return Thing(str(channel.id), channel.name, CATEGORY, existing=channel, raw=channel.raw)
        body = {"name": intent.category, "type": CATEGORY}
        made = draft.add(
            "channel.create", {"guild_id": draft.guild_id}, body, label=_label(draft, intent.category, "category")
        )
        return draft.created(made, intent.category, CATEGORY)

    for thing in _without_categories(draft, draft.channels(intent.targets)):
        archive = draft.archive(intent.category, make)
        bits = permissions.bits(_SPEAKING if thing.type in _VOICE else _WRITING)
        overwrites = [overwrite_body(one) for one in thing.raw.get("permission_overwrites") or ()]
        for one in overwrites:
            one["allow"] = str(int(one["allow"]) & ~bits)
        everyone = next((one for one in overwrites if one["id"] == draft.guild_id), None)
        if everyone is None:
            everyone = {"id": draft.guild_id, "type": 0, "allow": "0", "deny": "0"}
            overwrites.append(everyone)
        everyone["deny"] = str(int(everyone["deny"]) | bits)
        if intent.copy_:
            body = channel_body(thing.raw) | {"name": f"{thing.name}-archive", "parent_id": archive.id}
            body["permission_overwrites"] = overwrites
            body.pop("position", None)
            made = draft.add(
                "channel.create", {"guild_id": draft.guild_id}, body, label=_label(draft, body["name"], thing.type)
            )
            draft.makes(intent.id, [draft.created(made, body["name"], thing.type, archive.id)])
            draft.note("copy_without_messages", name=quoted(thing.name))
        else:
            fields = {"parent_id": archive.id, "permission_overwrites": overwrites}
            _edit(draft, thing, fields, label=draft.label("read_only", name=thing.name, archive=archive.name))
            draft.makes(intent.id, [thing])


def sync_channel(draft: Draft, intent: schema.SyncChannel) -> None:
    """The category's permissions."""
    for thing in draft.channels(intent.targets):
        parent = draft.snapshot.channels.get(int(thing.parent)) if thing.parent.isdecimal() else None
        if parent is None:
            raise draft.fail("NO_CATEGORY", "no_category", name=quoted(thing.name))
        _edit(draft, thing, {"permission_overwrites": [overwrite_body(o) for o in parent.overwrites]}, label=thing.name)


def set_permission(draft: Draft, intent: schema.SetPermission) -> None:
    """Each role or member in each channel."""
    _known(draft, [*intent.allow, *intent.deny, *intent.neutral])
    allow, deny, neutral = (permissions.bits(names) for names in (intent.allow, intent.deny, intent.neutral))
    for who, kind in _holders(draft, intent.who, intent.kind):
        for thing in draft.channels(intent.targets):
            had_allow, had_deny = _standing(thing, who.id)
            new_allow = (had_allow & ~(deny | neutral)) | allow
            new_deny = (had_deny & ~(allow | neutral)) | deny
            risky = bool(allow & permissions.bits(permissions.RISKY))
            label = f"{thing.name} for {who.name}"
            _set_overwrite(draft, thing, who.id, kind=kind, allow=new_allow, deny=new_deny, label=label, risky=risky)


def clear_permission(draft: Draft, intent: schema.ClearPermission) -> None:
    """Overwrites go."""
    found = False
    for who, _ in _holders(draft, intent.who, intent.kind):
        for thing in draft.channels(intent.targets):
            standing = _find_overwrite(thing, who.id)
            if standing is None:
                continue
            found = True
            _delete_overwrite(
                draft, thing, who.id, standing, label=draft.label("for_whom", name=thing.name, who=who.name)
            )
    if not found:
        draft.note("nothing_to_clear")


def numbered(names: Iterable[str], repeat: int, separator: str) -> list[str]:
    """The names to create: each `repeat` times, with its number."""
    result = []
    for name in names:
        template = name if repeat == 1 or "{i}" in name else f"{name}{separator}{{i}}"
        result += [filled(template, number, "") for number in range(1, repeat + 1)]
    return result


def filled(template: str, number: int, name: str) -> str:
    """A name with its placeholders filled in, within Discord's hundred characters."""
    return template.replace("{i}", str(number)).replace("{name}", name)[:100].strip()


def _fields(intent: schema.CreateChannel | schema.EditChannel) -> dict[str, Any]:
    fields = {
        "topic": intent.topic,
        "rate_limit_per_user": intent.slowmode_seconds,
        "nsfw": intent.nsfw,
        "user_limit": intent.user_limit,
        "bitrate": intent.bitrate_kbps * 1000 if intent.bitrate_kbps is not None else None,
    }
    return {name: value for name, value in fields.items() if value is not None}


def _edit(draft: Draft, thing: Thing, fields: Mapping[str, Any], *, label: str) -> None:
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


def _set_overwrite(
    draft: Draft, thing: Thing, who: str, *, kind: int, allow: int, deny: int, label: str, risky: bool = False
) -> None:
    standing = _find_overwrite(thing, who)
    if (int(standing["allow"]), int(standing["deny"])) == (allow, deny) if standing else (allow, deny) == (0, 0):
        draft.note("permissions_already", name=quoted(thing.name))
        return
    if standing and not allow and not deny:
        _delete_overwrite(draft, thing, who, standing, label=label)
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


def _delete_overwrite(draft: Draft, thing: Thing, who: str, standing: Mapping[str, Any], *, label: str) -> None:
    draft.add(
        "overwrite.delete",
        {"channel_id": thing.id, "overwrite_id": who},
        label=label,
        touches=[f"{thing.id}/{who}", thing.id],
        watch=("channel", thing),
        before=overwrite_body(standing),
    )


def _find_overwrite(thing: Thing, who: str) -> Mapping[str, Any] | None:
    return next((one for one in thing.raw.get("permission_overwrites") or () if str(one["id"]) == who), None)


def _standing(thing: Thing, who: str) -> tuple[int, int]:
    found = _find_overwrite(thing, who)
    return (int(found["allow"]), int(found["deny"])) if found else (0, 0)


def _overwrites_of(thing: Thing) -> list[dict[str, Any]]:
    return [overwrite_body(one) for one in thing.raw.get("permission_overwrites") or ()]


def _overwrites(draft: Draft, intent: schema.CreateChannel) -> list[dict[str, Any]]:
    """The overwrites to create a channel with: inside the creating call, so it is never open for a moment."""
    found: dict[str, dict[str, Any]] = {}

    def merge(who: str, kind: int, allow: int, deny: int) -> None:
        one = found.setdefault(who, {"id": who, "type": kind, "allow": "0", "deny": "0"})
        one["allow"] = str(int(one["allow"]) & ~deny | allow)
        one["deny"] = str(int(one["deny"]) & ~allow | deny)

    if intent.private_to is not None:
        view = permissions.bit("view_channel")
        merge(draft.guild_id, 0, 0, view)
        merge(str(draft.snapshot.bot_id), 1, view, 0)
        for role in draft.roles(intent.private_to):
            merge(role.id, 0, view, 0)
    for overwrite in intent.overwrites:
        _known(draft, [*overwrite.allow, *overwrite.deny])
        for who, kind in _holders(draft, overwrite.who, overwrite.kind):
            merge(who.id, kind, permissions.bits(overwrite.allow), permissions.bits(overwrite.deny))
    return list(found.values())


def _holders(draft: Draft, who: schema.Targets, kind: str) -> list[tuple[Thing, int]]:
    if kind == "member":
        return [(member, 1) for member in draft.members(who)]
    return [(role, 0) for role in draft.roles(who, everyone=True)]


def _known(draft: Draft, names: Iterable[str]) -> None:
    unknown = sorted({name for name in names if not permissions.known(name)})
    if unknown:
        raise draft.fail("UNKNOWN_PERMISSION", "unknown_permission", names=", ".join(map(quoted, unknown)))


def _children(draft: Draft, category: Thing) -> list[Thing]:
    if isinstance(category.existing, Channel):
        return [
            Thing(str(c.id), c.name, c.type, category.id, existing=c, raw=c.raw)
            for c in draft.snapshot.children(category.existing.id)
        ]
    made = [thing for things in draft.made.values() for thing in things]
    return [thing for thing in made if thing.parent == category.id]


def _with_children(draft: Draft, things: Iterable[Thing]) -> list[Thing]:
    result: dict[str, Thing] = {}
    for thing in things:
        result[thing.id] = thing
        if thing.type == CATEGORY:
            result |= {child.id: child for child in _children(draft, thing)}
    return list(result.values())


def _without_categories(draft: Draft, things: Iterable[Thing]) -> list[Thing]:
    result = [thing for thing in _with_children(draft, things) if thing.type != CATEGORY]
    if not result:
        raise Unresolved("nothing but empty categories")
    return result


def _position(thing: Thing) -> tuple[int, int]:
    assert isinstance(thing.existing, Channel)
    return thing.existing.position, thing.existing.id


def _label(draft: Draft, name: str, kind: str | int) -> str:
    number = CHANNEL_KINDS.get(kind, 0) if isinstance(kind, str) else kind
    if number == CATEGORY:
        return draft.label("category", name=name)
    return draft.label("voice", name=name) if number in _VOICE else f"#{name}"
