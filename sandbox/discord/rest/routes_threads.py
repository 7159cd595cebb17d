"""Routes of threads and forum posts."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from sandbox.discord import render
from sandbox.discord.checks.fields import Fields
from sandbox.discord.core import composing, thread_life, threads
from sandbox.discord.core.access import has, require_channel, require_member
from sandbox.discord.core.message_form import MessageForm, read_message
from sandbox.discord.entities import FORUM_TYPES, JSON, Channel, ChannelType, Message
from sandbox.discord.errors import DiscordError
from sandbox.discord.limits import PAGES, SIZES
from sandbox.discord.permissions import P
from sandbox.discord.rest.router import ROUTER, Call, Reply
from sandbox.discord.rest.routes_channels import thread_parent


def _form(fields: Fields) -> threads.ThreadForm:
    return threads.ThreadForm(
        name=fields.text("name", low=1, high=SIZES.channel_name, required=True, default="-"),
        auto_archive_minutes=fields.choice("auto_archive_duration", threads.AUTO_ARCHIVE_MINUTES),
        slowmode=fields.integer("rate_limit_per_user", low=0, high=SIZES.slowmode_seconds),
    )


@ROUTER.add("POST", "/channels/{channel_id}/messages/{message_id}/threads")
def from_message(call: Call) -> Reply:
    """Opens one below a message."""
    fields = call.fields()
    form = _form(fields)
    fields.done()
    thread = threads.from_message(call.world, call.actor, call.id("channel_id"), call.id("message_id"), form)
    return Reply(201, render.thread(thread, reader_id=call.actor.user_id))


@ROUTER.add("POST", "/channels/{channel_id}/threads")
def from_channel(call: Call) -> Reply:
    """Opens one without a message, or a forum's post."""
    parent = thread_parent(call)
    fields = call.fields()
    form = _form(fields)
    if parent.type in FORUM_TYPES:
        return _post(call, parent, fields, form)
    kind = ChannelType(fields.choice("type", (10, 11, 12), default=12))
    form = replace(form, kind=kind, invitable=fields.boolean("invitable"))
    fields.done()
    thread = threads.from_channel(call.world, call.actor, parent.id, form)
    return Reply(201, render.thread(thread, reader_id=call.actor.user_id))


def _post(call: Call, parent: Channel, fields: Fields, form: threads.ThreadForm) -> Reply:
    tags = tuple(fields.snowflakes("applied_tags", high=SIZES.post_tags) or ())
    body = fields.child("message")
    if body is None:
        fields.fail("message", "BASE_TYPE_REQUIRED", "This field is required")
        fields.done()
        raise DiscordError(50006)
    content: MessageForm = read_message(body, call.uploads, new_media_id=call.world.new_id)

    def first(thread: Channel) -> Message:
        return composing.build(call.world, thread, call.actor.user_id, content)

    thread, message = threads.in_forum(call.world, call.actor, parent.id, replace(form, tags=tags), first)
    shown = render.thread(thread, reader_id=call.actor.user_id)
    shown["message"] = render.message(call.world, message)
    return Reply(201, shown)


def _thread(call: Call) -> Channel:
    channel = require_channel(call.world, call.actor, call.id("channel_id"))
    thread_life.state_of(channel)
    return channel


def _live(call: Call) -> Channel:
    channel = _thread(call)
    if thread_life.state_of(channel).archived:
        raise DiscordError(50083)
    return channel


@ROUTER.add("PUT", "/channels/{channel_id}/thread-members/@me")
def join(call: Call) -> None:
    """Joins."""
    thread_life.join(call.world, _live(call), call.actor.user_id)


@ROUTER.add("PUT", "/channels/{channel_id}/thread-members/{user_id}")
def add(call: Call) -> None:
    """Adds somebody."""
    thread = _live(call)
    guild = thread_life.guild_of(call.world, thread)
    call.world.member(guild, call.id("user_id"))
    sending = has(call.world, call.actor, thread, P.SEND_MESSAGES_IN_THREADS)
    state = thread_life.state_of(thread)
    manages = has(call.world, call.actor, thread, P.MANAGE_THREADS) or state.owner_id == call.actor.user_id
    if not sending or (state.invitable is False and not manages):
        raise DiscordError(50013)
    thread_life.join(call.world, thread, call.id("user_id"))


@ROUTER.add("DELETE", "/channels/{channel_id}/thread-members/@me")
def leave(call: Call) -> None:
    """Leaves."""
    thread_life.leave(call.world, _live(call), call.actor.user_id)


@ROUTER.add("DELETE", "/channels/{channel_id}/thread-members/{user_id}")
def remove(call: Call) -> None:
    """Takes somebody out."""
    thread = _live(call)
    owner_of_private = (
        thread.type is ChannelType.PRIVATE_THREAD and thread_life.state_of(thread).owner_id == call.actor.user_id
    )
    if not owner_of_private and not has(call.world, call.actor, thread, P.MANAGE_THREADS):
        raise DiscordError(50013)
    thread_life.leave(call.world, thread, call.id("user_id"))


