"""Exports a guild's board as a file and takes one in, all of it or nothing."""

import hashlib
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from chassis.clock import Clock
from chassis.errors import Aborted, InvalidArgument
from chassis.ids import new_id
from chassis.settings import Live
from services.board import characters as character_rules
from services.board import exchange, sheets
from services.board.characters import Character
from services.board.finishing import finish
from services.board.guild_professions import GuildProfessions
from services.board.machine import Policy
from services.board.model import Actor, Change, State
from services.board.problems import Problem, invalid_lines
from services.board.rules import RuleBook, officers_only
from services.board.settings import BoardSettings
from services.board.sheets import FileError
from services.board.store import listing, people
from services.board.store.connection import Connection
from services.board.store.database import Database, DuplicateError
from services.board.store.listing import Filter, Page
from services.board.store.people import character_record
from services.board.store.transaction import AuditEntry, Origin, Transaction
from services.board.store.writing import RequestTransaction
from services.board.text import search_key

_BATCH = 500
_SHOWN = 50
Work = Callable[[Connection], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of a file, or would: how many were made, by profession and state where they are requests."""

    created: int
    digest: str
    counts: Mapping[tuple[str, State], int] = field(default_factory=dict)
    duplicate: bool = False


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
        yield sheets.csv_lines([], fields, header=True) if as_csv else "["
        async for rows in self._request_rows(guild_id) if requests else self._character_rows(guild_id):
            if as_csv:
                yield sheets.csv_lines(rows, fields, header=False)
                continue
            for row in rows:
                yield ("" if first else ",") + "\n" + json.dumps(row, ensure_ascii=False)
                first = False
        if not as_csv:
            yield "\n]\n"

    async def take(
        self,
        guild_id: int,
        actor: Actor,
        data: bytes,
        *,
        requests: bool,
        as_csv: bool,
        key: str,
        preview: bool = False,
        expected: str = "",
    ) -> Taken:
        """Takes a file in once per key, all of it or nothing; a preview says what it would do. Officers only.

        InvalidArgument: IMPORT_INVALID with what is wrong by line; IMPORT_CHANGED where the file's digest is not the
        `expected` one.
        """
        officers_only(actor)
        digest = hashlib.blake2s(data, digest_size=16).hexdigest()
        if expected not in ("", digest):
            raise InvalidArgument("that is another file than the one that was seen", reason="IMPORT_CHANGED")
        if key and not preview and await self._was_taken(guild_id, key, digest):
            return Taken(0, digest, duplicate=True)
        fields = exchange.REQUEST_FIELDS if requests else exchange.CHARACTER_FIELDS
        origin = Origin(actor, round(self._clock.now() * 1000), key, digest)
        try:
            rows = sheets.read_rows(data, is_csv=as_csv, fields=fields, limit=self._settings.current.limits.import_rows)
            first = sheets.first_line(is_csv=as_csv)
            if requests:
                changes = await self._read_requests(guild_id, rows, first, origin.at)
                taken = Taken(len(changes), digest, _counted(changes))
                work = self._taking_requests(guild_id, changes, origin, (await self._rules.of(guild_id)).policy)
            else:
                found = await self._read_characters(guild_id, rows, first, origin.at)
                taken = Taken(len(found), digest)
                work = self._taking_characters(guild_id, found, origin)
        except FileError as error:
            # Somebody may have taken in the same meanwhile: the characters that are there by now are the file's own.
            if key and not preview and await self._was_taken(guild_id, key, digest):
                return Taken(0, digest, duplicate=True)
            raise invalid_lines("the file cannot be taken in", "IMPORT_INVALID", error.lines, _SHOWN) from error
        if preview or not taken.created:
            return taken
        try:
            await self._database.write(work)
        except DuplicateError as error:
            if key and await self._was_taken(guild_id, key, digest):
                return Taken(0, digest, duplicate=True)
            raise Aborted("somebody took the same in at the same time", reason="CONTENDED", retry_after=1.0) from error
        self._written()
        return taken

    async def _was_taken(self, guild_id: int, key: str, digest: str) -> bool:
        """Whether this file was taken in under this key; InvalidArgument where another one was."""
        async with self._database.read() as connection:
            earlier = await listing.earlier_result(connection, guild_id, key)
        if earlier is not None and earlier[0] != digest:
            raise InvalidArgument("this key was used for another file", reason="IDEMPOTENCY_KEY_REUSED")
        return earlier is not None

    async def _read_requests(self, guild_id: int, rows: list[dict[str, str]], first: int, now: int) -> list[Change]:
        return exchange.read_requests(
            rows,
            guild_id,
            professions=await self._professions.of(guild_id),
            limits=self._settings.current.limits,
            now=now,
            new_id=lambda: new_id(now / 1000),
            expire_after=(await self._rules.of(guild_id)).policy.expire_after,
            first=first,
        )

    async def _read_characters(
        self, guild_id: int, rows: list[dict[str, str]], first: int, now: int
    ) -> list[Character]:
        professions = await self._professions.of(guild_id)
        async with self._database.read() as connection:
            taken = await people.character_keys(connection, guild_id)
        wrong: dict[int, Mapping[str, str]] = {}
        found: list[Character] = []
        for line, character in exchange.read_characters(rows, guild_id, now, first=first):
            cleaned, problems = character_rules.checked(character, professions)
            key = search_key(cleaned.name), search_key(cleaned.realm)
            if key in taken:
                problems.setdefault("name", Problem("character_taken"))
            taken.add(key)
            if problems:
                wrong[line] = problems
            found.append(replace(cleaned, character_id=new_id(now / 1000), version=1))
        if wrong:
            raise FileError(wrong)
        return found

    def _taking_requests(self, guild_id: int, changes: list[Change], origin: Origin, policy: Policy) -> Work:
        async def work(connection: Connection) -> None:
            transaction = RequestTransaction(self._database, connection, guild_id, origin, policy)
            await transaction.imported(changes, str(len(changes)))

        return work

    def _taking_characters(self, guild_id: int, found: list[Character], origin: Origin) -> Work:
        async def work(connection: Connection) -> None:
            transaction = Transaction(self._database, connection, guild_id, origin, Policy())
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

        return work

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


def _counted(changes: Iterable[Change]) -> Mapping[tuple[str, State], int]:
    return Counter((change.after.profession, change.after.state) for change in changes)
