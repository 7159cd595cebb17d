"""Compiles intents about channels and categories themselves; pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from services.executor.plans import permissions, schema
from services.executor.plans.bodies import channel_body
from services.executor.plans.channel_steps import (
    VOICE,
    children_of,
    edit,
    filled,
    holders,
    label_of,
    numbered,
    overwrites_of,
    require_known,
)
from services.executor.plans.choosing import Thing, quoted
from services.executor.plans.draft import Draft
from services.executor.plans.snapshot import CATEGORY, CHANNEL_KINDS, Channel

_TALKING = frozenset(CHANNEL_KINDS[kind] for kind in ("text", "voice", "stage", "forum", "media"))
_TOPICAL = frozenset(CHANNEL_KINDS[kind] for kind in ("text", "announcement", "forum", "media"))
_SETTINGS = {
    "topic": _TOPICAL,
    "slowmode_seconds": _TALKING,
    "nsfw": _TALKING | _TOPICAL,
    "user_limit": frozenset(VOICE),
    "bitrate_kbps": frozenset(VOICE),
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
                label=label_of(draft, name, intent.type),
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
        edit(draft, thing, fields, label=thing.name)
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
            for child in children_of(draft, thing):
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
            label=label_of(draft, thing.name, thing.type),
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
            fields["permission_overwrites"] = overwrites_of(parent)
        edit(draft, thing, fields, label=f"{thing.name} → {parent.name if parent else draft.label('no_category')}")


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
    if [thing.id for thing in wanted] == [thing.id for thing in by_place]:
        draft.note("order_already")
        return
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
            "channel.create", {"guild_id": draft.guild_id}, body, label=label_of(draft, body["name"], thing.type)
        )
        draft.makes(intent.id, [draft.created(made, body["name"], thing.type, thing.parent)])


def _fields(intent: schema.CreateChannel | schema.EditChannel) -> dict[str, Any]:
    fields = {
        "topic": intent.topic,
        "rate_limit_per_user": intent.slowmode_seconds,
        "nsfw": intent.nsfw,
        "user_limit": intent.user_limit,
        "bitrate": intent.bitrate_kbps * 1000 if intent.bitrate_kbps is not None else None,
    }
    return {name: value for name, value in fields.items() if value is not None}


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
        require_known(draft, [*overwrite.allow, *overwrite.deny])
        for who, kind in holders(draft, overwrite.who, overwrite.kind):
            merge(who.id, kind, permissions.bits(overwrite.allow), permissions.bits(overwrite.deny))
    return list(found.values())


def _position(thing: Thing) -> tuple[int, int]:
    assert isinstance(thing.existing, Channel)
    return thing.existing.position, thing.existing.id
