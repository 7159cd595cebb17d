"""Streams what leaves through the outbox, guild by guild, without a gap."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

from chassis.clock import Clock
from chassis.errors import FailedPrecondition
from chassis.settings import Live
from services.board.finishing import finish
from services.board.model import Action, ActorKind, Request
from services.board.settings import BoardSettings
from services.board.signal import Signal
from services.board.store import history, people
from services.board.store.database import Database
from services.board.store.rows import from_record


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened. `request` is None where it was to something else: then only the sequence counts."""

    guild_id: int
    sequence: int
    at: int
    action: Action | None
    request: Request | None
    before: Mapping[str, Any]
    actor_id: int
    actor_name: str
    as_officer: bool
    detail: str
    subscribers: tuple[int, ...] = ()


class Watches:
    """Follows the guilds' events for readers."""

    def __init__(self, database: Database, settings: Live[BoardSettings], clock: Clock, signal: Signal) -> None:
        self._database = database
        self._settings = settings
        self._clock = clock
        self._signal = signal

    async def follow(self, cursors: Mapping[int, int], all_guilds: bool) -> AsyncIterator[Event]:
        """Events behind the cursors, then each as it happens, until the configured end of a watch.

        FailedPrecondition (EVENTS_GONE) where a cursor lies before what is still kept.
        """
        stands = dict(cursors)
        end = self._clock.monotonic() + self._settings.current.watch.maximum
        while self._clock.monotonic() < end:
            seen = self._signal.count
            settings = self._settings.current.watch
            heads = await finish(self._heads(None if all_guilds else list(stands)))
            behind = [guild for guild, head in heads.items() if head > stands.get(guild, 0)]
            for guild_id in behind:
                after, head = stands.get(guild_id, 0), heads[guild_id]
                for event in await finish(self._next(guild_id, after, head, settings.batch)):
                    stands[guild_id] = event.sequence
                    yield event
            if not behind:
                await self._signal.wait(seen, settings.poll)
                # Many changes in a row are one reason to look, not one each.
                await asyncio.sleep(settings.settle)

    async def _heads(self, guild_ids: list[int] | None) -> dict[int, int]:
        async with self._database.read() as connection:
            return await history.heads(connection, guild_ids)

    async def _next(self, guild_id: int, after: int, head: int, limit: int) -> list[Event]:
        async with self._database.read() as connection:
            rows = await history.leaving(connection, guild_id, after, limit)
        if not rows or rows[0]["sequence"] != after + 1:
            raise FailedPrecondition(
                f"the events behind {after} are not kept any more",
                reason="EVENTS_GONE",
                metadata={"guild_id": str(guild_id), "head": str(rows[0]["sequence"] - 1 if rows else head)},
            )
        return [await self._event(guild_id, row) for row in rows]

    async def _event(self, guild_id: int, row: Mapping[str, Any]) -> Event:
        payload = json.loads(row["payload"])
        request = action = None
        subscribers: tuple[int, ...] = ()
        if payload is not None:
            action, request = Action(payload["action"]), from_record(payload["request"])
            if action is Action.CREATE and request.part == 0:
                async with self._database.read() as connection:
                    followers = await people.followers(
                        connection, guild_id, request.profession, request.item, row["at"]
                    )
                subscribers = tuple(user for user in followers if user not in (row["actor_id"], request.requester_id))
        return Event(
            guild_id=guild_id,
            sequence=row["sequence"],
            at=row["at"],
            action=action,
            request=request,
            before=payload["before"] if payload else {},
            actor_id=row["actor_id"],
            actor_name=row["actor_name"],
            as_officer=row["actor_kind"] == ActorKind.OFFICER.value,
            detail=payload["detail"] if payload else "",
            subscribers=subscribers,
        )
