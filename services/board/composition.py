"""How the board's parts hang together."""

import asyncio
import sys

from sqlalchemy.exc import SQLAlchemyError

from chassis.errors import GuildhallError, Unavailable
from chassis.problems import StartupError
from chassis.runtime import JSON
from chassis.scoped import ScopedSettings
from chassis.service import Runtime
from chassis.telemetry import meter
from services.board.audit import Audit
from services.board.cache import GenerationCache
from services.board.departures import Departures
from services.board.files import Files
from services.board.guild_professions import GuildProfessions
from services.board.guild_rules import DECLARATIONS, GuildRules
from services.board.lookup import Lookup
from services.board.members import Members
from services.board.members_follower import MembersFollower
from services.board.memberships import Memberships
from services.board.meters import observe_lists
from services.board.requests import Requests
from services.board.roster import Roster
from services.board.settings import BoardSettings
from services.board.signal import Signal
from services.board.statistics import Statistics
from services.board.store import membership
from services.board.store.database import Database
from services.board.store.migrate import migrate
from services.board.timekeeper import Timekeeper
from services.board.watch import Watches

_HEALTH_EVERY = 5.0
_SWITCH_SECONDS = 0.0005


class Board:
    """The board, built."""

    def __init__(self, runtime: Runtime[BoardSettings], database: Database, version: str) -> None:
        settings, clock = runtime.settings, runtime.clock
        self.database = database
        self.version = version
        self.changed = Signal()
        written = self.changed.raise_
        self.rules = GuildRules(ScopedSettings.serve(runtime, DECLARATIONS), settings, clock)
        self.professions = GuildProfessions(database, settings, clock, written)
        self.roster = Roster(database, settings, clock, self.professions, written=written)
        self.requests = Requests(
            database, settings, clock, rules=self.rules, professions=self.professions, written=written
        )
        self.lookup = Lookup(database, settings, clock, self.professions)
        self.memberships = Memberships(database, settings, clock, self.professions, written=written)
        self.departures = Departures(self.lookup, self.requests, self.memberships)
        self.statistics = Statistics(
            database,
            GenerationCache(clock, lambda: settings.current.cache.lists, lambda: settings.current.cache.lists_ttl),
        )
        self.audit = Audit(database, settings)
        self.files = Files(database, settings, clock, self.rules, self.professions, written=written)
        self.watches = Watches(database, settings, clock, self.changed)
        self.timekeeper = Timekeeper(database, self.requests, settings, clock, self.changed)
        self.members = Members(lambda: settings.current.members.guilds)
        self.follower = MembersFollower(runtime.channel("executor"), self.members, settings, self._guilds)

    @classmethod
    async def open(cls, runtime: Runtime[BoardSettings]) -> "Board":
        """Opens the database at the version that this code speaks. StartupError where it cannot be had."""
        try:
            database = Database(runtime.settings.current.database)
            version = await migrate(database)
            await database.warm_up()
        except (GuildhallError, SQLAlchemyError, OSError) as error:
            raise StartupError(
                f"the board's database cannot be used: {_said(error)}",
                "look at DATABASE_URL: sqlite:///path or postgresql://user:password@host/name",
            ) from error
        if database.is_sqlite:
            # A thread that has its rows waits for the interpreter this long at most; 5 ms would be most of an answer.
            sys.setswitchinterval(_SWITCH_SECONDS)
        board = cls(runtime, database, version)
        board.attend(runtime)
        return board

    def attend(self, runtime: Runtime[BoardSettings]) -> None:
        """Registers what runs beside the calls."""
        health = runtime.health("database")
        health.serving()

        async def watch_database() -> None:
            while True:
                await asyncio.sleep(_HEALTH_EVERY)
                try:
                    await self.database.ping()
                    health.serving()
                except Unavailable as error:
                    health.not_serving(error.message)

        runtime.background("database health", watch_database)
        runtime.background("timekeeper", self.timekeeper.run)
        runtime.background("clean-up", self.timekeeper.clean_up)
        runtime.background("members told", self.follower.follow)
        runtime.background("members read", self.follower.load)
        runtime.status("board", self._status)
        observe_lists(meter(), self.lookup.cache)
        runtime.on_stop(self.database.close)

    async def _guilds(self) -> list[int]:
        async with self.database.read() as connection:
            return await membership.all_guilds(connection)

    def _status(self) -> dict[str, JSON]:
        cache = self.lookup.cache
        return {
            "database": self.database.name,
            "version": self.version,
            "list_cache_hits": cache.hits,
            "list_cache_misses": cache.misses,
            "list_cache_hit_rate": round(cache.hit_rate, 4),
            "due_things_done": self.timekeeper.done,
            "members_known": self.members.count,
        }


def _said(error: BaseException) -> str:
    if isinstance(error, GuildhallError):
        return error.message
    return str(getattr(error, "orig", None) or error) or type(error).__name__
