"""What is measured. Counts of decisions are kept in a dictionary and read when metrics are exported: one addition each,
where a counter of OpenTelemetry costs as much as the decision."""

from collections import Counter
from collections.abc import Iterable

from opentelemetry.metrics import CallbackOptions, Observation

from chassis.telemetry import meter
from chassis.telemetry.durations import Durations
from chassis.telemetry.names import LAG_BUCKETS

SCRIPT_SECONDS = Durations(
    "guildhall.ratelimit.script.duration", "Time of a call of a script, one or many decisions", LAG_BUCKETS
)
WAIT_SECONDS = meter().create_histogram(
    "guildhall.ratelimit.wait.duration", unit="s", description="Time that a request waited in a fair queue"
)
REST_ANSWERS = meter().create_counter(
    "guildhall.ratelimit.discord.answers", unit="{answer}", description="Discord's answers as reported, by status class"
)


class Decisions:
    """Counts decisions by policy and outcome."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()

    def observe(self, _: CallbackOptions) -> Iterable[Observation]:
        """For an observable counter."""
        return [
            Observation(count, {"policy": policy, "outcome": outcome})
            for (policy, outcome), count in self.counts.items()
        ]


class Hottest:
    """The busiest subjects, by a bounded number of counters (Misra and Gries, 1982, with the decrement put off).

    A subject seen in more than 1 of `keep` observations is never missed; counts are low by that share at most. Counts
    halve each time the table is halved, so what was busy long ago gives way.
    """

    def __init__(self, keep: int = 1024) -> None:
        self._keep = keep
        self._counts: dict[str, int] = {}

    def saw(self, subject: str) -> None:
        """Counts one."""
        counts = self._counts
        counts[subject] = counts.get(subject, 0) + 1
        if len(counts) > 2 * self._keep:
            ranked = sorted(counts.values(), reverse=True)
            floor = ranked[self._keep]
            self._counts = {name: count - floor for name, count in counts.items() if count > floor}

    def top(self, number: int) -> list[tuple[str, int]]:
        """The busiest, busiest first."""
        return sorted(self._counts.items(), key=lambda item: (-item[1], item[0]))[:number]
