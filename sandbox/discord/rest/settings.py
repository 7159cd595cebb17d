"""What can be changed about a running sandbox."""

from dataclasses import dataclass


@dataclass(slots=True)
class Settings:
    """What each does is said where the control API documents it (sandbox/control/README.md).

    `latency_ms` is added to every REST answer; `strict` refuses what the description forbids; `check_answers` reports
    answers that are not as described; `rate_limits` and `identify_limit` switch those rules.
    """

    latency_ms: float = 0.0
    strict: bool = True
    check_answers: bool = True
    rate_limits: bool = True
    identify_limit: bool = True
    max_concurrency: int = 1
    heartbeat_ms: int = 41250
    shards: int = 1
