"""How jobs are kept and run."""

from __future__ import annotations

from pydantic import Field, model_validator

from chassis.settings import Section


class JobSettings(Section):
    """Partitions, leases, attempts and retention of jobs."""

    partitions: int = Field(default=32, ge=1, le=1024)
    """How many streams there are. Changing it needs empty streams: a key would change its partition."""
    lease_seconds: float = Field(default=10.0, gt=0)
    """How long a partition stays with a dead owner. A call under way is aborted with it, whatever its permit says."""
    heartbeat_seconds: float = Field(default=2.5, gt=0)
    """How often an owner says that it lives."""
    streams_per_read: int = Field(default=64, ge=1)
    """How many partitions one blocking read follows; 1 on a Redis Cluster, where a read must stay in one slot."""
    read_block_seconds: float = Field(default=0.5, gt=0, le=4.0)
    """How long one read waits for jobs; a newly won partition is read after that long at the latest."""
    max_running: int = Field(default=256, ge=1)
    """How many jobs one process runs at once."""
    place_seconds: float = Field(default=3.0, gt=0)
    """How long a job waits for others before whoever waits is told its place, and then from time to time anew."""
    transactions: int = Field(default=24, ge=1)
    """Redis transactions of one process at once; each has a connection to itself."""
    max_attempts: int = Field(default=5, ge=1)
    """Attempts without any progress after which a job is given up."""
    backoff_seconds: float = Field(default=0.5, gt=0)
    """The pause after the first failed attempt; it doubles with each."""
    max_backoff_seconds: float = Field(default=30.0, gt=0)
    """The longest pause between attempts."""
    unknown_kind_seconds: float = Field(default=300.0, ge=0)
    """How long a job of a kind that only another version knows waits for that version, as in a roll-out, before it is
    given up. What comes after it in its conversation or server waits with it."""
    event_ttl_seconds: int = Field(default=86_400, ge=60)
    """How long a repeated event is known as a repeat."""
    journal_ttl_seconds: int = Field(default=3_600, ge=60)
    """How long the journal of a finished job is kept."""
    dead_letters: int = Field(default=1_000, ge=1)
    """How many jobs that were given up are kept for each partition."""
    measure_seconds: float = Field(default=5.0, gt=0)
    """How often the length of the queue is measured."""
    drain_seconds: float = Field(default=3.0, ge=0)
    """How long a stopping process lets jobs go on before it leaves them to the next owner."""

    @model_validator(mode="after")
    def _heartbeats_fit(self) -> JobSettings:
        if self.heartbeat_seconds * 2 > self.lease_seconds:
            raise ValueError(
                "heartbeat_seconds must be at most half of lease_seconds: one missed beat must not lose a lease"
            )
        return self
