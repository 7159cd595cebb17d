"""A guild as it is at one moment, as far as a plan needs it; pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from services.executor.mirror.model import MemberRecord
from services.executor.plans import permissions

Raw = Mapping[str, Any]

CHANNEL_KINDS = {
    "text": 0,
    "voice": 2,
    "category": 4,
    "announcement": 5,
    "stage": 13,
    "forum": 15,
    "media": 16,
}
KIND_OF = {number: name for name, number in CHANNEL_KINDS.items()}
THREAD_TYPES = frozenset({10, 11, 12})
CATEGORY = 4


@dataclass(frozen=True)
class Channel:
    """A channel, category or thread."""

    id: int
    name: str
    type: int
    parent_id: int
    position: int
    raw: Raw = field(repr=False)

    @property
    def kind(self) -> str:
        """The kind by its name; `thread` for threads."""
        return "thread" if self.type in THREAD_TYPES else KIND_OF.get(self.type, f"type {self.type}")

    @property
    def overwrites(self) -> list[Raw]:
        """Permission overwrites, as Discord gives them."""
        return list(self.raw.get("permission_overwrites") or ())

    @classmethod
    def of(cls, raw: Raw) -> Channel:
        """From Discord's object."""
        return cls(
            id=int(raw["id"]),
            name=str(raw.get("name") or ""),
            type=int(raw["type"]),
            parent_id=int(raw.get("parent_id") or 0),
            position=int(raw.get("position") or 0),
            raw=raw,
        )


@dataclass(frozen=True)
class Role:
    """A role."""

    id: int
    name: str
    position: int
    permissions: int
    managed: bool
    raw: Raw = field(repr=False)

    @classmethod
    def of(cls, raw: Raw) -> Role:
        """From Discord's object."""
        return cls(
            id=int(raw["id"]),
            name=str(raw["name"]),
            position=int(raw.get("position") or 0),
            permissions=int(raw.get("permissions") or 0),
            managed=bool(raw.get("managed")),
            raw=raw,
        )


@dataclass(frozen=True)
class Member:
    """A member. Is a `permissions.Subject`."""

    user_id: int
    username: str
    global_name: str
    nickname: str
    role_ids: tuple[int, ...]
    bot: bool
    timed_out_until: str

    @property
    def id(self) -> int:
        """The user's snowflake."""
        return self.user_id

    @property
    def raw(self) -> Raw:
        """What a plan may rely on of a member, the same wherever it was learned from."""
        until = datetime.fromisoformat(self.timed_out_until).timestamp() if self.timed_out_until else 0
        return {
            "id": self.user_id,
            "names": [self.username, self.global_name, self.nickname],
            "roles": sorted(self.role_ids),
            "timed_out_until": int(until),
            "bot": self.bot,
        }

    @classmethod
    def known(cls, record: MemberRecord) -> Member:
        """From the mirror's record."""
        until = record.timed_out_until
        return cls(
            user_id=record.user_id,
            username=record.username,
            global_name=record.global_name,
            nickname=record.nickname,
            role_ids=record.role_ids,
            bot=record.bot,
            timed_out_until=datetime.fromtimestamp(until, UTC).isoformat() if until else "",
        )

    @property
    def name(self) -> str:
        """The name that others see."""
        return self.nickname or self.global_name or self.username

    @classmethod
    def of(cls, raw: Raw) -> Member:
        """From Discord's object."""
        user = raw["user"]
        return cls(
            user_id=int(user["id"]),
            username=str(user.get("username") or ""),
            global_name=str(user.get("global_name") or ""),
            nickname=str(raw.get("nick") or ""),
            role_ids=tuple(int(role) for role in raw.get("roles") or ()),
            bot=bool(user.get("bot")),
            timed_out_until=str(raw.get("communication_disabled_until") or ""),
        )


@dataclass(frozen=True)
class Named:
    """Anything else that has an id and a name: an emoji, an event, a rule, a webhook, an invite, a message."""

    id: int
    name: str
    raw: Raw = field(repr=False)

    @classmethod
    def of(cls, raw: Raw) -> Named:
        """From Discord's object."""
        return cls(int(raw.get("id") or 0), str(raw.get("name") or raw.get("code") or ""), raw)


