"""Messages: sending, editing, deleting, reading. https://discord.com/developers/docs/resources/message"""

import hashlib
import json
from collections.abc import Callable, Iterable
from itertools import islice

from sandbox.discord import render
from sandbox.discord.checks import mentions
from sandbox.discord.core import audit, files
from sandbox.discord.core.access import Actor, has, require_channel
from sandbox.discord.core.message_form import MessageForm
from sandbox.discord.core.posting import announce, post
from sandbox.discord.entities import (
    FORUM_TYPES,
    JSON,
    MESSAGEABLE_TYPES,
    Channel,
    Edit,
    Interaction,
    Message,
    MessageFlag,
    MessageType,
    Webhook,
)
from sandbox.discord.errors import DiscordError
from sandbox.discord.limits import SIZES
from sandbox.discord.permissions import P
from sandbox.discord.snowflake import from_time
from sandbox.discord.world import World

_EDIT_HISTORY = 1000


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


def build(
    world: World, channel: Channel, author_id: int, form: MessageForm, *, kind: MessageType = MessageType.DEFAULT
) -> Message:
    """A new message from a form; neither stored nor told of yet."""
    now = world.now()
    message = Message(
        id=world.new_id(),
        channel_id=channel.id,
        author_id=author_id,
        guild_id=channel.guild_id,
        type=kind,
        sent_at=now,
        content=form.content or "",
        embeds=form.embeds or (),
        components=form.components or (),
        flags=form.flags or 0,
        tts=form.tts,
    )
    message.attachments = files.keep(world, form.attachments or [], ())
    files.resolve_media(world, message)
    if form.poll is not None:
        message.poll = {
            "question": form.poll["question"],
            "answers": form.poll["answers"],
            "expiry": render.iso(now + form.poll["hours"] * 3600),
            "allow_multiselect": form.poll["allow_multiselect"],
            "layout_type": form.poll["layout_type"],
            "results": {"is_finalized": False, "answer_counts": []},
        }
    _mention(world, message, channel, form.allowed)
    return message


def _mention(world: World, message: Message, channel: Channel, allowed: mentions.Allowed) -> None:
    text = message.content or _displayed_text(message.components)
    users = [id_ for id_ in mentions.user_ids(text) if id_ in world.users]
    message.mentions = tuple(id_ for id_ in users if allowed.users is None or id_ in allowed.users)
    if channel.guild_id is None:
        return
    guild = world.guilds[channel.guild_id]
    may_all = bool(world.permissions_in(channel, message.author_id) & P.MENTION_EVERYONE)
    message.mention_roles = tuple(
        id_
        for id_ in mentions.role_ids(text)
        if id_ in guild.roles
        and (allowed.roles is None or id_ in allowed.roles)
        and (may_all or guild.roles[id_].mentionable)
    )
    message.mention_everyone = allowed.everyone and may_all and mentions.names_everyone(text)


def _displayed_text(components: Iterable[JSON]) -> str:
    return "\n".join(
        item.get("content", "") if item["type"] == 10 else _displayed_text(item.get("components", ()))
        for item in components
    )


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


def apply_edit(world: World, message: Message, form: MessageForm, *, silent_time: bool = False) -> None:
    """Changes a message and tells of it. `silent_time`: the end of a "thinking" state is no edit."""
    channel = world.channels[message.channel_id]
    if message.edits is None:
        message.edits = [Edit(message.sent_at, message.content, message.components)]
    if form.content is not None:
        message.content = form.content
    if form.embeds is not None:
        message.embeds = form.embeds
    if form.components is not None:
        message.components = form.components
    if form.attachments is not None:
        message.attachments = files.keep(world, form.attachments, message.attachments)
    if form.flags is not None:
        sticky = message.flags & ~MessageFlag.SUPPRESS_EMBEDS
        message.flags = sticky | (form.flags & (MessageFlag.SUPPRESS_EMBEDS | MessageFlag.IS_COMPONENTS_V2))
    files.resolve_media(world, message)
    if form.content is not None or form.components is not None:
        _mention(world, message, channel, form.allowed)
    now = world.now()
    if not silent_time:
        message.edited_at = now
    if len(message.edits) < _EDIT_HISTORY:
        message.edits.append(Edit(now, message.content, message.components))
    world.counts.messages_edited += 1
    announce(world, "MESSAGE_UPDATE", message)


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
    if channel.thread is not None and not message.ephemeral:
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
        channel.thread.message_count = max(0, channel.thread.message_count - len(gone))
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


def post_as_webhook(world: World, webhook: Webhook, channel: Channel, form: MessageForm) -> Message:
    """Sends a message with a webhook's persona."""
    message = build(world, channel, webhook.creator_id, form)
    message.webhook_id = webhook.id
    message.application_id = webhook.application_id
    message.persona = (form.username or webhook.name, webhook.avatar)
    post(world, message, channel)
    return message


def post_for_interaction(
    world: World, interaction: Interaction, form: MessageForm, kind: MessageType, *, loading: bool = False
) -> Message:
    """Sends a response or follow-up of an interaction; its flags say whether it is ephemeral."""
    channel = world.channels[interaction.channel_id]
    application = world.applications[interaction.application_id]
    message = build(world, channel, application.bot_id, form, kind=kind)
    message.webhook_id = application.id
    message.application_id = application.id
    message.interaction_id = interaction.id
    message.interaction_metadata = interaction.metadata
    if loading:
        message.flags |= MessageFlag.LOADING
    if message.flags & MessageFlag.EPHEMERAL:
        message.reader_id = interaction.user_id
    if interaction.message_id is not None and kind is MessageType.REPLY:
        message.reference = {"type": 0, "channel_id": str(channel.id), "message_id": str(interaction.message_id)}
        if channel.guild_id is not None:
            message.reference["guild_id"] = str(channel.guild_id)
    post(world, message, channel)
    return message


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
