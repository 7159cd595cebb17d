"""What guilds' log channels say of the platform's health."""

from collections.abc import Sequence
from typing import Protocol

from views.catalogue import texts
from views.markdown import relative_time


class Changed(Protocol):
    """A part that went away or came back."""

    @property
    def part(self) -> str:
        """Its name, which the catalogue knows."""

    @property
    def well(self) -> bool:
        """Whether it came back."""

    @property
    def since(self) -> float:
        """When, in Unix seconds."""

    @property
    def lasted(self) -> float:
        """How long it was away, in seconds."""


def report(locale: str, changes: Sequence[Changed]) -> str:
    """A line for each change, and what it means for those who wait."""
    text = texts().text
    lines = []
    for change in changes:
        name = text(locale, f"health.part.{change.part}")
        if change.well:
            lines.append(text(locale, "health.back", part=name, seconds=max(1, round(change.lasted))))
        else:
            effect = text(locale, f"health.effect.{change.part}")
            lines.append(text(locale, "health.away", part=name, when=relative_time(change.since), effect=effect))
    if any(not change.well for change in changes):
        lines.append(text(locale, "health.kept"))
    return "\n".join(lines)
