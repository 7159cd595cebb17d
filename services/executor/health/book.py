"""What is known of each part's health: pure, told of looks and of time.

A single bad look says little: a part is away once it was seen away for a while without a good look between, and back
likewise. So a restart, or one lost packet, makes no noise, and a part that flutters counts as away.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass
class Part:
    """One part as it is known. Times are Unix seconds."""

    well: bool
    since: float
    """Since when it is so."""
    outage_began: float = 0.0
    """When its last outage began; 0 where there was none."""
    other_since: float | None = None
    """Since when looks say the opposite; None while they agree."""


@dataclass(frozen=True)
class Change:
    """What is to be told of a part."""

    part: str
    well: bool
    since: float
    """When it went away or came back."""
    outage_began: float

    @property
    def lasted(self) -> float:
        """How long it was away, once it is back."""
        return max(0.0, self.since - self.outage_began)


class HealthBook:
    """The parts of the platform."""

    def __init__(self, *, unwell_after: float, well_after: float, first_patience: float) -> None:
        self._unwell_after = unwell_after
        self._well_after = well_after
        self._first_patience = first_patience
        self._parts: dict[str, Part] = {}
        self._first_looks: dict[str, float] = {}

    def note(self, name: str, *, well: bool, now: float) -> None:
        """Takes down one look."""
        part = self._parts.get(name)
        if part is None:
            first = self._first_looks.setdefault(name, now)
            if well:
                self._parts[name] = Part(True, now)
            elif now - first >= self._first_patience:
                self._parts[name] = Part(False, first, outage_began=first)
            return
        if well == part.well:
            part.other_since = None
            return
        if part.other_since is None:
            part.other_since = now
        if now - part.other_since >= (self._unwell_after if part.well else self._well_after):
            part.well, part.since, part.other_since = well, part.other_since, None
            if not well:
                part.outage_began = part.since

    def changes(self, told: Mapping[str, Told]) -> list[Change]:
        """What nobody was told yet, given what was; an outage that ended before it could be told is told at its end."""
        found = []
        for name, part in sorted(self._parts.items()):
            before = told.get(name)
            if part.well:
                unsaid = part.outage_began > (before.at if before else 0.0)
                if before is not None and not before.well:
                    found.append(Change(name, True, part.since, part.outage_began or before.at))
                elif unsaid:
                    found.append(Change(name, True, part.since, part.outage_began))
            elif before is None or before.well:
                found.append(Change(name, False, part.since, part.outage_began))
        return found


@dataclass(frozen=True)
class Told:
    """What guilds were told last of a part."""

    well: bool
    at: float
    """When the part changed, as it was told."""
