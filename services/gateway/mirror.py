"""Which events executor's mirror is told of, and what of them: guilds, channels, roles, emoji, members; pure.

Payloads stay Discord's own JSON, except members, of whom there are many and of whom little is needed.
https://discord.com/developers/docs/events/gateway-events
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from guildhall.executor.v1 import mirror_pb2

from services.gateway.mirror_queue import MirrorQueue

Raw = Mapping[str, Any]

# What GUILD_CREATE carries beside the guild itself.
_BESIDE = frozenset(
    (
        "channels", "roles", "emojis", "stickers", "members", "presences", "threads", "voice_states",
        "stage_instances", "guild_scheduled_events", "soundboard_sounds", "activity_instances", "joined_at", "large",
        "unavailable", "member_count",
    )
)  # fmt: skip


def tell(queue: MirrorQueue, name: str, data: Raw) -> bool:
    """Puts what an event means into the queue; says whether it means anything. Raises what a strange payload does."""
    meaning = _MEANINGS.get(name)
    return meaning is not None and meaning(queue, data)


def see(queue: MirrorQueue, name: str, data: Raw) -> None:
    """Takes a member from an event that is about something else: who uses the bot, or writes."""
    member, guild_id = data.get("member"), int(data.get("guild_id") or 0)
    user = data.get("author") if name == "MESSAGE_CREATE" else (member or {}).get("user")
    if member and user and guild_id and not data.get("webhook_id"):
        queue.of(guild_id).seen[int(user["id"])] = member_message(member, user)


def member_message(member: Raw, user: Raw) -> mirror_pb2.Member:
    """A member, from their own object and that of the user."""
    told = mirror_pb2.Member(user_id=int(user["id"]), username=_text(user.get("username")))
    # A chunk has a thousand of these, and most lack most of what follows: only what is there costs anything.
    if name := user.get("global_name"):
        told.global_name = _text(name)
    if name := member.get("nick"):
        told.nickname = _text(name)
    if roles := member.get("roles"):
        told.role_ids.extend([int(role) for role in roles])
    if user.get("bot"):
        told.bot = True
    if member.get("pending"):
        told.pending = True
    if joined := member.get("joined_at"):
        told.join_time.seconds = _seconds(joined)
    if until := member.get("communication_disabled_until"):
        told.timeout_time.seconds = _seconds(until)
    return told


def _seconds(moment: str) -> int:
    return int(datetime.fromisoformat(moment).timestamp())


def _text(value: object) -> str:
    text = str(value or "")
    # A lone surrogate is no UTF-8, and protobuf takes nothing else.
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _thing(raw: Raw, guild_id: int) -> mirror_pb2.Thing:
    # What lies within GUILD_CREATE does not say in which guild it is; elsewhere it does.
    return mirror_pb2.Thing(id=int(raw["id"]), discord_json=_json({**raw, "guild_id": str(guild_id)}))


def _role(raw: Raw) -> mirror_pb2.Thing:
    return mirror_pb2.Thing(id=int(raw["id"]), discord_json=_json(raw))


def _guild_create(queue: MirrorQueue, data: Raw) -> bool:
    if data.get("unavailable"):
        return False
    guild_id = int(data["id"])
    snapshot = mirror_pb2.GuildSnapshot(
        guild_json=_json({key: value for key, value in data.items() if key not in _BESIDE}),
        channels=[_thing(channel, guild_id) for channel in data.get("channels") or ()],
        roles=[_role(role) for role in data.get("roles") or ()],
        emojis_json=_json(data.get("emojis") or []),
        member_count=int(data.get("member_count") or 0),
    )
    pending = queue.of(guild_id)
    pending.begin_anew(snapshot)
    for member in data.get("members") or ():
        pending.member(member_message(member, member["user"]))
    return True


def _guild_update(queue: MirrorQueue, data: Raw) -> bool:
    guild_id = int(data["id"])
    pending = queue.of(guild_id)
    pending.guild.update((key, value) for key, value in data.items() if key not in _BESIDE)
    return True


def _guild_delete(queue: MirrorQueue, data: Raw) -> bool:
    # An outage is no farewell: the guild comes back.
    if data.get("unavailable"):
        return False
    queue.of(int(data["id"])).leave()
    return True


def _channel(queue: MirrorQueue, data: Raw) -> bool:
    guild_id = int(data.get("guild_id") or 0)
    if not guild_id:
        return False
    queue.of(guild_id).channels[int(data["id"])] = _thing(data, guild_id)
    return True


def _channel_delete(queue: MirrorQueue, data: Raw) -> bool:
    guild_id, channel_id = int(data.get("guild_id") or 0), int(data["id"])
    if not guild_id:
        return False
    queue.of(guild_id).channels[channel_id] = mirror_pb2.Thing(id=channel_id)
    return True


def _thread_delete(queue: MirrorQueue, data: Raw) -> bool:
    queue.of(int(data["guild_id"])).threads.add(int(data["id"]))
    return True


def _role_set(queue: MirrorQueue, data: Raw) -> bool:
    thing = _role(data["role"])
    queue.of(int(data["guild_id"])).roles[thing.id] = thing
    return True


def _role_delete(queue: MirrorQueue, data: Raw) -> bool:
    role_id = int(data["role_id"])
    queue.of(int(data["guild_id"])).roles[role_id] = mirror_pb2.Thing(id=role_id)
    return True


def _emojis(queue: MirrorQueue, data: Raw) -> bool:
    queue.of(int(data["guild_id"])).emojis = _json(data["emojis"])
    return True


def _member_set(queue: MirrorQueue, data: Raw) -> bool:
    queue.of(int(data["guild_id"])).member(member_message(data, data["user"]))
    return True


def _member_remove(queue: MirrorQueue, data: Raw) -> bool:
    queue.of(int(data["guild_id"])).remove(int(data["user"]["id"]))
    return True


def page(data: Raw) -> mirror_pb2.MemberPage:
    """A GUILD_MEMBERS_CHUNK."""
    return mirror_pb2.MemberPage(
        nonce=str(data.get("nonce") or ""),
        index=int(data["chunk_index"]),
        count=int(data["chunk_count"]),
        members=[member_message(member, member["user"]) for member in data["members"]],
    )


_MEANINGS: Mapping[str, Callable[[MirrorQueue, Raw], bool]] = {
    "GUILD_CREATE": _guild_create,
    "GUILD_UPDATE": _guild_update,
    "GUILD_DELETE": _guild_delete,
    "CHANNEL_CREATE": _channel,
    "CHANNEL_UPDATE": _channel,
    "CHANNEL_DELETE": _channel_delete,
    "THREAD_DELETE": _thread_delete,
    "GUILD_ROLE_CREATE": _role_set,
    "GUILD_ROLE_UPDATE": _role_set,
    "GUILD_ROLE_DELETE": _role_delete,
    "GUILD_EMOJIS_UPDATE": _emojis,
    "GUILD_MEMBER_ADD": _member_set,
    "GUILD_MEMBER_UPDATE": _member_set,
    "GUILD_MEMBER_REMOVE": _member_remove,
}
