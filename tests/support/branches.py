"""How many branches of the domain code the tests take; `make coverage` holds them to a floor.

Domain code is what decides and speaks to nobody itself: a module of the chassis, the views or a service that imports
no wire, store or client library. The others are tried by the tests that run whole services.
"""

from __future__ import annotations

import argparse
import ast
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("chassis", "views", "services")
OUTWARD = frozenset(
    {
        "aiohttp",
        "aiosqlite",
        "alembic",
        "anthropic",
        "asyncpg",
        "disnake",
        "grpc",
        "grpc_health",
        "grpc_reflection",
        "openai",
        "redis",
        "sqlalchemy",
    }
)
_WORST = 15


@dataclass(frozen=True)
class Branches:
    """The branches of one module."""

    path: str
    taken: int
    all: int


def domain(root: Path) -> Iterator[str]:
    """The paths of the domain's modules, relative to `root`."""
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*.py")):
            relative = path.relative_to(root)
            if "tests" not in relative.parts and path.name != "__main__.py" and not _speaks_outward(path):
                yield str(relative)


def _speaks_outward(path: Path) -> bool:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
        if isinstance(node, ast.ImportFrom):
            names = [node.module or "", *names]
        if any(name.partition(".")[0] in OUTWARD or name.endswith("_pb2_grpc") for name in names):
            return True
    return False


def measured(report: Path, modules: set[str]) -> list[Branches]:
    """What coverage's JSON report says of those modules; one that it has never seen was never run."""
    files = json.loads(report.read_text(encoding="utf-8"))["files"]
    unseen = modules - files.keys()
    if unseen:
        raise SystemExit(f"the report knows nothing of {', '.join(sorted(unseen))}")
    totals = ((path, files[path]["summary"]) for path in sorted(modules))
    return [Branches(path, summary["covered_branches"], summary["num_branches"]) for path, summary in totals]


def main() -> int:
    """Prints the modules with the most branches that no test takes, and the whole."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("report", type=Path, help="what `coverage json` wrote")
    parser.add_argument("--floor", type=float, default=85.0, help="percent of the branches that must be taken")
    given = parser.parse_args()
    found = measured(given.report, set(domain(ROOT)))
    for module in sorted(found, key=lambda one: one.taken - one.all)[:_WORST]:
        print(f"{module.all - module.taken:5} of {module.all:4} branches not taken  {module.path}")
    taken, everything = sum(one.taken for one in found), sum(one.all for one in found)
    share = 100 * taken / everything
    print(
        f"{share:.1f} % of {everything} branches in {len(found)} modules of the domain; the floor is {given.floor:g} %"
    )
    return int(share < given.floor)


if __name__ == "__main__":
    sys.exit(main())
