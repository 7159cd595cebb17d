"""Messages: sending, editing, deleting, reading. https://discord.com/developers/docs/resources/message

One module: everything in it asks the same question first, whether the actor may see and touch that message.
"""

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import islice

from sandbox.discord import render
from sandbox.discord.core import audit, thread_life
from sandbox.discord.core.access import Actor, has, require_channel
from sandbox.discord.core.composing import apply_edit, build
from sandbox.discord.core.message_form import MessageForm
from sandbox.discord.core.moderating import moderate
from sandbox.discord.core.posting import post
from sandbox.discord.entities import (
    FORUM_TYPES,
    JSON,
    MESSAGEABLE_TYPES,
    Channel,
    Message,
    MessageType,
)
from sandbox.discord.errors import DiscordError
from sandbox.discord.limits import SIZES
from sandbox.discord.permissions import P
from sandbox.discord.snowflake import from_time
from sandbox.discord.world import World

FORWARD = 1


def require_sendable(world: World, actor: Actor, channel_id: int, form: MessageForm) -> Channel:
    """The channel, for one who may send that there."""
    channel = require_channel(world, actor, channel_id)
    if channel.type not in MESSAGEABLE_TYPES:
        raise DiscordError(50008)
    if channel.is_direct:
        _require_direct(world, actor, channel)
        return channel
    sending = P.SEND_MESSAGES_IN_THREADS if channel.is_thread else P.SEND_MESSAGES
    needed = [sending]
    if form.tts:
        needed.append(P.SEND_TTS_MESSAGES)
    if form.attachments:
        needed.append(P.ATTACH_FILES)
    if form.embeds:
        needed.append(P.EMBED_LINKS)
    if form.poll:
        needed.append(P.SEND_POLLS)
    require_channel(world, actor, channel_id, *needed)
    if channel.thread is not None and channel.thread.locked and not has(world, actor, channel, P.MANAGE_THREADS):
        raise DiscordError(160005)
    _slowmode(world, actor, channel)
    return channel


def _require_direct(world: World, actor: Actor, channel: Channel) -> None:
    other = next((id_ for id_ in channel.recipients if id_ != actor.user_id), actor.user_id)
    if other in world.closed_direct:
        raise DiscordError(50007)
    if actor.is_bot and not any({actor.user_id, other} <= set(g.members) for g in world.guilds.values()):
        raise DiscordError(50278)


def _slowmode(world: World, actor: Actor, channel: Channel) -> None:
    if channel.rate_limit_per_user == 0:
        return
    if any(has(world, actor, channel, bit) for bit in (P.MANAGE_MESSAGES, P.MANAGE_CHANNELS, P.BYPASS_SLOWMODE)):
        return
    earliest = world.now() - channel.rate_limit_per_user
    for message in world.log(channel.id).newest_first():
        if message.sent_at <= earliest:
            return
        if message.author_id == actor.user_id and message.persona is None:
            wait = message.sent_at - earliest
            raise DiscordError(20016, extra={"retry_after": round(wait, 3), "global": False})


def send(world: World, actor: Actor, channel_id: int, form: MessageForm) -> Message:
    """Sends a message as an account."""
    channel = require_sendable(world, actor, channel_id, form)
    if form.enforce_nonce and form.nonce is not None:
        earlier = _earlier_with_nonce(world, actor, form.nonce)
        if earlier is not None:
            world.counts.deduplicated += 1
            return earlier
    reference, kind = None, MessageType.DEFAULT
    if form.reference is not None:
        reference, kind = _reference(world, actor, channel, form.reference)
    message = build(world, channel, actor.user_id, form, kind=kind)
    message.reference = reference
    if reference is not None and reference["type"] == FORWARD:
        source = world.message(int(reference["channel_id"]), int(reference["message_id"]))
        message.snapshots = source.snapshots or (render.snapshot(world, source),)
    moderate(world, channel, message)
    if actor.is_bot:
        message.application_id = None
        _watch_duplicates(world, message)
    if kind is MessageType.REPLY and reference is not None and form.allowed.replied_user:
        original = world.log(channel.id).get(int(reference["message_id"]))
        if original is not None and original.persona is None and original.author_id not in message.mentions:
            message.mentions = (*message.mentions, original.author_id)
    if form.nonce is not None:
        world.nonces[(actor.user_id, str(form.nonce))] = (message.id, channel.id, world.now())
        message.nonce = form.nonce
    post(world, message, channel)
    return message


