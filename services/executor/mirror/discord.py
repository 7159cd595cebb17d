"""Guilds and members as Discord's REST API gives them, for the mirror; pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from services.executor.mirror.change import Snapshot
from services.executor.mirror.model import MemberRecord

Raw = Mapping[str, Any]
_ELSEWHERE = frozenset({"roles", "emojis", "stickers"})


def member_of(raw: Raw) -> MemberRecord:
    """A member from Discord's object."""
    user = raw["user"]
    return MemberRecord(
        user_id=int(user["id"]),
        username=str(user.get("username") or ""),
        global_name=str(user.get("global_name") or ""),
        nickname=str(raw.get("nick") or ""),
        role_ids=tuple(int(role) for role in raw.get("roles") or ()),
        bot=bool(user.get("bot")),
        pending=bool(raw.get("pending")),
        joined=_seconds(raw.get("joined_at")),
        timed_out_until=_seconds(raw.get("communication_disabled_until")),
    )


def snapshot_of(guild: Raw, channels: Iterable[Raw]) -> Snapshot:
    """A whole guild from what two routes give."""
    return Snapshot(
        guild=_json({key: value for key, value in guild.items() if key not in _ELSEWHERE}),
        channels={int(channel["id"]): _json(channel) for channel in channels},
        roles={int(role["id"]): _json(role) for role in guild.get("roles") or ()},
        emojis=_json(list(guild.get("emojis") or ())),
        member_count=int(guild.get("approximate_member_count") or 0),
    )


def _seconds(moment: object) -> int:
    return int(datetime.fromisoformat(moment).timestamp()) if isinstance(moment, str) and moment else 0


def _json(value: object) -> bytes:
    # A lone surrogate is no UTF-8; Discord's own escapes say the same.
    return json.dumps(value, separators=(",", ":")).encode()
