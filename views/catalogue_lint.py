"""The lint of the catalogues: `python -m views.catalogue_lint [folder …]`.

A language that lacks a text, has one that nobody knows, or lacks a value that the English text shows, is wrong; so is a
key that the code asks for and English does not have. A key that is put together while running has to fit at least one
that there is; whether all of its values do is checked by the tests of whoever puts it together.
"""

import ast
import re
import string
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from views.catalogue import FALLBACK, Catalogue, texts

_ROOT = Path(__file__).resolve().parent.parent
_SOURCES = (_ROOT / "services", _ROOT / "views", _ROOT / "chassis")


def problems(catalogue: Catalogue, sources: Iterable[Path] = ()) -> list[str]:
    """Everything that is wrong, one line each."""
    english = catalogue.table(FALLBACK)
    found = []
    for language in catalogue.languages:
        table = catalogue.table(language)
        found += [f"{language}: {key} is missing" for key in sorted(english.keys() - table.keys())]
        found += [f"{language}: {key} is not in English" for key in sorted(table.keys() - english.keys())]
        for key in sorted(english.keys() & table.keys()):
            if not table[key].strip():
                found.append(f"{language}: {key} is empty")
            if placeholders(table[key]) != placeholders(english[key]):
                found.append(f"{language}: {key} shows other values than the English text")
    for path in sources:
        found += [f"{path}:{line}: there is no text {key!r}" for line, key in asked_for(path) if key not in english]
        found += [
            f"{path}:{line}: there is no text like {pattern.pattern!r}"
            for line, pattern in put_together(path)
            if not any(pattern.fullmatch(key) for key in english)
        ]
    return found


def placeholders(text: str) -> set[str]:
    """The names of the values that a text shows."""
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def asked_for(path: Path) -> Iterator[tuple[int, str]]:
    """The keys that a module asks for literally, with their lines: `….text("key")` and `….text(locale, "key")`."""
    for line, argument in _keys(path):
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str) and "." in argument.value:
            yield line, argument.value


def put_together(path: Path) -> Iterator[tuple[int, re.Pattern[str]]]:
    """The keys that a module puts together, as what fits them: `….text(f"some.{thing}")` fits `some\\..+`."""
    for line, argument in _keys(path):
        if isinstance(argument, ast.JoinedStr):
            parts = (re.escape(str(part.value)) if isinstance(part, ast.Constant) else ".+" for part in argument.values)
            yield line, re.compile("".join(parts))


def _keys(path: Path) -> Iterator[tuple[int, ast.expr]]:
    """What stands where a key may stand, each branch of a choice by itself."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "text"):
            continue
        for argument in node.args[:2]:
            choices = (argument.body, argument.orelse) if isinstance(argument, ast.IfExp) else (argument,)
            yield from ((node.lineno, choice) for choice in choices)


def modules(folders: Iterable[Path] = _SOURCES) -> list[Path]:
    """The modules whose keys are checked; tests name keys that do not exist on purpose."""
    return [path for folder in folders for path in sorted(folder.rglob("*.py")) if "tests" not in path.parts]


def main() -> int:
    """Prints what is wrong and gives the exit code."""
    found = problems(texts(), modules())
    sys.stdout.writelines(f"{line}\n" for line in found)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