def _shown_member(call: Call, thread: Channel, user_id: int) -> JSON:
    record = thread_life.state_of(thread).members.get(user_id)
    if record is None:
        raise DiscordError(10007)
    shown = render.thread_member(record, thread.id)
    if call.flag("with_member"):
        guild = thread_life.guild_of(call.world, thread)
        shown["member"] = render.member(call.world, guild.members[user_id])
    return shown


@ROUTER.add("GET", "/channels/{channel_id}/thread-members/{user_id}")
def get_member(call: Call) -> JSON:
    """One member."""
    return _shown_member(call, _thread(call), call.id("user_id"))


@ROUTER.add("GET", "/channels/{channel_id}/thread-members")
def members(call: Call) -> list[Any]:
    """All members."""
    thread = _thread(call)
    arguments = call.arguments()
    limit = arguments.integer("limit", low=PAGES.thread_members[0], high=PAGES.thread_members[1], default=100)
    after = arguments.snowflake("after", default=0)
    arguments.done()
    ids = [id_ for id_ in sorted(thread_life.state_of(thread).members) if id_ > after]
    return [_shown_member(call, thread, id_) for id_ in ids[:limit]]


def _listing(call: Call, found: list[Channel], *, more: bool) -> JSON:
    mine = [
        render.thread_member(t.thread.members[call.actor.user_id], t.id)
        for t in found
        if t.thread is not None and call.actor.user_id in t.thread.members
    ]
    return {
        "threads": [render.thread(t, reader_id=call.actor.user_id) for t in found],
        "members": mine,
        "has_more": more,
    }


@ROUTER.add("GET", "/guilds/{guild_id}/threads/active")
def active(call: Call) -> JSON:
    """All that are not archived and that one may see, newest first."""
    guild = require_member(call.world, call.actor, call.id("guild_id"))
    found = [
        t
        for t in guild.threads.values()
        if t.thread is not None and not t.thread.archived and call.world.can_view(t, call.actor.user_id)
    ]
    return _listing(call, sorted(found, key=lambda t: t.id, reverse=True), more=False)


def _archived(call: Call, *, private: bool, joined_only: bool) -> JSON:
    parent = thread_parent(call)
    if not has(call.world, call.actor, parent, P.READ_MESSAGE_HISTORY):
        raise DiscordError(50013)
    if private and not joined_only and not has(call.world, call.actor, parent, P.MANAGE_THREADS):
        raise DiscordError(50013)
    arguments = call.arguments()
    limit = arguments.integer("limit", low=PAGES.archived_threads[0], high=PAGES.archived_threads[1], default=50)
    before = call.query.get("before")
    arguments.done()
    found = [
        t
        for t in call.world.threads_of(parent.id)
        if t.thread is not None
        and t.thread.archived
        and (t.type is ChannelType.PRIVATE_THREAD) == private
        and (not joined_only or call.actor.user_id in t.thread.members)
    ]
    if joined_only:
        found = [t for t in found if before is None or t.id < int(before)]
        found.sort(key=lambda t: t.id, reverse=True)
    else:
        try:
            limit_at = None if before is None else datetime.fromisoformat(before).timestamp()
        except ValueError as error:
            raise DiscordError(50035) from error
        found = [t for t in found if limit_at is None or thread_life.state_of(t).archive_changed_at < limit_at]
        found.sort(key=lambda t: thread_life.state_of(t).archive_changed_at, reverse=True)
    return _listing(call, found[:limit], more=len(found) > limit)


@ROUTER.add("GET", "/channels/{channel_id}/threads/archived/public")
def archived_public(call: Call) -> JSON:
    """Archived public ones, latest first."""
    return _archived(call, private=False, joined_only=False)


@ROUTER.add("GET", "/channels/{channel_id}/threads/archived/private")
def archived_private(call: Call) -> JSON:
    """Archived private ones, with MANAGE_THREADS."""
    return _archived(call, private=True, joined_only=False)


@ROUTER.add("GET", "/channels/{channel_id}/users/@me/threads/archived/private")
def archived_joined(call: Call) -> JSON:
    """Archived private ones that one joined."""
    return _archived(call, private=True, joined_only=True)


@ROUTER.add("GET", "/channels/{channel_id}/threads/search")
def search(call: Call) -> JSON:
    """Posts of a forum by name and tags."""
    parent = thread_parent(call)
    arguments = call.arguments()
    limit = arguments.integer("limit", low=PAGES.thread_search[0], high=PAGES.thread_search[1], default=25)
    offset = arguments.integer("offset", low=0, default=0)
    arguments.done()
    name = call.query.get("name", "").lower()
    tags = {int(tag) for tag in call.query.get("tag", "").split(",") if tag.isdecimal()}
    found = [
        t
        for t in call.world.threads_of(parent.id)
        if name in t.name.lower()
        and (not tags or tags & set(thread_life.state_of(t).applied_tags))
        and ("archived" not in call.query or thread_life.state_of(t).archived == call.flag("archived"))
    ]
    found.sort(key=lambda t: t.last_message_id or t.id, reverse=True)
    page = found[offset : offset + limit]
    answer = _listing(call, page, more=len(found) > offset + limit)
    first = [call.world.log(t.id).get(t.id) for t in page]
    answer["first_messages"] = [render.message(call.world, m) for m in first if m is not None]
    answer["total_results"] = len(found)
    return answer
