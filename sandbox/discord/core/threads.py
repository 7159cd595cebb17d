"""Threads: https://discord.com/developers/docs/topics/threads

One module: the three ways to open one, changing and closing share the same few helpers; `thread_life` has the rest.
"""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sandbox.discord import render
from sandbox.discord.core import audit, posting
from sandbox.discord.core.access import Actor, has, require_channel
from sandbox.discord.core.thread_life import announce_update, guild_of, state_of
from sandbox.discord.entities import (
    FORUM_TYPES,
    JSON,
    Channel,
    ChannelType,
    Message,
    MessageFlag,
    MessageType,
    ThreadMember,
    ThreadState,
)
from sandbox.discord.errors import DiscordError, field_error
from sandbox.discord.limits import SIZES
from sandbox.discord.permissions import P
from sandbox.discord.snowflake import to_time
from sandbox.discord.world import World

AUTO_ARCHIVE_MINUTES = (60, 1440, 4320, 10080)
_OWN_SETTINGS = frozenset({"name", "archived", "auto_archive_duration", "applied_tags"})


@dataclass(frozen=True, slots=True)
class ThreadForm:
    """What a new thread is to be; None stands for the parent's default."""

    name: str
    auto_archive_minutes: int | None = None
    slowmode: int | None = None
    kind: ChannelType = ChannelType.PUBLIC_THREAD
    invitable: bool | None = None
    tags: tuple[int, ...] = ()


def _new(world: World, actor: Actor, parent: Channel, thread_id: int, form: ThreadForm) -> Channel:
    guild = guild_of(world, parent)
    if sum(t.thread is not None and not t.thread.archived for t in guild.threads.values()) >= SIZES.active_threads:
        raise DiscordError(160006)
    now = world.now()
    thread = Channel(
        id=thread_id,
        type=form.kind,
        guild_id=guild.id,
        name=form.name,
        parent_id=parent.id,
        rate_limit_per_user=parent.default_thread_rate_limit if form.slowmode is None else form.slowmode,
        thread=ThreadState(
            owner_id=actor.user_id,
            created_at=now,
            archive_changed_at=now,
            auto_archive_minutes=form.auto_archive_minutes or parent.default_auto_archive_minutes or 4320,
        ),
    )
    state_of(thread).members[actor.user_id] = ThreadMember(actor.user_id, now)
    return thread


def _open(world: World, actor: Actor, thread: Channel) -> None:
    guild = guild_of(world, thread)
    guild.threads[thread.id] = thread
    world.channels[thread.id] = thread
    data = render.thread(thread, reader_id=actor.user_id)
    data["newly_created"] = True
    world.emit("THREAD_CREATE", data, guild_id=guild.id, channel_id=thread.id)
    audit.record(
        world, guild, actor, audit.Action.THREAD_CREATE, thread.id, changes=[{"key": "name", "new_value": thread.name}]
    )


def from_message(world: World, actor: Actor, channel_id: int, message_id: int, form: ThreadForm) -> Channel:
    """Opens a thread below a message; it has the message's id. 160004 where it has one."""
    parent = require_channel(world, actor, channel_id, P.READ_MESSAGE_HISTORY, P.CREATE_PUBLIC_THREADS)
    if parent.type not in (ChannelType.TEXT, ChannelType.NEWS):
        raise DiscordError(50024)
    message = world.message(channel_id, message_id)
    if message.ephemeral:
        raise DiscordError(10008)
    if message_id in world.channels:
        raise DiscordError(160004)
    kind = ChannelType.NEWS_THREAD if parent.type is ChannelType.NEWS else ChannelType.PUBLIC_THREAD
    thread = _new(world, actor, parent, message_id, dataclasses.replace(form, kind=kind))
    message.flags |= MessageFlag.HAS_THREAD
    _open(world, actor, thread)
    posting.announce(world, "MESSAGE_UPDATE", message)
    starter = Message(
        id=world.new_id(),
        channel_id=thread.id,
        author_id=message.author_id,
        guild_id=thread.guild_id,
        type=MessageType.THREAD_STARTER_MESSAGE,
        sent_at=world.now(),
        webhook_id=message.webhook_id,
        persona=message.persona,
        reference={
            "type": 0,
            "guild_id": str(thread.guild_id),
            "channel_id": str(parent.id),
            "message_id": str(message.id),
        },
    )
    world.log(thread.id).add(starter)
    return thread


def from_channel(world: World, actor: Actor, channel_id: int, form: ThreadForm) -> Channel:
    """Opens a thread of its own; a system message in the parent says so for a public one."""
    kind = form.kind
    needed = P.CREATE_PRIVATE_THREADS if kind is ChannelType.PRIVATE_THREAD else P.CREATE_PUBLIC_THREADS
    parent = require_channel(world, actor, channel_id, needed)
    allowed = {ChannelType.TEXT: (11, 12), ChannelType.NEWS: (10,)}.get(parent.type, ())
    if kind not in allowed:
        raise DiscordError(50024)
    thread = _new(world, actor, parent, world.new_id(), form)
    if kind is ChannelType.PRIVATE_THREAD:
        state_of(thread).invitable = True if form.invitable is None else form.invitable
    _open(world, actor, thread)
    if kind is not ChannelType.PRIVATE_THREAD:
        notice = Message(
            id=world.new_id(),
            channel_id=parent.id,
            author_id=actor.user_id,
            guild_id=parent.guild_id,
            type=MessageType.THREAD_CREATED,
            sent_at=world.now(),
            content=form.name,
            reference={"type": 0, "channel_id": str(thread.id), "guild_id": str(thread.guild_id)},
        )
        posting.post(world, notice, parent)
    return thread


