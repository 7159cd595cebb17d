"""The mirror's messages, there and back."""

from __future__ import annotations

from google.protobuf.timestamp_pb2 import Timestamp
from guildhall.executor.v1 import mirror_pb2

from chassis.errors import InvalidArgument
from services.executor.mirror.change import Change, Page, Snapshot
from services.executor.mirror.model import MemberRecord
from services.executor.mirror.reading import Certainty
from services.executor.mirror.watching import Told


def change_of(message: mirror_pb2.GuildChange) -> Change:
    """What happened in a guild. InvalidArgument (CHANGE_INVALID) where it names none."""
    if not 0 < message.guild_id < 1 << 63:
        raise InvalidArgument("a change is of a guild", reason="CHANGE_INVALID", fields={"guild_id": "must be set"})
    return Change(
        guild_id=message.guild_id,
        snapshot=_snapshot(message.snapshot) if message.HasField("snapshot") else None,
        guild=message.guild_json,
        channels={thing.id: thing.discord_json for thing in message.channels},
        roles={thing.id: thing.discord_json for thing in message.roles},
        emojis=message.emojis_json,
        pages=tuple(
            Page(page.nonce, page.index, page.count, tuple(map(member_of, page.members))) for page in message.pages
        ),
        members=tuple(map(member_of, message.members)),
        seen=tuple(map(member_of, message.seen_members)),
        removed=tuple(message.removed_members),
        threads=tuple(message.deleted_threads),
        left=message.left,
    )


def _snapshot(message: mirror_pb2.GuildSnapshot) -> Snapshot:
    return Snapshot(
        guild=message.guild_json,
        channels={thing.id: thing.discord_json for thing in message.channels},
        roles={thing.id: thing.discord_json for thing in message.roles},
        emojis=message.emojis_json or b"[]",
        member_count=message.member_count,
    )


def member_of(message: mirror_pb2.Member) -> MemberRecord:
    """A member as told."""
    return MemberRecord(
        user_id=message.user_id,
        username=message.username,
        global_name=message.global_name,
        nickname=message.nickname,
        role_ids=tuple(message.role_ids),
        bot=message.bot,
        pending=message.pending,
        joined=message.join_time.seconds,
        timed_out_until=message.timeout_time.seconds,
    )


def member_message(member: MemberRecord) -> mirror_pb2.Member:
    """A member to be told."""
    return mirror_pb2.Member(
        user_id=member.user_id,
        username=member.username,
        global_name=member.global_name,
        nickname=member.nickname,
        role_ids=member.role_ids,
        bot=member.bot,
        pending=member.pending,
        join_time=Timestamp(seconds=member.joined) if member.joined else None,
        timeout_time=Timestamp(seconds=member.timed_out_until) if member.timed_out_until else None,
    )


def things(found: dict[int, bytes]) -> list[mirror_pb2.Thing]:
    """Channels or roles."""
    return [mirror_pb2.Thing(id=id_, discord_json=raw) for id_, raw in found.items()]


def certainty_message(certainty: Certainty) -> mirror_pb2.Certainty:
    """How certain a copy is."""
    return mirror_pb2.Certainty(
        guild=certainty.guild, members=certainty.members, generation=certainty.generation
    )  # fmt: skip


def told_message(told: Told) -> mirror_pb2.WatchMembersResponse:
    """What a watcher is told."""
    match told.kind:
        case "reset":
            return mirror_pb2.WatchMembersResponse(revision=told.revision, reset=mirror_pb2.WatchReset())
        case "changed":
            changed = mirror_pb2.MembersChanged(
                guild_id=told.guild_id,
                generation=told.generation,
                members=map(member_message, told.members),
                removed_user_ids=told.removed,
            )
            return mirror_pb2.WatchMembersResponse(revision=told.revision, changed=changed)
        case "refilled":
            refilled = mirror_pb2.MembersRefilled(guild_id=told.guild_id, generation=told.generation)
            return mirror_pb2.WatchMembersResponse(revision=told.revision, refilled=refilled)
    return mirror_pb2.WatchMembersResponse(revision=told.revision, current=mirror_pb2.WatchCurrent())
