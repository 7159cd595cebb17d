"""Which models are fit to be asked: a circuit breaker and a cooldown for each provider and model.

The breaker counts failures in a row; when there are too many it opens, and after a while lets one call through, whose
outcome decides (Nygard, "Release It!"). A 429 is no failure of the model's: it cools the model down until its
Retry-After. A caller's cancel and a request's own fault say nothing about health.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from chassis.clock import Clock
from services.llm.settings import RetrySettings

State = Literal["ok", "cooling", "open", "probing"]


@dataclass(slots=True)
class _Record:
    failures: int = 0
    open_until: float = 0.0
    probing: bool = False
    cooling_until: float = 0.0
    last_failure: str = ""


class Health:
    """The health of all models, as this process sees it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._records: dict[str, _Record] = {}

    def state(self, model: str) -> State:
        """How a model is."""
        record = self._records.get(model)
        now = self._clock.monotonic()
        if record is None:
            return "ok"
        if record.cooling_until > now:
            return "cooling"
        if record.open_until > now:
            return "open"
        return "probing" if record.open_until else "ok"

    def wait(self, model: str) -> float:
        """Seconds until a model may be asked; 0 when it may be now."""
        record = self._records.get(model)
        if record is None:
            return 0.0
        now = self._clock.monotonic()
        return max(0.0, record.cooling_until - now, record.open_until - now)

    def reason(self, model: str) -> str:
        """The last failure of a model that is not well."""
        record = self._records.get(model)
        return record.last_failure if record else ""

    def unwell(self) -> dict[str, str]:
        """The last failure of each model that rests now, by model."""
        return {model: record.last_failure for model, record in self._records.items() if self.wait(model) > 0}

    def admit(self, model: str) -> bool:
        """Whether a call may be made now. While a breaker is half open only one call at a time is."""
        if self.wait(model) > 0:
            return False
        record = self._records.get(model)
        if record is not None and record.open_until:
            if record.probing:
                return False
            record.probing = True
        return True

    def succeeded(self, model: str) -> None:
        """A call was answered."""
        self._records.pop(model, None)

    def released(self, model: str) -> None:
        """A call ended in a way that says nothing about the model."""
        if record := self._records.get(model):
            record.probing = False

    def failed(self, model: str, reason: str, settings: RetrySettings) -> None:
        """A call failed through the model's fault."""
        record = self._records.setdefault(model, _Record())
        record.failures += 1
        record.last_failure = reason
        if record.probing or record.failures >= settings.breaker_failures:
            record.open_until = self._clock.monotonic() + settings.breaker_reset
        record.probing = False

    def limited(self, model: str, retry_after: float | None, settings: RetrySettings) -> None:
        """The provider answered 429."""
        record = self._records.setdefault(model, _Record())
        rest = min(settings.max_cooldown, settings.cooldown if retry_after is None else retry_after)
        record.cooling_until = max(record.cooling_until, self._clock.monotonic() + rest)
        record.last_failure = "PROVIDER_RATE_LIMITED"
        record.probing = False
