"""Messages and what stands in them as Discord's JSON."""

from sandbox.discord.entities import JSON, Attachment, Message, MessageType, Reaction
from sandbox.discord.render.people import user
from sandbox.discord.render.places import thread
from sandbox.discord.render.values import id_or_none, iso, iso_or_none
from sandbox.discord.world import World


def attachment(world: World, record: Attachment, message_id: int, channel_id: int, *, ephemeral: bool) -> JSON:
    """An attachment with its address on the sandbox's own CDN."""
    url = world.cdn_address(channel_id, record.id, record.filename)
    answer: JSON = {
        "id": str(record.id),
        "filename": record.filename,
        "size": record.size,
        "url": url,
        "proxy_url": url,
        "content_type": record.content_type,
    }
    for key in ("description", "title", "width", "height"):
        value = getattr(record, key)
        if value is not None:
            answer[key] = value
    if ephemeral:
        answer["ephemeral"] = True
    return answer


def reaction(record: Reaction, reader_id: int | None) -> JSON:
    """One emoji's count under a message."""
    return {
        "emoji": {"id": id_or_none(record.emoji_id), "name": record.emoji_name},
        "count": len(record.users),
        "count_details": {"burst": 0, "normal": len(record.users)},
        "burst_colors": [],
        "me_burst": False,
        "me": reader_id in record.users,
    }


def author(world: World, record: Message) -> JSON:
    """Who a message shows as its author: a user, or a webhook's persona."""
    if record.persona is None:
        return user(world.users[record.author_id])
    name, avatar = record.persona
    return {
        "id": str(record.webhook_id),
        "username": name,
        "avatar": avatar,
        "discriminator": "0000",
        "public_flags": 0,
        "flags": 0,
        "bot": True,
        "global_name": None,
        "primary_guild": None,
    }


def message(world: World, record: Message, *, reader_id: int | None = None, nested: bool = False) -> JSON:
    """A message; `nested` leaves out what a referenced message does not carry."""
    answer: JSON = {
        "type": int(record.type),
        "content": record.content,
        "mentions": [user(world.users[id_]) for id_ in record.mentions if id_ in world.users],
        "mention_roles": [str(id_) for id_ in record.mention_roles],
        "attachments": [
            attachment(world, a, record.id, record.channel_id, ephemeral=record.ephemeral) for a in record.attachments
        ],
        "embeds": list(record.embeds),
        "timestamp": iso(record.sent_at),
        "edited_timestamp": iso_or_none(record.edited_at),
        "flags": record.flags,
        "components": list(record.components),
        "id": str(record.id),
        "channel_id": str(record.channel_id),
        "author": author(world, record),
        "pinned": record.pinned_at is not None,
        "mention_everyone": record.mention_everyone,
        "tts": record.tts,
    }
    if record.stickers:
        answer["sticker_items"] = list(record.stickers)
    if record.nonce is not None:
        answer["nonce"] = record.nonce
    if record.webhook_id is not None:
        answer["webhook_id"] = str(record.webhook_id)
    if record.application_id is not None:
        answer["application_id"] = str(record.application_id)
    if record.poll is not None:
        answer["poll"] = record.poll
    if record.interaction_metadata is not None:
        answer["interaction_metadata"] = record.interaction_metadata
    if record.interaction is not None:
        answer["interaction"] = record.interaction
    if record.snapshots:
        answer["message_snapshots"] = [{"message": snapshot} for snapshot in record.snapshots]
    if record.reference is not None:
        answer["message_reference"] = record.reference
        if not nested and record.type in (MessageType.REPLY, MessageType.THREAD_STARTER_MESSAGE):
            log = world.messages.get(int(record.reference["channel_id"]))
            original = None if log is None else log.get(int(record.reference.get("message_id", 0)))
            answer["referenced_message"] = None if original is None else message(world, original, nested=True)
    if record.reactions and not nested:
        answer["reactions"] = [reaction(r, reader_id) for r in record.reactions.values() if r.users]
    opened = world.channels.get(record.id)
    if opened is not None and opened.is_thread:
        answer["thread"] = thread(opened, reader_id=reader_id)
    return answer


_FORWARDED = (
    "type",
    "content",
    "mentions",
    "mention_roles",
    "attachments",
    "embeds",
    "timestamp",
    "edited_timestamp",
    "flags",
    "components",
    "sticker_items",
)


def snapshot(world: World, record: Message) -> JSON:
    """What a forward keeps of a message: how it was then, without who wrote it."""
    shown = message(world, record, nested=True)
    return {key: shown[key] for key in _FORWARDED if key in shown}
