"""Durations between the contracts and the code."""

from google.protobuf.duration_pb2 import Duration

from chassis.deadline import bounded

_MICRO = 1_000_000
_ANSWER_TIME = 0.05
"""Seconds that an answer takes to arrive: a wait ends this much before the caller's deadline."""


def put(duration: Duration, microseconds: int) -> None:
    """Writes microseconds into a field; 0 leaves it unset."""
    if microseconds:
        duration.seconds, rest = divmod(microseconds, _MICRO)
        duration.nanos = rest * 1_000


def seconds(duration: Duration) -> float:
    """A duration in seconds, not below 0."""
    return max(0.0, duration.ToMicroseconds() / _MICRO)


def duration_of(seconds_: float) -> Duration:
    """Seconds as a duration."""
    duration = Duration()
    duration.FromMicroseconds(round(seconds_ * _MICRO))
    return duration


def patience(max_wait: Duration, longest: float) -> float:
    """How long a caller can wait, in seconds: what it says, what is allowed, and what its deadline leaves."""
    wanted = min(seconds(max_wait), longest)
    left = bounded(None)
    return wanted if left is None else max(0.0, min(wanted, left - _ANSWER_TIME))
