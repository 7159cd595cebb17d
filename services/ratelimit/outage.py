"""What is decided while the store is away: each limit by its own policy, never by its caller."""

from services.ratelimit.answers import Answer, LimitAnswer, denied_by
from services.ratelimit.asks import Ask
from services.ratelimit.decider import Mode
from services.ratelimit.holds import LOCAL_TAG, handle_of
from services.ratelimit.shares import Shares
from services.ratelimit.store_health import StoreAway

_LOOK_AGAIN_US = 1_000_000


def decide_without_store(ask: Ask, shares: Shares, now: float) -> Answer:
    """The answer at `now` (Unix seconds). StoreAway where a limit fails closed."""
    policies = {demand.policy.on_outage for demand in ask.demands if not demand.shadow}
    if "closed" in policies:
        raise StoreAway
    shared = [demand for demand in ask.demands if demand.policy.on_outage == "share"]
    taken = dict(zip((demand.limit for demand in shared), shares.take(shared), strict=True))
    limits = []
    for demand in ask.demands:
        capacity = demand.variant.algorithm.capacity
        # Only a shadow is closed here: it reports that it would have denied.
        unknown = (False, _LOOK_AGAIN_US, 0) if demand.policy.on_outage == "closed" else (True, 0, capacity)
        fits, wait_us, left = taken.get(demand.limit, unknown)
        answer = LimitAnswer(demand.limit, fits, left, capacity, 0, wait_us, demand.shadow, degraded=True)
        answer.bypassed = demand.bypassed and not fits
        limits.append(answer)
    retry, blocking, key = denied_by(limits, [demand.key for demand in ask.demands])
    if blocking:
        return Answer(False, limits, max(retry, 1), blocking, blocking_key=key)
    granted = Answer(True, limits)
    if ask.identifier and (ask.mode is Mode.HOLD):
        granted.handle = handle_of(ask.kind, ask.identifier, [LOCAL_TAG])
        granted.expires_us = round((now + ask.hold_ttl) * 1e6)
    return granted
