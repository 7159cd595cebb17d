"""Compiles intents about messages, threads and forum posts; pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.executor.plans import schema
from services.executor.plans.choosing import Thing, plain, quoted
from services.executor.plans.draft import Draft
from services.executor.plans.snapshot import CHANNEL_KINDS, Channel, Named

BULK_DELETE_LIMIT = 100
BULK_DELETE_DAYS = 14
_EPOCH = 1_420_070_400
_FORUMS = (CHANNEL_KINDS["forum"], CHANNEL_KINDS["media"])
_PRIVATE_THREAD, _PUBLIC_THREAD = 12, 11


def purge_messages(draft: Draft, intent: schema.PurgeMessages) -> None:
    """Frozen at the preview: these messages and no later ones. By age, for Discord deletes only young ones together."""
    for thing in draft.channels(intent.targets):
        channel = int(thing.id) if thing.id.isdecimal() else 0
        chosen = [m for m in draft.snapshot.messages.get(channel, ())[: intent.count] if _matches(m, intent)]
        if not chosen:
            draft.note("no_message_matches", name=quoted(thing.name))
            continue
        # An hour's margin: a message must not grow too old between preview and deletion.
        oldest = draft.now - BULK_DELETE_DAYS * 86_400 + 3_600
        young = [str(m["id"]) for m in chosen if _made_at(m) >= oldest]
        old = [str(m["id"]) for m in chosen if _made_at(m) < oldest]
        path = {"channel_id": thing.id}
        while len(young) > 1:
            some, young = young[:BULK_DELETE_LIMIT], young[BULK_DELETE_LIMIT:]
            draft.add(
                "message.bulk_delete",
                path,
                {"messages": some},
                label=draft.label("messages", count=len(some), channel=thing.name),
            )
        for one in young + old:
            draft.add("message.delete", path | {"message_id": one}, label=draft.label("a_message", channel=thing.name))


def pin_messages(draft: Draft, intent: schema.PinMessages) -> None:
    """The newest that matches; for unpinning without a text, all."""
    for thing in draft.channels(intent.targets):
        channel = int(thing.id) if thing.id.isdecimal() else 0
        pool = draft.snapshot.pins.get(channel, []) if intent.unpin else draft.snapshot.messages.get(channel, [])
        wanted = intent.contains
        found = [m for m in pool if wanted is None or wanted.casefold() in str(m.get("content", "")).casefold()]
        if wanted is not None or not intent.unpin:
            found = found[:1]
        if not found:
            raise draft.fail("NOT_FOUND", "no_such_message", name=quoted(thing.name))
        for message in found:
            path = {"channel_id": thing.id, "message_id": str(message["id"])}
            kind = "message.unpin" if intent.unpin else "message.pin"
            draft.add(kind, path, label=draft.label("a_message", channel=thing.name), touches=[str(message["id"])])


def create_thread(draft: Draft, intent: schema.CreateThread) -> None:
    """A forum's post carries its first message, a thread gets it afterwards."""
    for thing in draft.channels(intent.channel):
        path = {"channel_id": thing.id}
        if thing.type in _FORUMS:
            if not intent.message:
                raise draft.fail("MESSAGE_MISSING", "message_missing", name=quoted(thing.name))
            body: dict[str, Any] = {
                "name": intent.name,
                "message": {"content": intent.message, "allowed_mentions": {"parse": []}},
            }
            if intent.tags:
                body["applied_tags"] = _tags(draft, thing, intent.tags)
            made = draft.add(
                "post.create", path, body, label=draft.label("in_channel", name=intent.name, channel=thing.name)
            )
            draft.makes(intent.id, [draft.created(made, intent.name, _PUBLIC_THREAD, thing.id)])
            continue
        body = {"name": intent.name, "type": _PRIVATE_THREAD if intent.private else _PUBLIC_THREAD}
        made = draft.add(
            "thread.create", path, body, label=draft.label("in_channel", name=intent.name, channel=thing.name)
        )
        thread = draft.created(made, intent.name, body["type"], thing.id)
        if intent.message:
            content = {"content": intent.message, "allowed_mentions": {"parse": []}}
            draft.add(
                "thread.message", {"channel_id": thread.id}, content, label=draft.label("in_thread", name=intent.name)
            )
        draft.makes(intent.id, [thread])


def edit_thread(draft: Draft, intent: schema.EditThread) -> None:
    """One edit a thread."""
    for thing in draft.channels(intent.targets, what="thread", threads=True):
        meta = thing.raw.get("thread_metadata") or {}
        fields: dict[str, Any] = {}
        before: dict[str, Any] = {}
        for name, wanted, standing in (
            ("name", intent.name, thing.name),
            ("archived", intent.archived, bool(meta.get("archived"))),
            ("locked", intent.locked, bool(meta.get("locked"))),
        ):
            if wanted is not None and wanted != standing:
                fields[name], before[name] = wanted, standing
        if intent.tags is not None:
            parent = draft.snapshot.channels.get(int(thing.parent or 0))
            if parent is None:
                raise draft.fail("NO_TAGS", "no_forum", name=quoted(thing.name))
            fields["applied_tags"] = _tags(draft, Thing(str(parent.id), parent.name, raw=parent.raw), intent.tags)
            before["applied_tags"] = list(thing.raw.get("applied_tags") or ())
        if fields:
            draft.add(
                "thread.edit",
                {"channel_id": thing.id},
                fields,
                label=thing.name,
                touches=[thing.id],
                watch=("thread", thing),
                before=before,
            )


def delete_thread(draft: Draft, intent: schema.DeleteThread) -> None:
    """Gone with all messages."""
    for thing in draft.channels(intent.targets, what="thread", threads=True):
        path = {"channel_id": thing.id}
        draft.add("thread.delete", path, label=thing.name, touches=[thing.id], watch=("thread", thing))


def _matches(message: Mapping[str, Any], intent: schema.PurgeMessages) -> bool:
    author = message.get("author") or {}
    if message.get("pinned"):
        return False
    if intent.author is not None:
        names = {plain(str(author.get(key) or "")) for key in ("username", "global_name", "id")}
        if plain(intent.author) not in names:
            return False
    if intent.bots is not None and bool(author.get("bot")) != intent.bots:
        return False
    return intent.contains is None or intent.contains.casefold() in str(message.get("content", "")).casefold()


def _made_at(message: Mapping[str, Any]) -> float:
    return (int(message["id"]) >> 22) / 1000 + _EPOCH


def _tags(draft: Draft, forum: Thing, names: tuple[str, ...]) -> list[str]:
    if not isinstance(forum.existing, Channel | Named) and not forum.raw.get("id"):
        raise draft.fail("TAGS_NOT_KNOWN", "tags_not_known", name=quoted(forum.name))
    known = {plain(str(tag["name"])): str(tag["id"]) for tag in forum.raw.get("available_tags") or ()}
    missing = [name for name in names if plain(name) not in known]
    if missing:
        raise draft.fail("NO_TAGS", "no_tags", name=quoted(forum.name), tags=", ".join(map(quoted, missing)))
    return [known[plain(name)] for name in names][:5]
