"""`python -m operate.licences [--check]`: the licences of what Guildhall is installed with, by the packages' metadata.

Guildhall is MIT and is handed on as images with its dependencies inside. So a dependency may be under any licence that
lets that be done with a notice; a licence that asks for more (GPL, AGPL, SSPL), that reaches code it is linked with, or
that nobody has looked at, fails the check. MPL-2.0 reaches its own files alone, and they are used unchanged.
https://spdx.org/licenses/
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from email.message import Message
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements" / "run.txt"
LIST = ROOT / "docs" / "operations" / "licences.md"

ALLOWED = frozenset(
    {
        *("0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CNRI-Python", "ISC", "MIT", "MIT-CMU", "MPL-2.0"),
        *("PSF-2.0", "Python-2.0", "Unlicense", "Zlib"),
    }
)
# What packages wrote before there were licence expressions: a classifier, or words of their own.
_SPOKEN = {
    "3-clause bsd license": "BSD-3-Clause",
    "apache 2.0": "Apache-2.0",
    "apache software license": "Apache-2.0",
    "bsd license": "BSD-3-Clause",
    "mit license": "MIT",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
    "python software foundation license": "PSF-2.0",
}
_PINNED = re.compile(r"^([A-Za-z0-9_.-]+)==([^\s;\\]+)", re.MULTILINE)
_TOKEN = re.compile(r"\(|\)|[^\s()]+")


@dataclass(frozen=True)
class Licensed:
    """A package and its licence as an SPDX expression; what could not be understood stands there as it was."""

    name: str
    version: str
    licence: str


def installed(lock: str) -> Iterator[Licensed]:
    """Every package of a lock that is installed here; some are for other systems only."""
    for name, _ in _PINNED.findall(lock):
        try:
            found = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue
        # importlib's own type says less than the email message that it is.
        yield Licensed(name, found.version, expression(found.metadata))  # type: ignore[arg-type]


def expression(found: Message) -> str:
    """The licence as an SPDX expression, by the newest field that is filled in."""
    if given := found.get("License-Expression"):
        return str(given)
    words = str(found.get("License") or "").strip().split("\n")[0]
    if words in ALLOWED or " OR " in words or " AND " in words:
        return words
    if known := _SPOKEN.get(words.lower()):
        return known
    spoken = [
        value.split("::")[-1].strip() for value in found.get_all("Classifier") or () if value.startswith("License")
    ]
    return " AND ".join(_SPOKEN.get(one.lower(), one) for one in spoken) or words or "unknown"


def acceptable(licence: str) -> bool:
    """Whether an SPDX expression can be satisfied with allowed licences alone: OR is a choice, AND is none."""
    tokens = _TOKEN.findall(licence)
    if not tokens:
        return False
    try:
        value, rest = _either(tokens)
    except IndexError:
        return False
    return value and not rest


def _either(tokens: Sequence[str]) -> tuple[bool, Sequence[str]]:
    value, rest = _both(tokens)
    while rest and rest[0] == "OR":
        other, rest = _both(rest[1:])
        value = value or other
    return value, rest


def _both(tokens: Sequence[str]) -> tuple[bool, Sequence[str]]:
    value, rest = _one(tokens)
    while rest and rest[0] == "AND":
        other, rest = _one(rest[1:])
        value = value and other
    return value, rest


def _one(tokens: Sequence[str]) -> tuple[bool, Sequence[str]]:
    if tokens[0] == "(":
        value, rest = _either(tokens[1:])
        return value and rest[0] == ")", rest[1:]
    return tokens[0] in ALLOWED, tokens[1:]


def page(found: Sequence[Licensed]) -> str:
    """The list as a page."""
    lines = [
        "# Licences",
        "",
        "What Guildhall is installed with, by the packages' own metadata: `make licences`. Guildhall itself is MIT.",
        "",
        "| package | licence |",
        "|---|---|",
        *(f"| {one.name} | {one.licence} |" for one in sorted(found, key=lambda one: one.name)),
    ]
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str]) -> int:
    """Writes the page, or with `--check` nothing; the exit code is 1 where a licence is not allowed."""
    found = list(installed(LOCK.read_text(encoding="utf-8")))
    refused = [one for one in found if not acceptable(one.licence)]
    for one in refused:
        sys.stderr.write(f"{one.name} {one.version}: {one.licence} is not among the allowed licences\n")
    if "--check" not in arguments:
        LIST.write_text(page(found), encoding="utf-8")
    sys.stdout.write(f"{len(found)} packages, {len(refused)} refused\n")
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
