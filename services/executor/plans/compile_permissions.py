"""Compiles intents about who may do what in channels: locks, archives, overwrites; pure."""

from __future__ import annotations

from services.executor.plans import permissions, schema
from services.executor.plans.bodies import channel_body, overwrite_body
from services.executor.plans.channel_steps import (
    VOICE,
    delete_overwrite,
    edit,
    find_overwrite,
    holders,
    label_of,
    require_known,
    set_overwrite,
    standing_bits,
    with_children,
    without_categories,
)
from services.executor.plans.choosing import Thing, quoted
from services.executor.plans.draft import Draft
from services.executor.plans.snapshot import CATEGORY

_WRITING = (
    "send_messages",
    "send_messages_in_threads",
    "create_public_threads",
    "create_private_threads",
    "add_reactions",
)
_SPEAKING = ("connect", "speak")


def lock_channel(draft: Draft, intent: schema.LockChannel) -> None:
    """@everyone may write (or speak) no more, or may again; a category with all that is in it."""
    everyone = draft.guild_id
    for thing in with_children(draft, draft.channels(intent.targets)):
        names = _SPEAKING if thing.type in VOICE else _WRITING
        bits = permissions.bits(names)
        allow, deny = standing_bits(thing, everyone)
        allow, deny = (allow, deny & ~bits) if intent.unlock else (allow & ~bits, deny | bits)
        set_overwrite(
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
            "channel.create", {"guild_id": draft.guild_id}, body, label=label_of(draft, intent.category, "category")
        )
        return draft.created(made, intent.category, CATEGORY)

    for thing in without_categories(draft, draft.channels(intent.targets)):
        archive = draft.archive(intent.category, make)
        bits = permissions.bits(_SPEAKING if thing.type in VOICE else _WRITING)
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
                "channel.create", {"guild_id": draft.guild_id}, body, label=label_of(draft, body["name"], thing.type)
            )
            draft.makes(intent.id, [draft.created(made, body["name"], thing.type, archive.id)])
            draft.note("copy_without_messages", name=quoted(thing.name))
        else:
            fields = {"parent_id": archive.id, "permission_overwrites": overwrites}
            edit(draft, thing, fields, label=draft.label("read_only", name=thing.name, archive=archive.name))
            draft.makes(intent.id, [thing])


def sync_channel(draft: Draft, intent: schema.SyncChannel) -> None:
    """The category's permissions."""
    for thing in draft.channels(intent.targets):
        parent = draft.snapshot.channels.get(int(thing.parent)) if thing.parent.isdecimal() else None
        if parent is None:
            raise draft.fail("NO_CATEGORY", "no_category", name=quoted(thing.name))
        edit(draft, thing, {"permission_overwrites": [overwrite_body(o) for o in parent.overwrites]}, label=thing.name)


def set_permission(draft: Draft, intent: schema.SetPermission) -> None:
    """Each role or member in each channel."""
    require_known(draft, [*intent.allow, *intent.deny, *intent.neutral])
    allow, deny, neutral = (permissions.bits(names) for names in (intent.allow, intent.deny, intent.neutral))
    for who, kind in holders(draft, intent.who, intent.kind):
        for thing in draft.channels(intent.targets):
            had_allow, had_deny = standing_bits(thing, who.id)
            new_allow = (had_allow & ~(deny | neutral)) | allow
            new_deny = (had_deny & ~(allow | neutral)) | deny
            risky = bool(allow & permissions.bits(permissions.RISKY))
            label = f"{thing.name} for {who.name}"
            set_overwrite(draft, thing, who.id, kind=kind, allow=new_allow, deny=new_deny, label=label, risky=risky)


def clear_permission(draft: Draft, intent: schema.ClearPermission) -> None:
    """Overwrites go."""
    found = False
    for who, _ in holders(draft, intent.who, intent.kind):
        for thing in draft.channels(intent.targets):
            standing = find_overwrite(thing, who.id)
            if standing is None:
                continue
            found = True
            delete_overwrite(
                draft, thing, who.id, standing, label=draft.label("for_whom", name=thing.name, who=who.name)
            )
    if not found:
        draft.note("nothing_to_clear")
