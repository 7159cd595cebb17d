"""What operators are told: the policies in force, how decisions went, the busiest subjects, the store's state."""

from collections.abc import Iterable

from opentelemetry.metrics import CallbackOptions, Observation

from chassis.runtime import JSON, Runtime
from services.ratelimit.discord.rest import RestPermits
from services.ratelimit.limiter import Limiter
from services.ratelimit.settings import RatelimitSettings
from services.ratelimit.shares import Shares
from services.ratelimit.store_health import StoreHealth
from services.ratelimit.waiting import WaitingRoom

_KINDS = {"u": "user", "g": "guild", "*": "everybody"}


class Status:
    """Facts for GetStatus."""

    def __init__(
        self,
        runtime: Runtime[RatelimitSettings],
        *,
        limiter: Limiter,
        room: WaitingRoom,
        rest: RestPermits,
        health: StoreHealth,
        shares: Shares,
    ) -> None:
        self._runtime, self._limiter, self._room, self._rest = runtime, limiter, room, rest
        self._health, self._shares = health, shares

    def limits(self) -> dict[str, JSON]:
        """How it goes."""
        decisions: dict[str, dict[str, JSON]] = {}
        for (policy, outcome), count in sorted(self._limiter.decisions.counts.items()):
            decisions.setdefault(policy, {})[outcome] = count
        hottest: list[JSON] = [
            {"subject": _KINDS[tag[0]], "id": tag[1:], "requests": count}
            for tag, count in self._limiter.hottest.top(self._runtime.settings.current.hottest)
        ]
        return {
            "version": self._limiter.asks.catalogue.version,
            "store": "away" if self._health.away else "serving",
            "degraded_seconds": round(self._health.degraded_seconds, 3),
            "replicas": self._shares.replicas,
            "waiting": len(self._room),
            "waiting_for_discord": len(self._rest),
            "decisions": decisions,
            "hottest": hottest,
        }

    def policies(self) -> dict[str, JSON]:
        """The policies in force, whole."""
        limits = self._limiter.asks.catalogue.limits
        policies: dict[str, JSON] = {
            name: {"by": list(policy.by), **policy.model_dump(mode="json", exclude_defaults=True)}
            for name, policy in limits.policies.items()
        }
        return {
            "version": self._limiter.asks.catalogue.version,
            "policies": policies,
            "groups": {name: list(members) for name, members in limits.groups.items()},
            "bypass": limits.bypass.model_dump(mode="json"),
        }

    def observe_degraded(self, _: CallbackOptions) -> Iterable[Observation]:
        """For an observable counter."""
        return [Observation(self._health.degraded_seconds)]
