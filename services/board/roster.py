"""The characters of a guild's people, and who of them can make what."""

from collections.abc import Callable
from dataclasses import replace

from chassis.clock import Clock
from chassis.errors import Aborted, AlreadyExists, FailedPrecondition, NotFound, PermissionDenied
from chassis.ids import new_id
from chassis.settings import Live
from services.board import characters as rules
from services.board.characters import Character, Crafter
from services.board.guild_professions import GuildProfessions
from services.board.machine import Policy
from services.board.model import Actor
from services.board.paging import make_text_token, read_text_token
from services.board.problems import Problem, invalid
from services.board.settings import BoardSettings
from services.board.store import people
from services.board.store.connection import Connection
from services.board.store.database import Database, DuplicateError
from services.board.store.people import character_record
from services.board.store.transaction import AuditEntry, Origin, Transaction
from services.board.text import clean_line, search_key

_REASON_LENGTH = 200
_BLOCKS = 1000
_PIECE_LENGTH = (2, 100)


class Roster:
    """The characters of all guilds."""

    def __init__(
        self,
        database: Database,
        settings: Live[BoardSettings],
        clock: Clock,
        professions: GuildProfessions,
        written: Callable[[], None],
    ) -> None:
        self._database = database
        self._settings = settings
        self._clock = clock
        self._professions = professions
        self._written = written

    async def put(self, character: Character, actor: Actor) -> Character:
        """Adds a character where it has no id, else changes it whole."""
        guild_id = character.guild_id
        cleaned, wrong = rules.checked(character, await self._professions.of(guild_id))
        if wrong:
            raise invalid(
                "the character cannot be kept as it is",
                "CHARACTER_INVALID",
                {f"character.{field}": text for field, text in wrong.items()},
            )
        now = self._now()
        before = None
        if character.character_id:
            before = await self._own(guild_id, character.character_id, actor)
            if character.version not in (0, before.version):
                raise Aborted("the character was changed meanwhile", reason="CHARACTER_CHANGED")
            after = replace(
                cleaned,
                owner_id=before.owner_id,
                owner_name=before.owner_name,
                version=before.version + 1,
                created_at=before.created_at,
                updated_at=now,
            )
        else:
            after = replace(
                cleaned,
                character_id=new_id(now / 1000),
                owner_id=actor.user_id,
                owner_name=actor.name,
                version=1,
                created_at=now,
                updated_at=now,
            )

        async def work(connection: Connection) -> None:
            if before is None:
                limit = self._settings.current.limits.characters
                if await people.count_characters(connection, guild_id, actor.user_id) >= limit:
                    raise FailedPrecondition(
                        f"one person may have {limit} characters",
                        reason="TOO_MANY_CHARACTERS",
                        metadata={"limit": str(limit)},
                    )
            if not await people.put_character(connection, after, 0 if before is None else before.version):
                raise Aborted("the character was changed meanwhile", reason="CHARACTER_CHANGED")
            if after.main:
                await people.unmark_mains(connection, guild_id, after.owner_id, after.character_id)
            old = {} if before is None else character_record(before)
            action = "add" if before is None else "edit"
            entry = AuditEntry("character", after.character_id, action, after.version, old, character_record(after))
            await self._transaction(connection, guild_id, actor, now).audit(entry)

        try:
            await self._database.write(work)
        except DuplicateError as error:
            raise AlreadyExists(
                "another character has that name on that realm",
                reason="CHARACTER_TAKEN",
                fields={"character.name": "another character has that name on that realm"},
            ) from error
        self._written()
        return after

    async def remove(self, guild_id: int, character_id: str, actor: Actor) -> Character:
        """Removes a character; its owner's or, by an officer, anybody's."""
        before = await self._own(guild_id, character_id, actor)
        now = self._now()

        async def work(connection: Connection) -> None:
            if not await people.remove_character(connection, character_id, now):
                raise NotFound("there is no such character", reason="CHARACTER_UNKNOWN")
            entry = AuditEntry("character", character_id, "remove", before.version + 1, character_record(before), {})
            await self._transaction(connection, guild_id, actor, now).audit(entry)

        await self._database.write(work)
        self._written()
        return before

    async def characters(
        self, guild_id: int, *, owner_id: int, query: str, profession: str, size: int, token: str
    ) -> tuple[list[Character], str]:
        """A page of characters by name, and the token of the next."""
        pages = self._settings.current.pages
        size = min(size or pages.size, pages.maximum)
        list_of = f"characters/{guild_id}/{owner_id}/{search_key(query)}/{profession}"
        after = read_text_token(list_of, token, parts=2) if token else ()
        async with self._database.read() as connection:
            found = await people.list_characters(
                connection,
                guild_id,
                owner_id=owner_id,
                query=query,
                professions=[profession] if profession else [],
                after=after,
                limit=size + 1,
            )
        shown = found[:size]
        if len(found) <= size:
            return shown, ""
        return shown, make_text_token(list_of, (search_key(shown[-1].name), search_key(shown[-1].realm)))

    async def crafters(self, guild_id: int, item: str, profession: str, limit: int) -> tuple[list[Crafter], list[str]]:
        """Who can make something, the best first; and the professions that were looked at."""
        professions = await self._professions.of(guild_id)
        key = ""
        if clean_line(profession):
            found = professions.find(profession)
            if found is None:
                names = ", ".join(entry.name for entry in professions.enabled()) or "-"
                problem = Problem("unknown_profession", names=names)
                raise invalid("there is no such profession", "REQUEST_INVALID", {"profession": problem})
            key = found.key
        async with self._database.read() as connection:
            if key or professions.makers_of(item):
                wanted = [key] if key else [maker for maker, _ in professions.makers_of(item)]
            else:
                wanted = [entry.key for entry in professions.enabled()]
            characters = await people.list_characters(connection, guild_id, professions=wanted)
            held = await people.held_by(connection, guild_id)
        if not key and not professions.makers_of(item):
            # Nobody listed it, so only a character's own recipes can tell.
            item_key = search_key(item)
            named = [
                replace(character, skills=own)
                for character in characters
                if (own := tuple(s for s in character.skills if any(search_key(r) == item_key for r in s.recipes)))
            ]
            crafters = [
                crafter
                for profession_key in wanted
                for crafter in rules.crafters_for(
                    named, professions, item, profession=profession_key, held=held, now=self._now()
                )[0]
            ]
            return crafters[:limit], wanted
        crafters, looked_at = rules.crafters_for(
            characters, professions, item, profession=key, held=held, now=self._now()
        )
        return crafters[:limit], looked_at

    async def _own(self, guild_id: int, character_id: str, actor: Actor) -> Character:
        async with self._database.read() as connection:
            found = await people.get_character(connection, guild_id, character_id)
        if found is None:
            raise NotFound("there is no such character", reason="CHARACTER_UNKNOWN")
        if not rules.may_keep(found, actor):
            raise PermissionDenied("that is somebody else's character", reason="NOT_YOURS")
        return found

    def _transaction(self, connection: Connection, guild_id: int, actor: Actor, now: int) -> Transaction:
        return Transaction(self._database, connection, guild_id, Origin(actor, now), Policy())

    def _now(self) -> int:
        return round(self._clock.now() * 1000)
