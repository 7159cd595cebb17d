"""How the board's parts hang together."""

import asyncio

from sqlalchemy.exc import SQLAlchemyError

from chassis.errors import GuildhallError, Unavailable
from chassis.problems import StartupError
from chassis.runtime import JSON
from chassis.service import Runtime
from chassis.settings import Live
from services.board import professions
from services.board.professions import Professions
from services.board.requests import Requests
from services.board.rules import Rules, configured_rules
from services.board.settings import BoardSettings
from services.board.store.database import Database
from services.board.store.migrate import migrate

_HEALTH_EVERY = 5.0


class ConfiguredRules:
    """The same for every guild."""

    def __init__(self, settings: Live[BoardSettings]) -> None:
        self._settings = settings

    async def of(self, guild_id: int) -> Rules:
        """What the configuration says."""
        return configured_rules(self._settings.current)


class ConfiguredProfessions:
    """The same for every guild."""

    def __init__(self, settings: Live[BoardSettings]) -> None:
        self._settings = settings
        self._professions = professions.from_settings(settings.current.professions)
        settings.subscribe(self._changed)

    def _changed(self, _old: BoardSettings, new: BoardSettings) -> None:
        self._professions = professions.from_settings(new.professions)

    async def of(self, guild_id: int) -> Professions:
        """What the configuration says."""
        return self._professions


class OpenGate:
    """Lets everybody in."""

    async def blocked(self, guild_id: int, user_id: int) -> str | None:
        """Nobody is."""
        return None


class Board:
    """The board, built."""

    def __init__(self, runtime: Runtime[BoardSettings], database: Database) -> None:
        self.database = database
        self.rules = ConfiguredRules(runtime.settings)
        self.professions = ConfiguredProfessions(runtime.settings)
        self.requests = Requests(database, runtime.settings, runtime.clock, self.rules, self.professions, OpenGate())

    @classmethod
    async def open(cls, runtime: Runtime[BoardSettings]) -> "Board":
        """Opens the database at the version that this code speaks. StartupError where it cannot be had."""
        try:
            database = Database(runtime.settings.current.database)
            version = await migrate(database)
        except (GuildhallError, SQLAlchemyError, OSError) as error:
            raise StartupError(
                f"the board's database cannot be used: {_said(error)}",
                "look at DATABASE_URL: sqlite:///path or postgresql://user:password@host/name",
            ) from error
        board = cls(runtime, database)
        health = runtime.health("database")
        health.serving()

        async def watch_database() -> None:
            while True:
                await asyncio.sleep(_HEALTH_EVERY)
                try:
                    await database.ping()
                    health.serving()
                except Unavailable as error:
                    health.not_serving(error.message)

        def status() -> dict[str, JSON]:
            cache = board.requests.cache
            return {
                "database": database.name,
                "version": version,
                "list_cache_hits": cache.hits,
                "list_cache_misses": cache.misses,
                "list_cache_hit_rate": round(cache.hit_rate, 4),
            }

        runtime.background("database health", watch_database)
        runtime.status("board", status)
        runtime.on_stop(database.close)
        return board


def _said(error: BaseException) -> str:
    if isinstance(error, GuildhallError):
        return error.message
    return str(getattr(error, "orig", None) or error) or type(error).__name__
