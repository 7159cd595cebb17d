"""Takes a changed configuration into use while the process runs: whole or not at all.

Looked at are the folders of guildhall.yaml and of every NAME_FILE, because editors replace a file and Kubernetes swaps
a symbolic link beside it. SIGHUP and AdminService.Reload do the same at once.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import structlog
import watchfiles
from pydantic import BaseModel

from chassis.clock import Clock
from chassis.settings import sources
from chassis.settings.live import Live, Refused
from chassis.settings.loading import Configuration, load
from chassis.settings.problems import ConfigurationError, Problem
from chassis.settings.section import AtStart, Section

S = TypeVar("S", bound=Section)
# Sections that are read once, when connections are made.
_AT_START = ("rpc", "redis", "telemetry", "callers")
_LOOK_MS = 2_000
_SETTLE = 0.5
"""Seconds after which a file that was found empty is looked at again: who writes in place empties it first."""
_log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True)
class Outcome:
    """How one reading of the configuration went."""

    time: float
    accepted: bool
    revision: str
    changed: tuple[str, ...] = ()
    """Paths of keys whose value changed."""
    restart_needed: tuple[str, ...] = ()
    """Of these, those that take effect at the next start."""
    problems: tuple[Problem, ...] = ()


class Reloader(Generic[S]):
    """Keeps the settings of one process as its configuration says."""

    def __init__(
        self,
        name: str,
        settings_type: type[S],
        variables: Mapping[str, str],
        configuration: Configuration[S],
        clock: Clock,
    ) -> None:
        self.settings = Live(configuration.service)
        self.shared = Live(configuration.shared)
        self.revision = configuration.revision
        self.last: Outcome | None = None
        self._name = name
        self._type = settings_type
        self._variables = variables
        self._clock = clock
        self._had_text = bool((_content(sources.config_path(variables)) or b"").strip())
        self._files = self._that_matter()
        self._seen = self._contents()

    def reload(self) -> Outcome:
        """Reads everything again, and puts it in force if all of it is right."""
        try:
            self._require_text()
            new = load(self._name, self._type, self._variables)
            self.settings.check(new.service)
            self.shared.check(new.shared)
        except ConfigurationError as error:
            return self._refused(tuple(error.problems))
        except Refused as error:
            return self._refused((Problem(self._name, str(error)),))
        found = (
            *_differences(self.settings.current, new.service, (self._name,)),
            *_differences(self.shared.current, new.shared, ()),
        )
        changed = tuple(path for path, _ in found)
        later = tuple(path for path, at_start in found if at_start or path.partition(".")[0] in _AT_START)
        self.last = Outcome(self._clock.now(), True, new.revision, changed, later)
        self.revision = new.revision
        self.shared.replace(new.shared)
        self.settings.replace(new.service)
        _log.info("configuration reloaded", revision=new.revision, changed=changed, restart_needed=later)
        return self.last

    def _require_text(self) -> None:
        """A file that was there and is now empty or gone is being written this moment, or lost."""
        file = sources.config_path(self._variables)
        has_text = bool((_content(file) or b"").strip())
        if self._had_text and not has_text:
            raise ConfigurationError([Problem(str(file), "is empty or gone", "put it back")])
        self._had_text = has_text

    def _refused(self, problems: tuple[Problem, ...]) -> Outcome:
        revision = sources.read(self._variables).revision
        self.last = Outcome(self._clock.now(), False, revision, problems=problems)
        _log.error("configuration refused; the old one stays in force", problems=[str(problem) for problem in problems])
        return self.last

    async def watch(self) -> None:
        """Reloads whenever a file has changed; runs for as long as the process does."""
        folders = {file.absolute().parent for file in self._files if file.absolute().parent.is_dir()}
        # A time-out looks as well: before the first event, and where a file system sends none.
        events = watchfiles.awatch(
            *folders, watch_filter=None, recursive=False, rust_timeout=_LOOK_MS, yield_on_timeout=True
        )
        async for _ in events:
            # Much else may change in these folders, and reading YAML takes long enough to be felt by everybody else.
            now = self._contents()
            if any(before and not after for before, after in zip(self._seen, now, strict=True)):
                await asyncio.sleep(_SETTLE)
                now = self._contents()
            if now != self._seen:
                self._files = self._that_matter()
                self._seen = self._contents()
                self.reload()

    def _that_matter(self) -> list[Path]:
        """The files that the configuration is made of; which these are stands in guildhall.yaml and the environment."""
        raw = sources.read(self._variables)
        return sorted({raw.file, *raw.environment.files, *_secret_files(self._variables)})

    def _contents(self) -> tuple[bytes | None, ...]:
        return tuple(_content(file) for file in self._files)


def _secret_files(variables: Mapping[str, str]) -> set[Path]:
    named = {Path(value) for name, value in variables.items() if name.endswith("_FILE") and value}
    # A relative one may be anybody's; it counts where there is such a file.
    return {path for path in named if path.is_absolute() or path.is_file()}


def _content(file: Path) -> bytes | None:
    try:
        return file.read_bytes()
    except OSError:
        return None


def _differences(old: Any, new: Any, path: tuple[str, ...], *, at_start: bool = False) -> list[tuple[str, bool]]:
    """Paths of what differs between two values of one model, and whether it is read at the start only."""
    if isinstance(old, BaseModel) and type(old) is type(new):
        return [
            found
            for name, field in type(old).model_fields.items()
            for found in _differences(
                getattr(old, name),
                getattr(new, name),
                (*path, name),
                at_start=at_start or any(isinstance(mark, AtStart) for mark in field.metadata),
            )
        ]
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        return [
            found
            for key in sorted({*old, *new}, key=str)
            for found in _differences(old.get(key), new.get(key), (*path, str(key)), at_start=at_start)
        ]
    return [] if old == new else [(".".join(path), at_start)]
