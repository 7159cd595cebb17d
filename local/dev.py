"""`make dev`: restarts what a change of code concerns."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from pathlib import Path

from watchfiles import Change, DefaultFilter, awatch

from chassis.settings.shared import SERVICES
from local.paths import ROOT

_WATCHED = ("chassis", "views", "gen", "services", "sandbox")


class _Code(DefaultFilter):
    """Python and Lua sources, tests apart. The page's files are read anew at every request and need no restart."""

    def __call__(self, change: Change, path: str) -> bool:
        return path.endswith((".py", ".lua")) and "/tests/" not in path and super().__call__(change, path)


def concerned(paths: Collection[Path]) -> set[str]:
    """Which processes a change of these files, relative to the project, concerns."""
    names: set[str] = set()
    for path in paths:
        match path.parts:
            case ("services", name, *_) if name in SERVICES:
                names.add(name)
            case ("sandbox", *_):
                names.add("sandbox")
            case _:
                names.update(SERVICES)
    return names


async def watch(restart: Callable[[str], Awaitable[None]], report: Callable[[str], None]) -> None:
    """Restart processes whenever their code changes, for ever."""
    async for changes in awatch(*(ROOT / folder for folder in _WATCHED), watch_filter=_Code()):
        changed = {Path(path).relative_to(ROOT) for _, path in changes}
        for name in sorted(concerned(changed)):
            report(f"  {name:<15} restarts: {', '.join(sorted(map(str, changed)))[:100]} changed")
            await restart(name)
