"""Charts of how the services were, for `/status`. Drawing takes time: whoever serves people draws in a thread."""

from collections.abc import Callable, Sequence
from datetime import datetime

from services.gateway.numbers.asking import SERVICES
from services.gateway.numbers.samples import Sample, Samples, hour_of
from views import charts

Moment = tuple[datetime, Samples | None]
POINTS = 180
"""Points of a chart at most; more are drawn together."""

MEASURES: dict[str, Callable[[Sample], float | None]] = {
    "latency": lambda sample: sample.p95 * 1000 if sample.longest else None,
    "errors": lambda sample: None if sample.error_rate is None else sample.error_rate * 100,
    "cpu": lambda sample: sample.cpu * 100,
    "memory": lambda sample: sample.memory / (1 << 20),
}
"""What is drawn: milliseconds, percent, percent of a core, MiB."""


def thinned(moments: Sequence[Moment], points: int = POINTS) -> list[Moment]:
    """No more than so many moments, neighbours taken together."""
    size = max(1, -(-len(moments) // points))
    groups = [moments[start : start + size] for start in range(0, len(moments), size)]
    return [
        (group[0][0], hour_of(known) if (known := [each for _, each in group if each]) else None) for group in groups
    ]


def drawn(title: str, measure: str, moments: Sequence[Moment], form: str) -> bytes:
    """A line for each service."""
    points = thinned(moments)
    value = MEASURES[measure]
    series = [
        charts.Series(
            service, [value(samples[service]) if samples and service in samples else None for _, samples in points]
        )
        for service in SERVICES
    ]
    return charts.lines(title, [moment.strftime(form) for moment, _ in points], series)
