"""What a job is, and what a kind of job must offer; pure, without Redis.

A job belongs to a *key* (a conversation, a guild). Jobs of one key run one after another, in the order in which they
were taken over; different keys run side by side. A key always falls into the same partition.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable


@dataclass(frozen=True)
class Job:
    """One thing to do, as it stands in the stream."""

    job_id: str
    """22 characters, for good."""
    kind: str
    """Which `JobKind` runs it."""
    key: str
    """What it must be in order with."""
    payload: bytes
    """What to do; only its kind reads it."""
    created: float
    """When it was taken over, in Unix seconds."""
    trace: Mapping[str, str] = field(default_factory=dict)
    """The trace context of whoever submitted it."""


class Fence(Protocol):
    """The right to act for a partition."""

    @property
    def name(self) -> str:
        """What is leased, the same for every owner."""
        ...

    @property
    def epoch(self) -> int:
        """Grows with each owner."""
        ...

    def remaining(self) -> float:
        """Seconds for which the right is certain from now on; 0 or less when it is not."""
        ...


class Journal(Protocol):
    """What a job has done so far. A write by an owner that lost its lease raises `LeaseLost` and changes nothing."""

    @property
    def fence(self) -> Fence:
        """The lease under which the job runs."""
        ...

    async def read(self) -> dict[str, bytes]:
        """All fields that were written, by whichever owner."""
        ...

    async def write(self, fields: Mapping[str, bytes | str]) -> None:
        """Sets fields, all or none, on disk when it returns. Counts as progress: failed attempts start anew."""
        ...


class JobKind(Protocol):
    """A kind of job. Kinds stand beside each other; the runner knows none of them."""

    @property
    def name(self) -> str:
        """The name under which jobs of this kind are submitted."""
        ...

    async def run(self, job: Job, journal: Journal) -> None:
        """Does the job, or goes on where its journal ends. Returns when it is done for good.

        Raises `Postpone` to be called again later; any other exception counts as a failed attempt.
        """
        ...

    async def give_up(self, job: Job, journal: Journal, reason: str) -> None:
        """Tells whoever waits that the job failed for good. What it raises is logged, nothing more."""
        ...


@runtime_checkable
class Gathering(Protocol):
    """A kind whose jobs can do what waits behind them along with their own: a burst of questions is answered once."""

    def gathers(self, job: Job, waiting: Sequence[Job]) -> int:
        """How many of the jobs that wait next in the same key this one does along."""
        ...

    async def run_gathered(self, job: Job, gathered: Sequence[Job], journal: Journal) -> None:
        """Does the job with the others, as `run` does; all of them are done when it returns."""
        ...


@runtime_checkable
class Queueing(Protocol):
    """A kind that tells whoever waits how long the queue is."""

    async def queued(self, job: Job, journal: Journal, place: int, seconds: float) -> None:
        """Says that a job waits at a place (from 1 on) and may be expected to begin in so many seconds.

        Called again when the place has changed. What it raises is logged, nothing more.
        """
        ...


class Postpone(Exception):
    """The job cannot go on now, through no fault of its own: something that it needs is away."""

    def __init__(self, after: float, why: str) -> None:
        super().__init__(why)
        self.after = after
        """Seconds to wait before the next attempt."""


class LeaseLost(Exception):
    """Another owner has taken the partition; whoever sees this stops without touching anything."""


def partition_of(key: str, partitions: int) -> int:
    """The partition of a key: CRC-32, which every language has, modulo their number."""
    return zlib.crc32(key.encode()) % partitions
