"""Takes note of each use of a command, and writes what was summed up every few seconds.

Nobody waits for it: a note is a sum in memory. A process that is killed loses what it had not written, some seconds of
counting and nothing else; an orderly stop writes it.
"""

import asyncio

import structlog
from redis.exceptions import RedisError

from chassis.caller import Person
from chassis.clock import Clock
from chassis.errors import GuildhallError, PermissionDenied, ResourceExhausted
from chassis.settings import Live
from chassis.telemetry import meter
from services.gateway.analytics.activity import Outcome, Tally
from services.gateway.analytics.store import ActivityStore
from services.gateway.settings import GatewaySettings

_log = structlog.get_logger(__name__)
_used = meter().create_counter(
    "guildhall.commands", unit="{use}", description="Uses of commands by name and outcome; who used them is not said"
)
# What says no to the person, besides what is called a denial of permission.
_NO = frozenset({"CLOSED_HERE"})


def outcome_of(error: GuildhallError | None) -> Outcome:
    """How a use ended that raised this error; None for no error."""
    if error is None:
        return Outcome.DONE
    denied = isinstance(error, PermissionDenied | ResourceExhausted) or error.reason in _NO
    return Outcome.DENIED if denied else Outcome.ERROR


class ActivityRecorder:
    """Counts the uses of commands."""

    def __init__(self, store: ActivityStore, settings: Live[GatewaySettings], clock: Clock) -> None:
        self._store = store
        self._settings = settings
        self._clock = clock
        self._tally = Tally(settings.current.analytics.unwritten)

    def note(self, person: Person, guild_id: int, command: str, outcome: Outcome) -> None:
        """Counts one use of a command, by its name as people see it."""
        _used.add(1, {"guildhall.interaction.name": command, "outcome": outcome.value})
        if self._settings.current.analytics.enabled:
            self._tally.note(
                guild_id=guild_id, user_id=person.user_id, command=command, outcome=outcome, now=self._clock.now()
            )

    async def run(self) -> None:
        """Writes again and again; runs for as long as the process does."""
        while True:
            await asyncio.sleep(self._settings.current.analytics.write_interval)
            await self.flush()

    async def flush(self) -> None:
        """Writes what was counted so far. Where the store is away it is kept and written later; what a broken
        connection had taken by then counts twice."""
        batch = self._tally.take()
        if not batch:
            return
        try:
            await self._store.write(batch)
        except (RedisError, OSError) as error:
            _log.warning("activity not written yet", error=repr(error), lost=self._tally.lost)
            self._tally.put_back(batch)
