"""Professions: what can be asked for and of whom, from the configuration and the guild's own changes to it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from services.board.settings import ItemSettings, ProfessionSettings
from services.board.text import search_key

_SHORTEST_PREFIX = 3


@dataclass(frozen=True, slots=True)
class Item:
    """Something a profession makes, and what a crafter needs for it."""

    name: str
    level: int = 0
    speciality: str = ""


@dataclass(frozen=True, slots=True)
class Profession:
    """A profession as one guild has it. `key` is stable; the rest is for people."""

    key: str
    name: str
    aliases: tuple[str, ...] = ()
    max_level: int = 0
    specialities: tuple[str, ...] = ()
    qualities: tuple[str, ...] = ()
    items: tuple[Item, ...] = ()
    enabled: bool = True


@dataclass(frozen=True)
class Professions:
    """The professions of one guild, with the ways in which people name them."""

    entries: Mapping[str, Profession]
    _names: Mapping[str, str] = field(init=False, repr=False, compare=False)
    _items: Mapping[str, tuple[tuple[str, Item], ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        names: dict[str, str] = {}
        items: dict[str, tuple[tuple[str, Item], ...]] = {}
        for profession in self.enabled():
            for name in (profession.key, profession.name, *profession.aliases):
                names.setdefault(search_key(name), profession.key)
            for item in profession.items:
                key = search_key(item.name)
                items[key] = (*items.get(key, ()), (profession.key, item))
        object.__setattr__(self, "_names", names)
        object.__setattr__(self, "_items", items)

    def enabled(self) -> tuple[Profession, ...]:
        """Those that can be asked for, in the order of the configuration."""
        return tuple(profession for profession in self.entries.values() if profession.enabled)

    def get(self, key: str) -> Profession | None:
        """By its key, disabled ones included: old requests still name them."""
        return self.entries.get(key)

    def find(self, text: str) -> Profession | None:
        """By key, name, alias, or the beginning of one where only one profession begins so."""
        wanted = search_key(text)
        if wanted in self._names:
            return self.entries[self._names[wanted]]
        if len(wanted) < _SHORTEST_PREFIX:
            return None
        found = {key for name, key in self._names.items() if name.startswith(wanted)}
        return self.entries[found.pop()] if len(found) == 1 else None

    def makers_of(self, item: str) -> tuple[tuple[str, Item], ...]:
        """The professions whose list has this item, with what it needs there."""
        return self._items.get(search_key(item), ())

    def items(self) -> Iterable[tuple[str, Item]]:
        """Every listed item with its profession's key."""
        for profession in self.enabled():
            for item in profession.items:
                yield profession.key, item


def from_settings(settings: Mapping[str, ProfessionSettings]) -> Professions:
    """The professions that the configuration names."""
    return Professions({key: profession_of(key, value) for key, value in settings.items()})


def profession_of(key: str, settings: ProfessionSettings) -> Profession:
    """One profession from its configuration."""
    return Profession(
        key=key,
        name=settings.name,
        aliases=tuple(settings.aliases),
        max_level=settings.max_level,
        specialities=tuple(settings.specialities),
        qualities=tuple(settings.qualities),
        items=tuple(_item(entry) for entry in settings.items),
    )


def _item(settings: ItemSettings) -> Item:
    return Item(name=settings.name, level=settings.level, speciality=settings.speciality)


def overlaid(base: Professions, changes: Iterable[Profession]) -> Professions:
    """The configured professions with a guild's own in place of, or beside, them."""
    entries = dict(base.entries)
    for change in changes:
        configured = entries.get(change.key)
        keeps_items = configured is not None and not change.items
        entries[change.key] = replace(change, items=configured.items) if configured and keeps_items else change
    return Professions(entries)