def in_forum(
    world: World, actor: Actor, channel_id: int, form: ThreadForm, first_message: Callable[[Channel], Message]
) -> tuple[Channel, Message]:
    """Opens a post; `first_message` builds what it starts with, which has the thread's id."""
    parent = require_channel(world, actor, channel_id, P.SEND_MESSAGES)
    if parent.type not in FORUM_TYPES:
        raise DiscordError(50024)
    check_tags(world, actor, parent, form.tags)
    if parent.flags & (1 << 4) and not form.tags:
        raise DiscordError(40067)
    thread = _new(world, actor, parent, world.new_id(), form)
    state_of(thread).applied_tags = list(form.tags)
    message = first_message(thread)
    message.id = thread.id
    _open(world, actor, thread)
    posting.post(world, message, thread)
    parent.last_message_id = thread.id
    return thread, message


def check_tags(world: World, actor: Actor, parent: Channel, tags: Sequence[int]) -> None:
    """Tags must be the forum's; moderated ones need MANAGE_THREADS."""
    known = {tag.id: tag for tag in parent.tags}
    if len(tags) > SIZES.post_tags:
        raise field_error("applied_tags", "BASE_TYPE_MAX_LENGTH", f"Must be {SIZES.post_tags} or fewer in length.")
    for tag in tags:
        if tag not in known:
            raise DiscordError(10087)
        if known[tag].moderated and not has(world, actor, parent, P.MANAGE_THREADS):
            raise DiscordError(50013)


def update(world: World, actor: Actor, thread: Channel, changes: JSON) -> Channel:
    """Changes a thread; what a member may change of their own differs from what MANAGE_THREADS may."""
    state = state_of(thread)
    guild = guild_of(world, thread)
    manages = has(world, actor, thread, P.MANAGE_THREADS)
    owns = state.owner_id == actor.user_id
    may_send = has(world, actor, thread, P.SEND_MESSAGES_IN_THREADS)
    opening = changes.get("archived") is False
    if state.archived and not opening and set(changes) - {"archived", "locked"}:
        raise DiscordError(50083)
    for key in changes:
        own = owns and not state.locked and key in _OWN_SETTINGS
        reopening = key == "archived" and opening and may_send and not state.locked
        if not (manages or own or reopening or (key == "invitable" and owns)):
            raise DiscordError(50013)
    before = render.thread(thread)
    _assign(world, actor, thread, changes)
    announce_update(world, thread)
    flat_before, flat_after = _flat(before), _flat(render.thread(thread))
    audit.record(
        world,
        guild,
        actor,
        audit.Action.THREAD_UPDATE,
        thread.id,
        changes=audit.difference(
            flat_before, flat_after, ("name", "archived", "locked", "auto_archive_duration", "rate_limit_per_user")
        ),
    )
    return thread


def _assign(world: World, actor: Actor, thread: Channel, changes: JSON) -> None:
    state = state_of(thread)
    if "name" in changes:
        thread.name = changes["name"]
    if "rate_limit_per_user" in changes:
        thread.rate_limit_per_user = changes["rate_limit_per_user"]
    if "auto_archive_duration" in changes:
        state.auto_archive_minutes = changes["auto_archive_duration"]
        state.archive_changed_at = world.now()
    if "locked" in changes:
        state.locked = changes["locked"]
    if "invitable" in changes and thread.type is ChannelType.PRIVATE_THREAD:
        state.invitable = changes["invitable"]
    if "archived" in changes and changes["archived"] != state.archived:
        state.archived = changes["archived"]
        state.archive_changed_at = world.now()
    if "flags" in changes:
        thread.flags = changes["flags"] & (1 << 1)
    if "applied_tags" in changes:
        parent = world.channels[thread.parent_id or 0]
        check_tags(world, actor, parent, changes["applied_tags"])
        state.applied_tags = list(changes["applied_tags"])


def _flat(thread: JSON) -> JSON:
    return {**thread, **thread["thread_metadata"]}


def delete(world: World, actor: Actor, thread: Channel) -> None:
    """Deletes a thread, with MANAGE_THREADS."""
    require_channel(world, actor, thread.id, P.MANAGE_THREADS)
    drop(world, thread)
    audit.record(
        world,
        guild_of(world, thread),
        actor,
        audit.Action.THREAD_DELETE,
        thread.id,
        changes=[{"key": "name", "old_value": thread.name}],
    )


def drop(world: World, thread: Channel) -> None:
    """Takes a thread away and tells of it."""
    guild = guild_of(world, thread)
    world.emit(
        "THREAD_DELETE",
        {
            "id": str(thread.id),
            "guild_id": str(guild.id),
            "parent_id": str(thread.parent_id),
            "type": int(thread.type),
        },
        guild_id=guild.id,
        channel_id=thread.id,
    )
    guild.threads.pop(thread.id, None)
    world.channels.pop(thread.id, None)
    for message in world.messages.pop(thread.id, ()):
        world.removed_messages[message.id] = message


def archive_idle(world: World) -> int:
    """Archives threads that have been quiet for longer than they may; answers how many."""
    count = 0
    for guild in world.guilds.values():
        for thread in guild.threads.values():
            state = state_of(thread)
            quiet_since = state.archive_changed_at
            if thread.last_message_id is not None:
                quiet_since = max(quiet_since, to_time(thread.last_message_id))
            if not state.archived and world.now() - quiet_since > state.auto_archive_minutes * 60:
                state.archived = True
                state.archive_changed_at = world.now()
                announce_update(world, thread)
                count += 1
    return count
