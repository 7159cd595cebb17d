"""How one service was at one moment, over all its replicas, and sums of such samples over an hour. Pure."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass
from typing import Any

from guildhall.admin.v1 import admin_pb2

from chassis.telemetry.call_statistics import percentile


@dataclass(frozen=True, slots=True)
class Sample:
    """One service. Seconds and bytes; `cpu` is in cores."""

    replicas: int = 0
    away: int = 0
    """Replicas that did not answer."""
    calls: int = 0
    errors: int = 0
    average: float = 0.0
    shortest: float = 0.0
    longest: float = 0.0
    p95: float = 0.0
    cpu: float = 0.0
    memory: int = 0
    disk_free: int = 0
    """Of the replica that has least."""

    @property
    def error_rate(self) -> float | None:
        """The share of calls that failed; None where there was none."""
        return self.errors / self.calls if self.calls else None


Samples = Mapping[str, Sample]
"""By service."""


def of_replicas(answers: Sequence[admin_pb2.GetStatusResponse | None]) -> Sample:
    """A service from what each replica says of itself; None stands for one that does not answer."""
    there = [answer for answer in answers if answer is not None]
    calls = [answer.calls for answer in there]
    timed = [sum(each.histogram.values()) for each in calls]
    histogram: Counter[int] = Counter()
    for each in calls:
        histogram.update(each.histogram)
    longest = max((_seconds(each.longest) for each in calls), default=0.0)
    return Sample(
        replicas=len(answers),
        away=len(answers) - len(there),
        calls=sum(each.count for each in calls),
        errors=sum(each.errors for each in calls),
        average=_mean([(_seconds(each.average), count) for each, count in zip(calls, timed, strict=True)]),
        shortest=min((_seconds(each.shortest) for each, count in zip(calls, timed, strict=True) if count), default=0.0),
        longest=longest,
        p95=min(percentile(histogram, 0.95), longest),
        cpu=sum(answer.resources.cpu_share for answer in there),
        memory=sum(answer.resources.resident_bytes for answer in there),
        disk_free=min((answer.resources.disk_free_bytes for answer in there), default=0),
    )


def together(samples: Iterable[Sample]) -> Sample:
    """Several moments of one service as one. Calls are added, times weighed by them (so the 95th percentile of an hour
    is the mean of its minutes'), processor and memory are means, the worst of disk and replicas counts."""
    every = list(samples)
    if not every:
        return Sample()
    answered = [each for each in every if each.away < each.replicas]
    timed = [each for each in every if each.longest]
    return Sample(
        replicas=max(each.replicas for each in every),
        away=max(each.away for each in every),
        calls=sum(each.calls for each in every),
        errors=sum(each.errors for each in every),
        average=_mean([(each.average, each.calls) for each in timed]),
        shortest=min((each.shortest for each in timed), default=0.0),
        longest=max((each.longest for each in every), default=0.0),
        p95=_mean([(each.p95, each.calls) for each in timed]),
        cpu=_mean([(each.cpu, 1) for each in answered]),
        memory=round(_mean([(each.memory, 1) for each in answered])),
        disk_free=min((each.disk_free for each in answered), default=0),
    )


def hour_of(minutes: Iterable[Samples]) -> dict[str, Sample]:
    """An hour from its minutes."""
    by_service: dict[str, list[Sample]] = {}
    for samples in minutes:
        for service, sample in samples.items():
            by_service.setdefault(service, []).append(sample)
    return {service: together(each) for service, each in by_service.items()}


def encode(samples: Samples) -> str:
    """For the store: an array of numbers for each service, in the order of `Sample`."""
    return json.dumps(
        {service: [_short(number) for number in astuple(sample)] for service, sample in samples.items()},
        separators=(",", ":"),
    )


def decode(text: str | bytes) -> dict[str, Sample]:
    """From the store."""
    found: dict[str, list[Any]] = json.loads(text)
    return {service: Sample(*numbers) for service, numbers in found.items()}


def _short(number: float) -> float:
    return number if isinstance(number, int) else round(number, 5)


def _seconds(duration: Any) -> float:
    return float(duration.ToNanoseconds()) / 1e9


def _mean(weighed: Sequence[tuple[float, int]]) -> float:
    weight = sum(each for _, each in weighed)
    return sum(value * each for value, each in weighed) / weight if weight else 0.0
