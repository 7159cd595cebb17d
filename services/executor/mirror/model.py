"""What the mirror knows of a member, and how it stands packed in the store; pure.

A guild of 50,000 members must be cheap, so a member is a few dozen bytes: flags, varints and names without keys. Roles
are positions in a table that the guild keeps, because a snowflake would cost nine bytes each time. The table only
grows: a position never means another role.
"""

from __future__ import annotations

import zlib
from collections.abc import Container, Sequence
from dataclasses import dataclass, field

_EPOCH = 1_420_070_400
"""Discord's epoch in Unix seconds; nobody joined before."""
_BOT, _PENDING, _GLOBAL, _NICK, _JOINED, _TIMED_OUT = (1 << bit for bit in range(6))
_ID_BYTES = 8


@dataclass(frozen=True, slots=True)
class MemberRecord:
    """A member. Times are Unix seconds; 0 where there is none or it is not known."""

    user_id: int
    username: str = ""
    global_name: str = ""
    nickname: str = ""
    role_ids: tuple[int, ...] = ()
    bot: bool = False
    pending: bool = False
    joined: int = 0
    timed_out_until: int = 0


@dataclass
class RoleTable:
    """The roles that members of one guild have or had, by position."""

    roles: list[int] = field(default_factory=list)
    """By position; 0 for one that was deleted, of which Discord does not tell member by member."""
    changed: bool = False
    """Whether it is another than it was when it was read."""
    _positions: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._positions = {role: position for position, role in enumerate(self.roles) if role}

    @classmethod
    def load(cls, raw: bytes) -> RoleTable:
        """The table as it was stored."""
        return cls([int.from_bytes(raw[at : at + _ID_BYTES]) for at in range(0, len(raw), _ID_BYTES)])

    def dump(self) -> bytes:
        """As it is stored."""
        return b"".join(role.to_bytes(_ID_BYTES) for role in self.roles)

    def position(self, role_id: int) -> int:
        """The position of a role, which is added where it has none."""
        found = self._positions.get(role_id)
        if found is None:
            found = self._positions[role_id] = len(self.roles)
            self.roles.append(role_id)
            self.changed = True
        return found

    def forget(self, role_id: int) -> None:
        """A role was deleted: nobody has it any more."""
        found = self._positions.pop(role_id, None)
        if found is not None:
            self.roles[found] = 0
            self.changed = True

    def keep_only(self, role_ids: Container[int]) -> None:
        """Forgets all other roles."""
        for role in [role for role in self._positions if role not in role_ids]:
            self.forget(role)


def member_field(user_id: int) -> bytes:
    """A member's name within their bucket."""
    return user_id.to_bytes(_ID_BYTES)


def user_of(name: bytes) -> int:
    """The member whose name that is."""
    return int.from_bytes(name)


def bucket_of(name: bytes, buckets: int) -> int:
    """The bucket of a member, by name: CRC-32 spreads ids of any age evenly."""
    return zlib.crc32(name) % buckets


def buckets_for(members: int, per_bucket: int) -> int:
    """How many buckets a guild gets: a quarter to spare, so that it may grow before they are too full."""
    return max(1, -(-members * 5 // (4 * per_bucket)))


def pack(member: MemberRecord, table: RoleTable) -> bytes:
    """A member as stored; who it is stands in the field's name."""
    flags = (
        _BOT * member.bot
        | _PENDING * member.pending
        | _GLOBAL * bool(member.global_name)
        | _NICK * bool(member.nickname)
        | _JOINED * (member.joined > _EPOCH)
        | _TIMED_OUT * (member.timed_out_until > _EPOCH)
    )
    out = bytearray((flags,))
    if flags & _JOINED:
        _varint(out, member.joined - _EPOCH)
    if flags & _TIMED_OUT:
        _varint(out, member.timed_out_until - _EPOCH)
    _varint(out, len(member.role_ids))
    for role in member.role_ids:
        _varint(out, table.position(role))
    names = [member.username]
    if flags & _GLOBAL:
        names.append(member.global_name)
    if flags & _NICK:
        names.append(member.nickname)
    for name in names:
        # What Discord sends may hold a lone surrogate, which UTF-8 does not have.
        encoded = name.encode("utf-8", "replace")
        _varint(out, len(encoded))
        out += encoded
    return bytes(out)


def unpack(name: bytes, raw: bytes, roles: Sequence[int]) -> MemberRecord:
    """A stored member."""
    flags, at = raw[0], 1
    joined = timed_out = 0
    if flags & _JOINED:
        joined, at = _read(raw, at)
        joined += _EPOCH
    if flags & _TIMED_OUT:
        timed_out, at = _read(raw, at)
        timed_out += _EPOCH
    count, at = _read(raw, at)
    held = []
    for _ in range(count):
        position, at = _read(raw, at)
        if roles[position]:
            held.append(roles[position])
    username, at = _read_text(raw, at, True)
    global_name, at = _read_text(raw, at, bool(flags & _GLOBAL))
    nickname, at = _read_text(raw, at, bool(flags & _NICK))
    return MemberRecord(
        user_id=user_of(name),
        username=username,
        global_name=global_name,
        nickname=nickname,
        role_ids=tuple(held),
        bot=bool(flags & _BOT),
        pending=bool(flags & _PENDING),
        joined=joined,
        timed_out_until=timed_out,
    )


def _varint(out: bytearray, value: int) -> None:
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)


def _read(raw: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = raw[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def _read_text(raw: bytes, at: int, there: bool) -> tuple[str, int]:
    if not there:
        return "", at
    length, at = _read(raw, at)
    return raw[at : at + length].decode(), at + length
