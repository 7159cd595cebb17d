"""Routes of messages, reactions and pins."""

from typing import Any

from sandbox.discord import render
from sandbox.discord.core import channels, messages, pins, posting, reactions
from sandbox.discord.core.access import require_channel
from sandbox.discord.core.message_form import MessageForm, read_message
from sandbox.discord.entities import JSON, Message
from sandbox.discord.errors import DiscordError
from sandbox.discord.limits import PAGES, SIZES
from sandbox.discord.rest.router import ROUTER, Call


def message_form(call: Call, editing: Message | None = None) -> MessageForm:
    """The message that a call's body describes."""
    return read_message(call.fields(), call.uploads, new_media_id=call.world.new_id, editing=editing)


def shown(call: Call, message: Message) -> JSON:
    """A message as the caller sees it."""
    return render.message(call.world, message, reader_id=call.actor.user_id)


@ROUTER.add("GET", "/channels/{channel_id}/messages")
def list_messages(call: Call) -> list[Any]:
    """Newest first."""
    arguments = call.arguments()
    limit = arguments.integer("limit", low=PAGES.messages[0], high=PAGES.messages[1], default=50)
    anchors = {name: arguments.snowflake(name) for name in ("before", "after", "around")}
    arguments.done()
    found = messages.history(call.world, call.actor, call.id("channel_id"), limit=limit, **anchors)
    return [shown(call, message) for message in found]


@ROUTER.add("POST", "/channels/{channel_id}/messages")
def create_message(call: Call) -> JSON:
    """Sends."""
    require_channel(call.world, call.actor, call.id("channel_id"))
    return shown(call, messages.send(call.world, call.actor, call.id("channel_id"), message_form(call)))


@ROUTER.add("POST", "/channels/{channel_id}/messages/bulk-delete")
def bulk_delete(call: Call) -> None:
    """Deletes 2 to 100."""
    fields = call.fields()
    ids = fields.snowflakes("messages", low=SIZES.bulk_delete_min, high=SIZES.bulk_delete_max, required=True) or []
    if len(set(ids)) != len(ids):
        fields.fail("messages", "BASE_TYPE_DUPLICATES", "Duplicate message ids")
    fields.done()
    messages.bulk_delete(call.world, call.actor, call.id("channel_id"), ids)


@ROUTER.add("GET", "/channels/{channel_id}/messages/{message_id}")
def get_message(call: Call) -> JSON:
    """One."""
    return shown(call, messages.get(call.world, call.actor, call.id("channel_id"), call.id("message_id")))


@ROUTER.add("PATCH", "/channels/{channel_id}/messages/{message_id}")
def edit_message(call: Call) -> JSON:
    """Edits."""
    return shown(
        call,
        messages.edit(
            call.world,
            call.actor,
            call.id("channel_id"),
            call.id("message_id"),
            lambda message: message_form(call, message),
        ),
    )


@ROUTER.add("DELETE", "/channels/{channel_id}/messages/{message_id}")
def delete_message(call: Call) -> None:
    """Deletes."""
    messages.delete(call.world, call.actor, call.id("channel_id"), call.id("message_id"))


@ROUTER.add("POST", "/channels/{channel_id}/messages/{message_id}/crosspost")
def crosspost(call: Call) -> JSON:
    """Publishes an announcement."""
    return shown(call, channels.crosspost(call.world, call.actor, call.id("channel_id"), call.id("message_id")))


@ROUTER.add("POST", "/channels/{channel_id}/typing")
def typing(call: Call) -> None:
    """Shows that one types."""
    messages.typing(call.world, call.actor, call.id("channel_id"))


# -- reactions

_REACTION = "/channels/{channel_id}/messages/{message_id}/reactions"


@ROUTER.add("PUT", _REACTION + "/{emoji_name}/@me")
def react(call: Call) -> None:
    """Adds one's own."""
    reactions.add(call.world, call.actor, call.id("channel_id"), call.id("message_id"), call.params["emoji_name"])


@ROUTER.add("DELETE", _REACTION + "/{emoji_name}/@me")
def unreact(call: Call) -> None:
    """Takes one's own away."""
    reactions.remove(
        call.world,
        call.actor,
        call.id("channel_id"),
        call.id("message_id"),
        call.params["emoji_name"],
        user_id=call.actor.user_id,
    )


