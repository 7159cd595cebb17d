"""What happened in a guild, as the mirror takes it; pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from services.executor.mirror.model import MemberRecord


@dataclass(frozen=True)
class Snapshot:
    """A whole guild without its members. Everything is Discord's JSON, by snowflake where there are several."""

    guild: bytes
    channels: Mapping[int, bytes]
    roles: Mapping[int, bytes]
    emojis: bytes
    member_count: int


@dataclass(frozen=True)
class Page:
    """Some of a guild's members; `index` of `count`."""

    nonce: str
    index: int
    count: int
    members: tuple[MemberRecord, ...]


@dataclass(frozen=True)
class Change:
    """What happened in one guild. A channel or role with empty JSON was deleted."""

    guild_id: int
    snapshot: Snapshot | None = None
    guild: bytes = b""
    channels: Mapping[int, bytes] = field(default_factory=dict)
    roles: Mapping[int, bytes] = field(default_factory=dict)
    emojis: bytes = b""
    pages: tuple[Page, ...] = ()
    members: tuple[MemberRecord, ...] = ()
    seen: tuple[MemberRecord, ...] = ()
    removed: tuple[int, ...] = ()
    threads: tuple[int, ...] = ()
    left: bool = False

    @property
    def touched(self) -> tuple[int, ...]:
        """The members whom a watcher must look at again."""
        return (*(member.user_id for member in self.members), *self.removed)