def _earlier_with_nonce(world: World, actor: Actor, nonce: str | int) -> Message | None:
    found = world.nonces.get((actor.user_id, str(nonce)))
    if found is None or world.now() - found[2] > SIZES.nonce_seconds:
        return None
    message_id, channel_id, _ = found
    return world.log(channel_id).get(message_id)


def _reference(world: World, actor: Actor, channel: Channel, asked: JSON) -> tuple[JSON | None, MessageType]:
    if not has(world, actor, channel, P.READ_MESSAGE_HISTORY):
        raise DiscordError(160002)
    target_channel = asked["channel_id"] or channel.id
    log = world.messages.get(target_channel)
    original = None if log is None else log.get(asked["message_id"])
    if original is not None and asked["type"] == FORWARD:
        source = require_channel(world, actor, target_channel)
        if not has(world, actor, source, P.READ_MESSAGE_HISTORY):
            raise DiscordError(50001)
    if original is None or original.ephemeral or (asked["type"] == 0 and target_channel != channel.id):
        if asked["fail_if_not_exists"]:
            raise DiscordError(
                50035,
                errors={
                    "message_reference": {
                        "_errors": [{"code": "REPLIES_UNKNOWN_MESSAGE", "message": "Unknown message"}]
                    }
                },
            )
        return None, MessageType.DEFAULT
    reference: JSON = {"type": asked["type"], "channel_id": str(target_channel), "message_id": str(original.id)}
    if original.guild_id is not None:
        reference["guild_id"] = str(original.guild_id)
    return reference, MessageType.REPLY if asked["type"] == 0 else MessageType.DEFAULT


def _watch_duplicates(world: World, message: Message) -> None:
    parts = [message.channel_id, message.author_id, message.content, message.embeds, _without_ids(message.components)]
    digest = hash(hashlib.blake2b(json.dumps(parts).encode(), digest_size=8).digest())
    earlier = world.sent_by_bots.setdefault(digest, message.id)
    if earlier != message.id:
        world.counts.duplicates.append(
            {
                "channel_id": str(message.channel_id),
                "message_id": str(message.id),
                "earlier_id": str(earlier),
                "content": message.content[:200],
            }
        )


def _without_ids(components: Iterable[JSON]) -> list[JSON]:
    return [{key: value for key, value in item.items() if key != "id"} for item in components]


def edit(
    world: World, actor: Actor, channel_id: int, message_id: int, read: Callable[[Message], MessageForm]
) -> Message:
    """Edits one's own message (others': the SUPPRESS_EMBEDS flag alone, with MANAGE_MESSAGES)."""
    channel = require_channel(world, actor, channel_id)
    message = visible(world, actor, channel, message_id)
    form = read(message)
    if message.author_id != actor.user_id or message.persona is not None:
        flags_only = form.flags is not None and form.content is None and form.embeds is None and form.components is None
        if not (flags_only and has(world, actor, channel, P.MANAGE_MESSAGES)):
            raise DiscordError(50005)
    if channel.thread is not None and channel.thread.archived:
        raise DiscordError(50083)
    if message.type not in (
        MessageType.DEFAULT,
        MessageType.REPLY,
        MessageType.CHAT_INPUT_COMMAND,
        MessageType.CONTEXT_MENU_COMMAND,
    ):
        raise DiscordError(50021)
    if form.content is not None:
        moderate(world, channel, replace(message, content=form.content))
    apply_edit(world, message, form)
    return message


def visible(world: World, actor: Actor, channel: Channel, message_id: int) -> Message:
    """A message that the actor may read; 10008 for another's ephemeral one. A bot reads none of those here."""
    message = world.message(channel.id, message_id)
    if message.ephemeral and (actor.is_bot or message.reader_id != actor.user_id):
        raise DiscordError(10008)
    return message


def get(world: World, actor: Actor, channel_id: int, message_id: int) -> Message:
    """One message."""
    channel = require_channel(world, actor, channel_id, P.READ_MESSAGE_HISTORY)
    return visible(world, actor, channel, message_id)


