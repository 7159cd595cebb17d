"""Exports a guild's board as a file and takes one in, all of it or nothing."""

import hashlib
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

from chassis.clock import Clock
from chassis.errors import AlreadyExists, InvalidArgument
from chassis.ids import new_id
from chassis.settings import Live
from services.board import characters as character_rules
from services.board import exchange
from services.board.characters import Character
from services.board.exchange import FileError
from services.board.finishing import finish
from services.board.guild_professions import GuildProfessions
from services.board.model import Actor
from services.board.roster import officers_only
from services.board.rules import RuleBook
from services.board.settings import BoardSettings
from services.board.store import listing, people
from services.board.store.connection import Connection
from services.board.store.database import Database, DuplicateError
from services.board.store.listing import Filter, Page
from services.board.store.people import character_record
from services.board.store.writing import AuditEntry, Origin, Transaction

_BATCH = 500


class Files:
    """Boards as files."""

    def __init__(
        self,
        database: Database,
        settings: Live[BoardSettings],
        clock: Clock,
        rules: RuleBook,
        professions: GuildProfessions,
        *,
        written: Callable[[], None],
    ) -> None:
        self._database = database
        self._settings = settings
        self._clock = clock
        self._rules = rules
        self._professions = professions
        self._written = written

    async def export(self, guild_id: int, actor: Actor, *, requests: bool, as_csv: bool) -> AsyncIterator[str]:
        """A file in pieces. Officers only."""
        officers_only(actor)
        fields = exchange.REQUEST_FIELDS if requests else exchange.CHARACTER_FIELDS
        first = True
        yield exchange.csv_lines([], fields, header=True) if as_csv else "["
        async for rows in self._request_rows(guild_id) if requests else self._character_rows(guild_id):
            if as_csv:
                yield exchange.csv_lines(rows, fields, header=False)
                continue
            for row in rows:
                yield ("" if first else ",") + "\n" + json.dumps(row, ensure_ascii=False)
                first = False
        if not as_csv:
            yield "\n]\n"

    async def take(
        self, guild_id: int, actor: Actor, data: bytes, *, requests: bool, as_csv: bool, key: str
    ) -> tuple[int, bool]:
        """Takes a file in; gives how many were made, and whether the key had been used. Officers only."""
        officers_only(actor)
        fingerprint = hashlib.blake2s(data, digest_size=16).hexdigest()
        async with self._database.read() as connection:
            earlier = await listing.earlier_result(connection, guild_id, key) if key else None
        if earlier is not None:
            if earlier[0] != fingerprint:
                raise InvalidArgument("this key was used for another file", reason="IDEMPOTENCY_KEY_REUSED")
            return 0, True
        fields = exchange.REQUEST_FIELDS if requests else exchange.CHARACTER_FIELDS
        now = round(self._clock.now() * 1000)
        origin = Origin(actor, now, key, fingerprint)
        limits = self._settings.current.limits
        try:
            rows = exchange.read_rows(data, is_csv=as_csv, fields=fields, limit=limits.import_rows)
            if requests:
                made = await self._take_requests(guild_id, rows, origin)
            else:
                made = await self._take_characters(guild_id, rows, origin)
        except FileError as error:
            raise InvalidArgument(
                "the file cannot be taken in",
                reason="IMPORT_INVALID",
                fields={f"line {line}" if line else "file": text for line, text in list(error.lines.items())[:50]},
            ) from error
        self._written()
        return made, False

    async def _take_requests(self, guild_id: int, rows: list[dict[str, str]], origin: Origin) -> int:
        rules = await self._rules.of(guild_id)
        changes = exchange.read_requests(
            rows,
            guild_id,
            professions=await self._professions.of(guild_id),
            limits=self._settings.current.limits,
            now=origin.at,
            new_id=lambda: new_id(origin.at / 1000),
            expire_after=rules.policy.expire_after,
        )

        async def work(connection: Connection) -> None:
            transaction = Transaction(self._database, connection, guild_id, origin, rules.policy)
            await transaction.imported(changes, str(len(changes)))

        if changes:
            await self._database.write(work)
        return len(changes)

    async def _take_characters(self, guild_id: int, rows: list[dict[str, str]], origin: Origin) -> int:
        professions = await self._professions.of(guild_id)
        wrong: dict[int, str] = {}
        found: list[Character] = []
        for number, character in enumerate(exchange.read_characters(rows, guild_id, origin.at), 1):
            cleaned, problems = character_rules.checked(character, professions)
            if problems:
                wrong[number] = ", ".join(f"{field}: {text}" for field, text in problems.items())
            found.append(replace(cleaned, character_id=new_id(origin.at / 1000), version=1))
        if wrong:
            raise FileError(wrong)

        policy = (await self._rules.of(guild_id)).policy

        async def work(connection: Connection) -> None:
            transaction = Transaction(self._database, connection, guild_id, origin, policy)
            for character in found:
                await people.put_character(connection, character, 0)
                if character.main:
                    await people.unmark_mains(connection, guild_id, character.owner_id, character.character_id)
            await transaction.audit(
                *(
                    AuditEntry("character", one.character_id, "add", 1, {}, character_record(one), "imported")
                    for one in found
                )
            )
            await transaction.remember(str(len(found)))

        try:
            if found:
                await self._database.write(work)
        except DuplicateError as error:
            raise AlreadyExists("a character with that name is there already", reason="CHARACTER_TAKEN") from error
        return len(found)

    async def _request_rows(self, guild_id: int) -> AsyncIterator[list[dict[str, object]]]:
        after: tuple[int, ...] = ()
        while True:
            page = await finish(self._page(guild_id, after))
            yield [exchange.request_row(request) for request in page.requests]
            if page.after is None:
                return
            after = page.after

    async def _page(self, guild_id: int, after: tuple[int, ...]) -> Page:
        async with self._database.read() as connection:
            return await listing.page(connection, guild_id, Filter(), "oldest", size=_BATCH, after=after, counted=0)

    async def _character_rows(self, guild_id: int) -> AsyncIterator[list[dict[str, object]]]:
        found = await finish(self._all_characters(guild_id))
        yield [row for character in found for row in exchange.character_rows(character)]

    async def _all_characters(self, guild_id: int) -> list[Character]:
        async with self._database.read() as connection:
            return await people.list_characters(connection, guild_id)
