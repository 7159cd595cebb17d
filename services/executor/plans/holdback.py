"""When operations may be tried: each after its own pause, none of a kind whose breaker is open. Pure: time is given."""

from __future__ import annotations

from collections import defaultdict

from services.executor.plans.breaker import Breaker
from services.executor.plans.operation import Operation
from services.executor.plans.settings import PlanSettings


class Holdback:
    """What keeps operations of one run back. Times are monotonic seconds."""

    def __init__(self, settings: PlanSettings) -> None:
        self._settings = settings
        self._not_before: dict[str, float] = {}
        self._breakers: dict[str, Breaker] = {}
        self.failures: dict[str, int] = defaultdict(int)
        """How often each operation has failed, but for outages of its kind."""

    def wait(self, operation: Operation, now: float) -> float:
        """Seconds until Discord is tried again with operations of this kind; 0 where it is in no trouble."""
        return self.breaker(operation).wait(now)

    def may_begin(self, operation: Operation, now: float) -> bool:
        """Whether its own pause is over."""
        return self._not_before.get(operation.id, 0.0) <= now

    def until(self, operation: Operation, moment: float) -> None:
        """Lets it wait at least until then."""
        self._not_before[operation.id] = max(self._not_before.get(operation.id, 0.0), moment)

    def soonest(self, now: float, latest: float) -> float:
        """When the next pause ends; `latest` where none ends before."""
        times = [moment for moment in self._not_before.values() if moment > now]
        times += [now + breaker.wait(now) for breaker in self._breakers.values() if breaker.open_until is not None]
        return min([*times, latest])

    def breaker(self, operation: Operation) -> Breaker:
        """The breaker of its kind."""
        name = operation.kind
        if name not in self._breakers:
            self._breakers[name] = Breaker(
                failures=self._settings.breaker_failures,
                pause=self._settings.breaker_pause_seconds,
                max_pause=self._settings.breaker_max_pause_seconds,
            )
        return self._breakers[name]