def history(
    world: World,
    actor: Actor,
    channel_id: int,
    *,
    before: int | None = None,
    after: int | None = None,
    around: int | None = None,
    limit: int = 50,
) -> list[Message]:
    """Messages, newest first; none at all without READ_MESSAGE_HISTORY."""
    channel = require_channel(world, actor, channel_id)
    if channel.type in FORUM_TYPES or channel.type not in MESSAGEABLE_TYPES:
        raise DiscordError(50008)
    if not has(world, actor, channel, P.READ_MESSAGE_HISTORY):
        return []
    log = world.log(channel.id)

    def seen(messages: Iterable[Message], count: int) -> list[Message]:
        return list(
            islice(
                (m for m in messages if not m.ephemeral or (not actor.is_bot and m.reader_id == actor.user_id)), count
            )
        )

    if around is not None:
        older = seen(log.newest_first(around + 1), limit // 2 + 1)
        newer = seen(log.oldest_first(around), limit - len(older))
        return list(reversed(newer)) + older
    if after is not None:
        return list(reversed(seen(log.oldest_first(after), limit)))
    return seen(log.newest_first(before), limit)


def remove(world: World, message: Message) -> None:
    """Takes a message away and tells of it."""
    world.log(message.channel_id).remove(message.id)
    world.removed_messages[message.id] = message
    channel = world.channels[message.channel_id]
    if channel.thread is not None and not message.ephemeral and thread_life.counts(channel, message):
        channel.thread.message_count = max(0, channel.thread.message_count - 1)
    data = {"id": str(message.id), "channel_id": str(message.channel_id)}
    if message.guild_id is not None:
        data["guild_id"] = str(message.guild_id)
    world.emit(
        "MESSAGE_DELETE",
        data,
        guild_id=message.guild_id,
        channel_id=message.channel_id,
        audience=None if message.reader_id is None else (message.reader_id,),
    )


def delete(world: World, actor: Actor, channel_id: int, message_id: int) -> None:
    """Deletes one's own message, or another's with MANAGE_MESSAGES."""
    channel = require_channel(world, actor, channel_id)
    message = visible(world, actor, channel, message_id)
    own = message.author_id == actor.user_id and message.persona is None
    if channel.thread is not None and channel.thread.archived:
        raise DiscordError(50083)
    if not own:
        if channel.is_direct:
            raise DiscordError(50003)
        require_channel(world, actor, channel_id, P.MANAGE_MESSAGES)
    remove(world, message)
    if not own and message.guild_id is not None:
        audit.record(
            world,
            world.guilds[message.guild_id],
            actor,
            audit.Action.MESSAGE_DELETE,
            message.author_id,
            options={"channel_id": str(channel.id), "count": "1"},
        )


def bulk_delete(world: World, actor: Actor, channel_id: int, message_ids: list[int]) -> None:
    """Deletes many at once; 50034 where one is older than 14 days. Unknown ids are passed over."""
    channel = require_channel(world, actor, channel_id, P.MANAGE_MESSAGES)
    if channel.is_direct:
        raise DiscordError(50003)
    if not SIZES.bulk_delete_min <= len(message_ids) <= SIZES.bulk_delete_max:
        raise DiscordError(50016)
    oldest = from_time(world.now() - SIZES.bulk_delete_age_days * 86400)
    if any(id_ < oldest for id_ in message_ids):
        raise DiscordError(50034)
    log = world.log(channel.id)
    gone = [m for m in (log.get(id_) for id_ in message_ids) if m is not None and not m.ephemeral]
    for message in gone:
        log.remove(message.id)
        world.removed_messages[message.id] = message
    if channel.thread is not None:
        channel.thread.message_count = max(
            0, channel.thread.message_count - sum(thread_life.counts(channel, m) for m in gone)
        )
    if gone and channel.guild_id is not None:
        world.emit(
            "MESSAGE_DELETE_BULK",
            {"ids": [str(m.id) for m in gone], "channel_id": str(channel.id), "guild_id": str(channel.guild_id)},
            guild_id=channel.guild_id,
            channel_id=channel.id,
        )
        audit.record(
            world,
            world.guilds[channel.guild_id],
            actor,
            audit.Action.MESSAGE_BULK_DELETE,
            channel.id,
            options={"count": str(len(gone))},
        )


def typing(world: World, actor: Actor, channel_id: int) -> None:
    """Shows that somebody types, for ten seconds."""
    channel = require_channel(world, actor, channel_id)
    if channel.type not in MESSAGEABLE_TYPES:
        raise DiscordError(50008)
    if not channel.is_direct:
        require_channel(world, actor, channel_id, P.SEND_MESSAGES_IN_THREADS if channel.is_thread else P.SEND_MESSAGES)
    data: JSON = {"channel_id": str(channel.id), "user_id": str(actor.user_id), "timestamp": int(world.now())}
    if channel.guild_id is not None:
        data["guild_id"] = str(channel.guild_id)
        data["member"] = render.member(world, world.guilds[channel.guild_id].members[actor.user_id])
    world.emit("TYPING_START", data, guild_id=channel.guild_id, channel_id=channel.id)
