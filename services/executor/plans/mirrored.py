"""A guild as the mirror has it, for the draft of a plan, and for the rights at the start of a run that touches nothing.

Only what is whole and told up to this moment counts; else Discord is asked, as it always is before a run with targets
and while any is under way. A draft made from the mirror costs no call to Discord, however many members the guild has.
"""

from __future__ import annotations

import json
from typing import Any, Protocol

from chassis.errors import Aborted
from services.executor.mirror.reading import MirrorReader
from services.executor.plans.snapshot import Member, Snapshot, build


class Mirrored(Protocol):
    """Where guilds are known from, without asking Discord."""

    async def basics(self, guild_id: int, bot_id: int, people: set[int]) -> Snapshot | None:
        """The guild with roles, channels and some members; None where that is not certain."""
        ...

    async def members(self, guild_id: int, limit: int) -> dict[int, Member] | None:
        """All members, about `limit` at most; None where that is not certain."""
        ...


class MirroredGuilds:
    """Reads the mirror. Is a `Mirrored`."""

    def __init__(self, reader: MirrorReader) -> None:
        self._reader = reader

    async def basics(self, guild_id: int, bot_id: int, people: set[int]) -> Snapshot | None:
        """The guild with roles, channels and some members; None where that is not certain."""
        certainty = await self._reader.certainty(guild_id)
        if not (certainty.guild and certainty.members):
            return None
        copy = await self._reader.guild(guild_id)
        if copy is None:
            return None
        guild: dict[str, Any] = json.loads(copy.guild)
        guild["roles"] = [json.loads(raw) for raw in copy.roles.values()]
        guild["emojis"] = json.loads(copy.emojis)
        snapshot = build(guild, [json.loads(raw) for raw in copy.channels.values()], bot_id)
        found = await self._reader.members(guild_id, {*people, bot_id})
        snapshot.members = {user_id: Member.known(record) for user_id, record in found.items()}
        return snapshot

    async def members(self, guild_id: int, limit: int) -> dict[int, Member] | None:
        """All members, about `limit` at most; None where that is not certain."""
        if not (await self._reader.certainty(guild_id)).members:
            return None
        try:
            found = await self._reader.all_members(guild_id, limit)
        except Aborted:
            return None
        return {record.user_id: Member.known(record) for record in found}
