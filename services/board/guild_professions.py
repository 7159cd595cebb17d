"""A guild's professions: the configured ones with what its officers changed, kept in memory for some seconds."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from chassis.clock import Clock
from chassis.errors import FailedPrecondition, NotFound
from chassis.settings import Live
from services.board import professions
from services.board.machine import Policy
from services.board.model import Actor
from services.board.problems import Problem, invalid
from services.board.professions import Item, Profession, Professions
from services.board.settings import BoardSettings
from services.board.store import listing, people
from services.board.store.connection import Connection
from services.board.store.database import Database
from services.board.store.transaction import AuditEntry, Origin, Transaction
from services.board.text import clean_line, search_key

_KEY = re.compile(r"[a-z0-9][a-z0-9-]{0,49}")
_NAME_LENGTH = 50
_ITEM_LENGTH = 100
_MANY = 100
_ITEMS = 1000
_LEVEL = 1_000_000


class GuildProfessions:
    """Professions by guild. Another replica's change is seen after `ttl` seconds at the latest."""

    ttl = 5.0

    def __init__(
        self, database: Database, settings: Live[BoardSettings], clock: Clock, written: Callable[[], None]
    ) -> None:
        self._database = database
        self._clock = clock
        self._written = written
        self._settings = settings
        self._base = professions.from_settings(settings.current.professions)
        self._kept: dict[int, tuple[float, Professions, frozenset[str]]] = {}
        settings.subscribe(self._reloaded)

    def _reloaded(self, _old: BoardSettings, new: BoardSettings) -> None:
        self._base = professions.from_settings(new.professions)
        self._kept.clear()

    async def of(self, guild_id: int) -> Professions:
        """The professions of a guild now."""
        return (await self._known(guild_id))[0]

    async def customized(self, guild_id: int) -> frozenset[str]:
        """The keys that the guild itself changed or added."""
        return (await self._known(guild_id))[1]

    async def _known(self, guild_id: int) -> tuple[Professions, frozenset[str]]:
        now = self._clock.monotonic()
        kept = self._kept.get(guild_id)
        if kept is not None and now - kept[0] < self.ttl:
            return kept[1], kept[2]
        async with self._database.read() as connection:
            own = await people.own_professions(connection, guild_id)
        found = professions.overlaid(self._base, [_from_body(body) for body in own]) if own else self._base
        if len(self._kept) >= self._settings.current.cache.guilds:
            self._kept.clear()
        customized = frozenset(str(body["key"]) for body in own)
        self._kept[guild_id] = (now, found, customized)
        return found, customized

    async def put(self, guild_id: int, profession: Profession, actor: Actor) -> Profession:
        """Adds or changes a guild's own profession. InvalidArgument (PROFESSION_INVALID) with every wrong field."""
        cleaned, wrong = _checked(profession)
        current = await self.of(guild_id)
        for name in (cleaned.key, cleaned.name, *cleaned.aliases):
            other = current.find(name)
            named = other is not None and search_key(name) in map(search_key, (other.key, other.name, *other.aliases))
            if other is not None and named and other.key != cleaned.key:
                wrong["name"] = f"{other.name} is called that already"
        if wrong:
            raise invalid(
                "the profession cannot be kept as it is",
                "PROFESSION_INVALID",
                {f"profession.{field}": text for field, text in wrong.items()},
            )
        before = current.get(cleaned.key)

        async def work(connection: Connection) -> None:
            now = self._now()
            await people.put_profession(self._database, connection, guild_id, _body(cleaned), now)
            entry = AuditEntry(
                "profession", cleaned.key, "edit", 0, {} if before is None else _body(before), _body(cleaned)
            )
            await self._audit(connection, guild_id, actor, now, entry)

        await self._database.write(work)
        self._kept.pop(guild_id, None)
        self._written()
        return (await self.of(guild_id)).entries[cleaned.key]

    async def reset(self, guild_id: int, key: str, actor: Actor) -> None:
        """Takes a guild's own change back."""
        before = (await self.of(guild_id)).get(key)
        if before is None or key not in await self.customized(guild_id):
            raise NotFound("the guild changed no such profession", reason="PROFESSION_UNKNOWN")
        if key not in self._base.entries:
            async with self._database.read() as connection:
                counts = await listing.counts(connection, guild_id)
            if sum(counts.get(key, {}).values()):
                raise FailedPrecondition(
                    "requests name this profession: disable it instead", reason="PROFESSION_IN_USE"
                )

        async def work(connection: Connection) -> None:
            await people.reset_profession(connection, guild_id, key)
            entry = AuditEntry("profession", key, "reset", 0, _body(before), {})
            await self._audit(connection, guild_id, actor, self._now(), entry)

        await self._database.write(work)
        self._kept.pop(guild_id, None)
        self._written()

    async def _audit(self, connection: Connection, guild_id: int, actor: Actor, now: int, entry: AuditEntry) -> None:
        await Transaction(self._database, connection, guild_id, Origin(actor, now), Policy()).audit(entry)

    def _now(self) -> int:
        return round(self._clock.now() * 1000)