@ROUTER.add("DELETE", _REACTION + "/{emoji_name}/{user_id}")
def unreact_other(call: Call) -> None:
    """Takes another's away."""
    reactions.remove(
        call.world,
        call.actor,
        call.id("channel_id"),
        call.id("message_id"),
        call.params["emoji_name"],
        user_id=call.id("user_id"),
    )


@ROUTER.add("GET", _REACTION + "/{emoji_name}")
def reactors(call: Call) -> list[Any]:
    """Who reacted so."""
    arguments = call.arguments()
    limit = arguments.integer("limit", low=PAGES.reactions[0], high=PAGES.reactions[1], default=25)
    after = arguments.snowflake("after", default=0)
    arguments.done()
    ids = reactions.users(
        call.world, call.actor, call.id("channel_id"), call.id("message_id"), call.params["emoji_name"]
    )
    return [render.user(call.world.users[id_]) for id_ in sorted(ids) if id_ > after][:limit]


@ROUTER.add("DELETE", _REACTION)
def clear_reactions(call: Call) -> None:
    """Takes all away."""
    reactions.clear(call.world, call.actor, call.id("channel_id"), call.id("message_id"), None)


@ROUTER.add("DELETE", _REACTION + "/{emoji_name}")
def clear_emoji(call: Call) -> None:
    """Takes all of one emoji away."""
    reactions.clear(call.world, call.actor, call.id("channel_id"), call.id("message_id"), call.params["emoji_name"])


# -- pins; the older paths do the same


@ROUTER.add("GET", "/channels/{channel_id}/messages/pins")
def list_pins(call: Call) -> JSON:
    """Pinned messages, latest pin first."""
    arguments = call.arguments()
    limit = arguments.integer("limit", low=PAGES.pins[0], high=PAGES.pins[1], default=50)
    before = arguments.time("before")
    arguments.done()
    pinned = [
        m
        for m in pins.listed(call.world, call.actor, call.id("channel_id"))
        if before is None or (m.pinned_at or 0.0) < before
    ]
    items = [{"pinned_at": render.iso(m.pinned_at or 0.0), "message": shown(call, m)} for m in pinned[:limit]]
    return {"items": items, "has_more": len(pinned) > limit}


@ROUTER.add("GET", "/channels/{channel_id}/pins")
def list_pins_before(call: Call) -> list[Any]:
    """The same as a plain list."""
    return [shown(call, m) for m in pins.listed(call.world, call.actor, call.id("channel_id"))]


@ROUTER.add("PUT", "/channels/{channel_id}/pins/{message_id}")
@ROUTER.add("PUT", "/channels/{channel_id}/messages/pins/{message_id}")
def pin(call: Call) -> None:
    """Pins."""
    pins.pin(call.world, call.actor, call.id("channel_id"), call.id("message_id"))


@ROUTER.add("DELETE", "/channels/{channel_id}/pins/{message_id}")
@ROUTER.add("DELETE", "/channels/{channel_id}/messages/pins/{message_id}")
def unpin(call: Call) -> None:
    """Unpins."""
    pins.unpin(call.world, call.actor, call.id("channel_id"), call.id("message_id"))


# -- polls: what a message may carry; nobody votes here


@ROUTER.add("GET", "/channels/{channel_id}/polls/{message_id}/answers/{answer_id}")
def poll_voters(call: Call) -> JSON:
    """Nobody."""
    message = messages.get(call.world, call.actor, call.id("channel_id"), call.id("message_id"))
    if message.poll is None:
        raise DiscordError(520000, "Cannot use poll operations on a non-poll message")
    return {"users": []}


@ROUTER.add("POST", "/channels/{channel_id}/polls/{message_id}/expire")
def end_poll(call: Call) -> JSON:
    """Ends a poll of one's own."""
    message = messages.get(call.world, call.actor, call.id("channel_id"), call.id("message_id"))
    if message.poll is None:
        raise DiscordError(520000, "Cannot use poll operations on a non-poll message")
    if message.author_id != call.actor.user_id:
        raise DiscordError(50005)
    message.poll = {
        **message.poll,
        "expiry": render.iso(call.world.now()),
        "results": {**message.poll["results"], "is_finalized": True},
    }
    posting.announce(call.world, "MESSAGE_UPDATE", message)
    return shown(call, message)
