"""Does what is due: reminds of stale claims and due dates, releases, expires; and clears what was only for delivery.

What is due stands in the database since the change that made it due, so a restart forgets nothing: the first look after
it finds everything that came due meanwhile. Several replicas may look at once: compare-and-set lets one of them win.
"""

import asyncio
from functools import partial

import structlog

from chassis.clock import Clock
from chassis.errors import GuildhallError
from chassis.settings import Live
from services.board.machine import Command
from services.board.model import Action, Actor, Refused
from services.board.requests import Requests
from services.board.settings import BoardSettings
from services.board.signal import Signal
from services.board.store import history
from services.board.store.database import Database

_log = structlog.stdlib.get_logger(__name__)
_REASONS = {
    Action.RELEASE: "the claim did not move for too long",
    Action.EXPIRE: "nobody claimed it in time",
    Action.NUDGE: "the claim has not moved for a while",
    Action.REMIND: "it is due soon",
}


class Timekeeper:
    """Looks at the due-time index for as long as the process runs."""

    def __init__(
        self, database: Database, requests: Requests, settings: Live[BoardSettings], clock: Clock, signal: Signal
    ) -> None:
        self._database = database
        self._requests = requests
        self._settings = settings
        self._clock = clock
        self._signal = signal
        self.done = 0

    async def run(self) -> None:
        """Does what is due when it is due, for ever. A database that is away is waited for."""
        while True:
            seen = self._signal.count
            timing = self._settings.current.timing
            try:
                await self.do_due()
                pause = await self._pause(timing.poll)
            except GuildhallError as error:
                _log.warning("what is due has to wait", reason=error.reason)
                pause = timing.poll
            await self._signal.wait(seen, pause)
            # Many changes in a row are one reason to look, not one each.
            await asyncio.sleep(min(pause, timing.settle))

    async def do_due(self) -> int:
        """Does everything that is due now; gives how much that was."""
        total = 0
        batch = self._settings.current.timing.batch
        while True:
            now = round(self._clock.now() * 1000)
            async with self._database.read() as connection:
                rows = await history.due_now(connection, now, batch)
            for row in rows:
                await self._do(row["guild_id"], row["request_id"], Action(row["action"]), row["at"])
            total += len(rows)
            if len(rows) < batch:
                return total

    async def _do(self, guild_id: int, request_id: str, action: Action, at: int) -> None:
        outcome = await self._requests.transition(
            guild_id, request_id, Command(action, reason=_REASONS[action]), Actor.system(), ""
        )
        self.done += 1
        if isinstance(outcome.result, Refused):
            # Overtaken by something that did not move the entry; it must not come up again.
            _log.info("nothing to do any more", request=request_id, action=action.value, why=outcome.result.why.value)
            await self._database.write(lambda connection: history.drop_due(connection, request_id, action.value, at))

    async def _pause(self, longest: float) -> float:
        async with self._database.read() as connection:
            upcoming = await history.next_due(connection)
        if upcoming is None:
            return longest
        return min(longest, max(0.01, upcoming / 1000 - self._clock.now()))

    async def clean_up(self) -> None:
        """Removes old deliveries and keys from time to time, for ever."""
        while True:
            keep = self._settings.current.retention
            now = self._clock.now()
            limits = round((now - keep.outbox) * 1000), round((now - keep.idempotency) * 1000)
            try:
                removed = await self._database.write(
                    partial(history.clean_up, outbox_before=limits[0], keys_before=limits[1])
                )
                if removed:
                    _log.info("cleaned up", rows=removed)
            except GuildhallError as error:
                _log.warning("cleaning up has to wait", reason=error.reason)
            await asyncio.sleep(keep.every)