@dataclass
class Snapshot:
    """Everything known of a guild. What a plan does not need is not fetched and stays empty."""

    guild_id: int
    bot_id: int
    guild: Raw = field(repr=False)
    roles: dict[int, Role] = field(default_factory=dict, repr=False)
    channels: dict[int, Channel] = field(default_factory=dict, repr=False)
    members: dict[int, Member] = field(default_factory=dict, repr=False)
    all_members: bool = False
    threads: dict[int, Channel] = field(default_factory=dict, repr=False)
    emojis: dict[int, Named] = field(default_factory=dict, repr=False)
    bans: dict[int, Named] = field(default_factory=dict, repr=False)
    events: dict[int, Named] = field(default_factory=dict, repr=False)
    rules: dict[int, Named] = field(default_factory=dict, repr=False)
    webhooks: dict[int, Named] = field(default_factory=dict, repr=False)
    invites: dict[str, Named] = field(default_factory=dict, repr=False)
    messages: dict[int, list[Raw]] = field(default_factory=dict, repr=False)
    pins: dict[int, list[Raw]] = field(default_factory=dict, repr=False)
    prune_count: dict[tuple[int, tuple[int, ...]], int] = field(default_factory=dict, repr=False)

    @property
    def owner_id(self) -> int:
        """The guild's owner."""
        return int(self.guild.get("owner_id") or 0)

    @property
    def features(self) -> frozenset[str]:
        """The guild's features."""
        return frozenset(self.guild.get("features") or ())

    @property
    def everyone(self) -> Role:
        """The role @everyone, whose id is the guild's."""
        return self.roles[self.guild_id]

    def top_position(self, subject: permissions.Subject) -> tuple[int, int]:
        """Where somebody's highest role stands; compares by position, then by age, as Discord does."""
        ranks = [(self.roles[r].position, -r) for r in subject.role_ids if r in self.roles]
        return max(ranks, default=(0, -self.guild_id))

    def rank(self, role: Role) -> tuple[int, int]:
        """Where a role stands, comparable with `top_position`."""
        return (role.position, -role.id)

    def permissions_of(self, subject: permissions.Subject, channel: Channel | None = None) -> int:
        """What somebody may do, in the guild or in one channel of it."""
        base = permissions.in_guild(
            {role.id: role.permissions for role in self.roles.values()},
            guild_id=self.guild_id,
            owner_id=self.owner_id,
            subject=subject,
        )
        if channel is None:
            return base
        holder = self.channels.get(channel.parent_id, channel) if channel.type in THREAD_TYPES else channel
        return permissions.in_channel(base, holder.overwrites, guild_id=self.guild_id, subject=subject)

    def children(self, category_id: int) -> list[Channel]:
        """The channels of a category, in their order."""
        inside = [channel for channel in self.channels.values() if channel.parent_id == category_id]
        return sorted(inside, key=lambda channel: (channel.type in (2, 13), channel.position, channel.id))


def build(guild: Raw, channels: Iterable[Raw], bot_id: int) -> Snapshot:
    """A snapshot from the guild's object and its channels."""
    snapshot = Snapshot(guild_id=int(guild["id"]), bot_id=bot_id, guild=guild)
    snapshot.roles = {role.id: role for role in map(Role.of, guild.get("roles") or ())}
    snapshot.emojis = {emoji.id: emoji for emoji in map(Named.of, guild.get("emojis") or ())}
    snapshot.channels = {channel.id: channel for channel in map(Channel.of, channels)}
    return snapshot


# What a plan may rely on of a thing. Anything else may change by itself, and Discord's events and its REST API do not
# give the same fields besides these.
_RELIED_ON = frozenset(
    (
        # Channels.
        "id", "type", "name", "topic", "nsfw", "parent_id", "permission_overwrites", "rate_limit_per_user", "bitrate",
        "user_limit", "rtc_region", "video_quality_mode", "available_tags", "default_reaction_emoji",
        "default_sort_order", "default_forum_layout", "default_auto_archive_duration",
        "default_thread_rate_limit_per_user",
        # Roles.
        "permissions", "color", "colors", "hoist", "managed", "mentionable", "tags", "icon", "unicode_emoji",
        # Members, as `Member.raw` has them.
        "names", "roles", "timed_out_until", "bot",
    )
)  # fmt: skip


def digest(raw: Raw) -> str:
    """A short fingerprint of a thing: changes with anything about it that a plan may rely on. What is empty counts as
    absent, and overwrites have no order."""
    kept = {key: value for key, value in raw.items() if key in _RELIED_ON and value not in (None, "", [], {}, 0)}
    if "permission_overwrites" in kept:
        kept["permission_overwrites"] = sorted(
            ([str(one["id"]), int(one["type"]), str(one["allow"]), str(one["deny"])])
            for one in kept["permission_overwrites"]
        )
    return hashlib.sha256(json.dumps(kept, sort_keys=True, default=str).encode()).hexdigest()[:16]
