"""Takes a changed configuration into use while the process runs: whole or not at all.

Looked at are the folders of guildhall.yaml and of every NAME_FILE that is read, because editors replace a file and
Kubernetes swaps a symbolic link beside it. SIGHUP and AdminService.Reload do the same at once.
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
_STEP_MS = 250
"""How often the watching thread wakes, which takes the interpreter's lock from everything else each time."""
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
        self._files = configuration.files
        self._seen = self._contents()

    def reload(self) -> Outcome:
        """Reads everything again, and puts it in force if all of it is right."""
        try:
            self._require_text()
            new = load(self._name, self._type, self._variables)
            self.settings.check(new.service)
            self.shared.check(new.shared)
            self._files = new.files
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
        raw = sources.read(self._variables)
        # What is in force was read from the files of before; what mends it may come to those of now.
        self._files |= raw.files
        self.last = Outcome(self._clock.now(), False, raw.revision, problems=problems)
        _log.error("configuration refused; the old one stays in force", problems=[str(problem) for problem in problems])
        return self.last

    async def watch(self) -> None:
        """Reloads whenever a file has changed; runs for as long as the process does."""
        folders = {file.absolute().parent for file in self._files if file.absolute().parent.is_dir()}
        # A time-out looks as well: before the first event, and where a file system sends none.
        events = watchfiles.awatch(
            *folders,
            watch_filter=None,
            recursive=False,
            step=_STEP_MS,
            rust_timeout=_LOOK_MS,
            yield_on_timeout=True,
        )
        async for _ in events:
            # Much else may change in these folders, and reading YAML takes long enough to be felt by everybody else.
            now = self._contents()
            if any(before and not now.get(file) for file, before in self._seen.items()):
                await asyncio.sleep(_SETTLE)
                now = self._contents()
            if now != self._seen:
                self.reload()
                # What changed while it was read is a change at the next look.
                self._seen = {file: now.get(file, content) for file, content in self._contents().items()}

    def _contents(self) -> dict[Path, bytes | None]:
        return {file: _content(file) for file in self._files}


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
