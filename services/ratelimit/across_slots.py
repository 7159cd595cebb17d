"""A request whose counters stand in several slots of a Redis Cluster, each of which a script can only reach alone.

All but the last slot's counters are held tentatively, the last one decides, and the others are confirmed or given
back. A hold that expired before it was confirmed (the replica or a node stood still for longer than
`reservations.tentative_ttl`) makes the request fail, so nothing is ever admitted that a slot did not agree to. What
such a stall costs is what was charged before it was noticed, which stays: at most the request's own cost in each slot,
once.
"""

import structlog

from chassis.clock import Clock
from chassis.errors import FailedPrecondition, NotFound
from chassis.ids import new_id
from services.ratelimit.algorithms import CONCURRENCY
from services.ratelimit.answers import Answer, LimitAnswer
from services.ratelimit.asks import Ask, slots_of
from services.ratelimit.decider import Decider, Mode, Record, Status
from services.ratelimit.demands import Demand
from services.ratelimit.holds import STRICT, Holds, notes_of, record_key
from services.ratelimit.outcomes import conflict, granted, limits_of, refused
from services.ratelimit.settings import Reservations
from services.ratelimit.store_health import StoreAway

_log = structlog.stdlib.get_logger(__name__)
_RACE_RETRY_US = 50_000


class AcrossSlots:
    """Decides over several slots."""

    def __init__(self, decider: Decider, holds: Holds, clock: Clock, reservations: Reservations) -> None:
        self._decider, self._holds, self._clock = decider, holds, clock
        self.reservations = reservations

    async def decide(self, ask: Ask) -> Answer:
        """Holds, decides, confirms. StoreAway, if it is."""
        groups = _by_slot(ask.demands)
        last = groups.pop()
        token = new_id(self._clock.now())
        held: list[tuple[str, str, str]] = []
        looked: list[LimitAnswer] = []
        try:
            for group in groups:
                record = self._tentative(ask, group, token)
                outcome = await self._decider.demand(Mode.HOLD, group, self._now_us(), record[1])
                if outcome.status is Status.CONFLICT:
                    raise conflict()
                looked += limits_of(group, outcome)
                if outcome.status is Status.DENIED:
                    return refused(looked, [demand.key for one in groups for demand in one][: len(looked)])
                held.append(record[0])
            kind = "r" if ask.mode is Mode.HOLD else "a" if last[0].variant.algorithm.kind == CONCURRENCY else "q"
            record_of_last = ask.record(last, kind)
            outcome = await self._decider.demand(ask.mode, last, self._now_us(), record_of_last)
            if outcome.status is Status.CONFLICT:
                raise conflict()
            looked += limits_of(last, outcome)
            if outcome.status is Status.DENIED:
                keys = [demand.key for group in (*groups, last) for demand in group]
                return refused(looked, keys)
            if outcome.status is Status.ALLOWED and not await self._confirm(ask, groups, held):
                # What the last slot charged stays charged: it gives too little after such a stall, never too much.
                if ask.mode is Mode.HOLD:
                    await self._holds.settle(
                        "r", ask.identifier, [last[0].tag], None, now_us=self._now_us(), retention=1.0
                    )
                return Answer(False, looked, _RACE_RETRY_US, looked[0].limit, blocking_key=groups[0][0].key)
            if outcome.status is Status.ALLOWED or ask.kind == "r":
                held.clear()
            tags = [group[0].tag for group in (*groups, last) if ask.mode is Mode.HOLD or slots_of(group)]
            order = {demand.limit: index for index, demand in enumerate(ask.demands)}
            looked.sort(key=lambda answer: order[answer.limit])
            return granted(ask, outcome, looked, tags)
        finally:
            for kind, identifier, tag in held:
                await self._give_back(kind, identifier, tag)

    def _tentative(self, ask: Ask, group: list[Demand], token: str) -> tuple[tuple[str, str, str], Record]:
        """A hold that is dropped unless it is confirmed soon. Gives what it is called, and its record."""
        ttl = self.reservations.tentative_ttl
        kind, identifier = ("t", token)
        if ask.mode is Mode.HOLD:
            kind, identifier = "r", ask.identifier
        elif slots_of(group):
            kind, identifier = "a", ask.identifier
        tag = group[0].tag
        record = Record(
            record_key(kind, identifier, tag),
            identifier,
            ask.fingerprint,
            notes_of(group),
            round(ttl * 1000),
            round(ttl * 1e6),
            charge_at_expiry=False,
        )
        return (kind, identifier, tag), record

    async def _confirm(self, ask: Ask, groups: list[list[Demand]], held: list[tuple[str, str, str]]) -> bool:
        """Turns tentative holds into charges, or into holds that last. False where one had expired."""
        now_us, retention = self._now_us(), self.reservations.retention
        try:
            for group, (kind, identifier, tag) in zip(groups, held, strict=True):
                if kind == "t":
                    await self._holds.settle(kind, identifier, [tag], {}, now_us=now_us, retention=1.0, flags=STRICT)
                else:
                    ttl = ask.hold_ttl if kind == "r" else max(slots_of(group)) / 1e6
                    await self._holds.extend(
                        kind, identifier, [tag], ttl, now_us=now_us, retention=retention, charge_at_expiry=kind == "r"
                    )
        except (FailedPrecondition, NotFound):
            return False
        return True

    async def _give_back(self, kind: str, identifier: str, tag: str) -> None:
        try:
            await self._holds.settle(kind, identifier, [tag], None, now_us=self._now_us(), retention=1.0)
        except (StoreAway, NotFound):
            # It expires by itself in a moment.
            _log.debug("a tentative hold was not given back", tag=tag)

    def _now_us(self) -> int:
        return int(self._clock.now() * 1e6)


def _by_slot(demands: list[Demand]) -> list[list[Demand]]:
    """Demands by hash tag, concurrency apart from the rest; the one that decides last."""
    groups: dict[tuple[str, bool], list[Demand]] = {}
    for demand in demands:
        groups.setdefault((demand.tag, demand.variant.algorithm.kind == CONCURRENCY), []).append(demand)
    return [groups[key] for key in sorted(groups, key=lambda key: not key[1])]
