"""Every text that people see, by key and language.

The texts stand in `locales/<language>.yaml`, nested, a feature's own in `locales/<feature>/`; a key is the dotted path.
English is complete by definition and stands in where another language lacks a text (the lint keeps that from
happening). Values are put in with `str.format`; what people wrote is escaped by whoever puts it in (see `markdown`).
"""

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

FALLBACK = "en"
FOLDER = Path(__file__).parent / "locales"

# Discord's names of the locales in which a command may be described, for each language beyond the fallback.
DISCORD_LOCALES = {"de": ("de",), "fr": ("fr",)}


class Catalogue:
    """The texts of all languages."""

    def __init__(self, tables: Mapping[str, Mapping[str, str]]) -> None:
        self._tables = {language: dict(table) for language, table in tables.items()}

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages there are, in alphabetical order."""
        return tuple(sorted(self._tables))

    def table(self, language: str) -> Mapping[str, str]:
        """All texts of one language by key."""
        return self._tables[language]

    def language(self, locale: str) -> str:
        """The language that serves a Discord locale such as `en-GB`; English where there is none."""
        language = locale.partition("-")[0].lower()
        return language if language in self._tables else FALLBACK

    def text(self, locale: str, key: str, /, **values: object) -> str:
        """A text in the language of a locale. Raises KeyError for a key that English does not have."""
        template = self._tables[self.language(locale)].get(key)
        if template is None:
            template = self._tables[FALLBACK][key]
        return template.format(**values) if values else template.replace("{{", "{").replace("}}", "}")

    def has(self, key: str) -> bool:
        """Whether English has the key."""
        return key in self._tables[FALLBACK]

    def localizations(self, key: str) -> dict[str, str]:
        """A text in every language but English, by Discord's names of the locales."""
        return {
            locale: table[key]
            for language, table in self._tables.items()
            if language != FALLBACK and key in table
            for locale in DISCORD_LOCALES.get(language, ())
        }


def read(folder: Path = FOLDER) -> Catalogue:
    """Reads a folder of catalogues, one file per language; a feature may keep its own in a folder below."""
    tables: dict[str, dict[str, str]] = {}
    for path in sorted((*folder.glob("*.yaml"), *folder.glob("*/*.yaml"))):
        table = tables.setdefault(path.stem, {})
        for key, text in _flat(yaml.safe_load(path.read_text(encoding="utf-8")) or {}, ""):
            if key in table:
                raise ValueError(f"{path}: {key} stands in another file already")
            table[key] = text
    return Catalogue(tables)


@cache
def texts() -> Catalogue:
    """The catalogue that ships with Guildhall."""
    return read()


def _flat(node: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, str]]:
    for name, value in node.items():
        key = f"{prefix}{name}"
        if isinstance(value, Mapping):
            yield from _flat(value, f"{key}.")
        else:
            yield key, str(value)