def _checked(profession: Profession) -> tuple[Profession, dict[str, str]]:
    wrong: dict[str, str] = {}
    if not _KEY.fullmatch(profession.key):
        wrong["key"] = "lower-case letters, digits and hyphens, at most 50"
    name = clean_line(profession.name)
    if not 1 <= len(name) <= _NAME_LENGTH:
        wrong["name"] = Problem("empty") if not name else Problem("length", limit=_NAME_LENGTH, length=len(name))
    lists: dict[str, tuple[str, ...]] = {}
    for field in ("aliases", "specialities", "qualities"):
        values = tuple(dict.fromkeys(text for text in map(clean_line, getattr(profession, field)) if text))
        if len(values) > _MANY or any(len(value) > _NAME_LENGTH for value in values):
            wrong[field] = (
                Problem("count", most=_MANY) if len(values) > _MANY else Problem("each_length", limit=_NAME_LENGTH)
            )
        lists[field] = values
    if not 0 <= profession.max_level <= _LEVEL:
        wrong["max_level"] = Problem("range", least=0, most=_LEVEL)
    items = tuple(Item(clean_line(item.name), item.level, clean_line(item.speciality)) for item in profession.items)
    if len(items) > _ITEMS or any(not 1 <= len(item.name) <= _ITEM_LENGTH for item in items):
        wrong["items"] = f"at most {_ITEMS}, with names of 1 to {_ITEM_LENGTH} characters"
    known = set(lists["specialities"])
    if any(item.speciality and item.speciality not in known for item in items):
        wrong["items"] = "an item needs a speciality that the profession does not have"
    return (
        Profession(
            key=profession.key,
            name=name,
            aliases=lists["aliases"],
            max_level=profession.max_level,
            specialities=lists["specialities"],
            qualities=lists["qualities"],
            items=items,
            enabled=profession.enabled,
        ),
        wrong,
    )


def _body(profession: Profession) -> dict[str, Any]:
    return {
        "key": profession.key,
        "name": profession.name,
        "aliases": list(profession.aliases),
        "max_level": profession.max_level,
        "specialities": list(profession.specialities),
        "qualities": list(profession.qualities),
        "items": [[item.name, item.level, item.speciality] for item in profession.items],
        "enabled": profession.enabled,
    }


def _from_body(body: Mapping[str, Any]) -> Profession:
    return Profession(
        key=body["key"],
        name=body["name"],
        aliases=tuple(body["aliases"]),
        max_level=body["max_level"],
        specialities=tuple(body["specialities"]),
        qualities=tuple(body["qualities"]),
        items=tuple(Item(*item) for item in body["items"]),
        enabled=body["enabled"],
    )
