"""How far a run is, and why it stands still; read by whoever shows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from services.executor.plans.operation import Outcome


@dataclass
class Pause:
    """Why a run stands still."""

    kind: str
    """The row of the operation table whose quota is used up; empty for an outage."""
    until: float = 0.0
    """When it could go on, in Unix seconds; 0 where that is for people to say."""


@dataclass
class Progress:
    """How far a run is."""

    outcomes: dict[str, Outcome]
    waiting_for: float = 0.0
    """Seconds until Discord, which has trouble, is tried again; 0 while it has none."""


def results_of(outcomes: Mapping[str, Outcome]) -> dict[str, str]:
    """The ids of what was created, by operation."""
    return {number: outcome.result for number, outcome in outcomes.items() if outcome.result}
