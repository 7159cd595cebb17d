"""How long people's interactions take, and how they end: rate, errors and duration of each command."""

import time

from chassis.telemetry import meter
from chassis.telemetry.names import DURATION_BUCKETS, Attribute

_duration = meter().create_histogram(
    "guildhall.interaction.duration",
    "s",
    "Time of an interaction from its event to the end of its handler",
    explicit_bucket_boundaries_advisory=DURATION_BUCKETS,
)

mirror_changes = meter().create_counter(
    "guildhall.mirror.told", "{guild}", "Guilds of which executor's mirror was told a change"
)
mirror_gaps = meter().create_counter(
    "guildhall.mirror.gaps", "{gap}", "Times that changes were dropped before executor's mirror was told"
)


class Interaction:
    """One interaction under way. Counted when the `with` ends; names are those of commands, never what people typed."""

    def __init__(self, name: str, kind: str) -> None:
        self._attributes: dict[str, str] = {"guildhall.interaction.name": name, "guildhall.interaction.kind": kind}
        self._began = 0.0

    def __enter__(self) -> "Interaction":
        self._began = time.perf_counter()
        return self

    @property
    def elapsed(self) -> float:
        """Seconds since it began."""
        return time.perf_counter() - self._began

    def failed(self, reason: str) -> None:
        """Notes that it ended with an error, by its UPPER_SNAKE reason."""
        self._attributes[Attribute.ERROR_TYPE] = reason

    def __exit__(self, *raised: object) -> None:
        _duration.record(time.perf_counter() - self._began, self._attributes)
