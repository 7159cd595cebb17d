"""Requests as they are read: one, pages of many from the cache, names for whoever types, counts."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Protocol

from chassis.clock import Clock
from chassis.errors import InvalidArgument, NotFound
from chassis.ids import is_id
from chassis.settings import Live
from services.board.answered import fingerprint
from services.board.cache import GenerationCache
from services.board.model import Request, State
from services.board.paging import make_token, read_token
from services.board.professions import Professions
from services.board.settings import BoardSettings
from services.board.store import listing, people
from services.board.store.database import Database
from services.board.store.listing import Filter, Page
from services.board.text import search_key

_MOST_SKIPPED = 10_000


class ProfessionsBook(Protocol):
    """Says what a guild's professions are."""

    async def of(self, guild_id: int) -> Professions:
        """The professions of a guild now."""
        ...


@dataclass(frozen=True, slots=True)
class ListPage:
    """One page of a list."""

    requests: tuple[Request, ...]
    next_token: str
    total: int


class Lookup:
    """Reads the requests of all guilds."""

    def __init__(
        self, database: Database, settings: Live[BoardSettings], clock: Clock, professions: ProfessionsBook
    ) -> None:
        self._database = database
        self._settings = settings
        self._professions = professions
        self.cache: GenerationCache[Page] = GenerationCache(
            clock, lambda: settings.current.cache.lists, lambda: settings.current.cache.lists_ttl
        )

    async def find(self, guild_id: int, request_id: str) -> Request | None:
        """A request of this guild by its id, None where there is none."""
        if not is_id(request_id):
            return None
        async with self._database.read() as connection:
            return await listing.get(connection, guild_id, request_id)

    async def character_names(self, request: Request) -> dict[str, str]:
        """The names of the characters that a request names, by their ids; removed ones included."""
        named = {request.character_id, "" if request.claim is None else request.claim.character_id} - {""}
        if not named:
            return {}
        async with self._database.read() as connection:
            return await people.character_names(connection, named)

    async def get(self, guild_id: int, request_id: str = "", number: int = 0, part: int = 0) -> Request:
        """A request by id or, where none is given, by number. NotFound (REQUEST_UNKNOWN)."""
        if request_id:
            found = await self.find(guild_id, request_id)
        else:
            async with self._database.read() as connection:
                found = await listing.by_number(connection, guild_id, number, part)
        if found is None:
            raise NotFound("there is no such request", reason="REQUEST_UNKNOWN")
        return found

    async def page(
        self, guild_id: int, wanted: Filter, order: str, *, size: int, token: str = "", skip: int = 0
    ) -> ListPage:
        """A page of requests. InvalidArgument (PAGE_TOKEN_INVALID)."""
        pages = self._settings.current.pages
        if skip > _MOST_SKIPPED or (skip and token):
            raise InvalidArgument(
                "too much is left out",
                reason="REQUEST_INVALID",
                fields={"skip": f"at most {_MOST_SKIPPED:,}, and not with a token"},
            )
        size = min(size or pages.size, pages.maximum)
        list_of = fingerprint("list", str(guild_id), order, sorted(wanted.states), asdict(wanted) | {"states": 0})
        after: Sequence[int] = ()
        if token:
            after = read_token(list_of, token, lengths=(3,) if order == "due" else (2,))
        look = self._database.look
        generation = await look(lambda connection: listing.generation(connection, guild_id, wanted.profession))

        async def load() -> Page:
            return await look(
                lambda connection: listing.page(
                    connection, guild_id, wanted, order, size=size, after=after, counted=pages.counted, skip=skip
                )
            )

        # What is loaded may be newer than its generation, never older.
        page = await self.cache.get((list_of, size, tuple(after), skip, generation), load)
        token = "" if page.after is None else make_token(list_of, page.after)
        return ListPage(page.requests, token, page.total)

    async def suggest(self, guild_id: int, query: str, profession: str, limit: int) -> list[tuple[str, str]]:
        """(item, profession) whose name has `query` in it: those that begin with it first, then the most asked for."""
        key = search_key(query)
        professions = await self._professions.of(guild_id)
        async with self._database.read() as connection:
            asked = await listing.item_names(connection, guild_id, query, profession, limit)
        listed = [
            (item.name, owner)
            for owner, item in professions.items()
            if key in search_key(item.name) and profession in ("", owner)
        ]
        found: dict[tuple[str, str], tuple[str, str]] = {}
        for item, owner in (*asked, *listed):
            found.setdefault((search_key(item), owner), (item, owner))
        ordered = sorted(found.items(), key=lambda entry: not entry[0][0].startswith(key))
        return [entry for _, entry in ordered[:limit]]

    async def counts(self, guild_id: int) -> dict[str, dict[State, int]]:
        """How many requests stand where, by profession."""
        async with self._database.read() as connection:
            return await listing.counts(connection, guild_id)
