"""What the service answers, free of any wire format."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class LimitAnswer:
    """How one limit stands after a decision. Times in microseconds."""

    limit: str
    allowed: bool
    remaining: int
    capacity: int
    reset_us: int
    retry_us: int
    shadow: bool = False
    bypassed: bool = False
    degraded: bool = False


@dataclass(slots=True)
class Answer:
    """A decision. Times in microseconds, `waited` in seconds."""

    allowed: bool
    limits: list[LimitAnswer]
    retry_us: int = 0
    blocking: str = ""
    handle: str = ""
    """Names what is held: a reservation, or concurrency slots."""
    expires_us: int = 0
    waited: float = 0.0
    repeated: bool = False
    blocking_key: str = ""
    """The counter to wait for."""


@dataclass(slots=True)
class Settlement:
    """What came of a settlement."""

    already_settled: bool = False
    late: bool = False
    limits: list[LimitAnswer] = field(default_factory=list)


def denied_by(limits: list[LimitAnswer], keys: list[str]) -> tuple[int, str, str]:
    """The longest wait of those that deny, the limit that makes one wait so long, and its counter."""
    worst, name, key = 0, "", ""
    for answer, counter in zip(limits, keys, strict=True):
        if not answer.allowed and not answer.shadow and not answer.bypassed and answer.retry_us >= worst:
            worst, name, key = answer.retry_us, answer.limit, counter
    return worst, name, key
