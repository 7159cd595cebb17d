"""The decisions on people, guilds, models and money: policies applied to counters.

One request is one call of the decide script (shared with whatever else came in the same tick). In a Redis Cluster its
counters may stand in several slots; then all but the last slot's are held tentatively, the last one decides, and the
others are confirmed or given back. A hold that expired before it was confirmed makes the request fail, so nothing is
ever admitted that a slot did not agree to. While the store is away each limit's own policy decides.
"""

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from chassis.caller import Caller
from chassis.clock import Clock
from chassis.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound
from chassis.ids import new_id
from services.ratelimit.algorithms import CONCURRENCY, FORCED, Concurrency
from services.ratelimit.answers import Answer, LimitAnswer, Settlement, denied_by
from services.ratelimit.catalogue import Catalogue, Demand, Subject
from services.ratelimit.decider import Decider, Mode, Outcome, Record, Status
from services.ratelimit.holds import (
    LOCAL_TAG,
    STRICT,
    Holds,
    check_id,
    handle_of,
    notes_of,
    parse_handle,
    record_key,
)
from services.ratelimit.meters import Decisions, Hottest
from services.ratelimit.settings import PERMISSION_BITS, RatelimitSettings
from services.ratelimit.shares import Shares
from services.ratelimit.store_health import StoreAway

_log = structlog.stdlib.get_logger(__name__)
_RACE_RETRY_US = 50_000


@dataclass(slots=True)
class Ask:
    """A request, resolved: what it takes, and what is remembered of it."""

    demands: list[Demand]
    mode: Mode
    kind: str
    identifier: str
    fingerprint: bytes
    hold_ttl: float
    record_ttl: float
    holds: bool
    """Whether something of it is held: a reservation, or concurrency slots."""

    @property
    def tags(self) -> list[str]:
        """The hash tags of its counters, in the order of its demands."""
        return list(dict.fromkeys(demand.tag for demand in self.demands))


class Limiter:
    """Applies one catalogue of policies to one store."""

    def __init__(
        self,
        settings: RatelimitSettings,
        decider: Decider,
        holds: Holds,
        shares: Shares,
        clock: Clock,
        *,
        cluster: bool,
    ) -> None:
        self._decider, self._holds, self._shares, self._clock, self._cluster = decider, holds, shares, clock, cluster
        self.decisions = Decisions()
        self.hottest = Hottest()
        self.use(settings)

    def use(self, settings: RatelimitSettings) -> None:
        """Puts a configuration in force, whole."""
        self._settings = settings
        self.catalogue = Catalogue(settings.limits, settings.requests.most_limits)

    def may_bypass(self, subject: Subject, caller: Caller | None) -> bool:
        """Whether the rights of the person behind the call lift limits that can be lifted."""
        person = caller.person if caller else None
        if person is None or person.user_id != subject.user_id:
            return False
        bypass = self._settings.limits.bypass
        if person.user_id in bypass.persons or not bypass.roles.isdisjoint(person.role_ids):
            return True
        return any(person.permissions & PERMISSION_BITS[name] for name in bypass.permissions)

    def ask(
        self,
        subject: Subject,
        charges: Sequence[tuple[str, int]],
        *,
        request_id: str = "",
        caller: Caller | None = None,
        reserve_ttl: float | None = None,
    ) -> Ask:
        """Resolves a request. With `reserve_ttl` (seconds) it reserves. InvalidArgument for what makes no sense."""
        reserve = reserve_ttl is not None
        bypass = self._settings.limits.bypass
        lifted = bool(bypass.permissions or bypass.roles or bypass.persons) and self.may_bypass(subject, caller)
        demands = self.catalogue.demands(subject, charges, bypass=lifted, estimates=reserve)
        if request_id:
            check_id(request_id)
        elif reserve:
            raise InvalidArgument(
                "a reservation needs an id", reason="NO_REQUEST_ID", fields={"request_id": "is empty"}
            )
        fingerprint = b""
        held = reserve
        for demand in demands:
            held = held or demand.variant.algorithm.kind == CONCURRENCY
        if held and not request_id:
            request_id = new_id(self._clock.now())
        if request_id:
            told = repr([(demand.key, demand.cost) for demand in demands]).encode()
            fingerprint = hashlib.blake2b(told, digest_size=8).digest()
        reservations = self._settings.reservations
        hold_ttl = reserve_ttl or 0.0
        if reserve:
            record_ttl = hold_ttl + reservations.retention
        elif held:
            record_ttl = max(self._settings.requests.repeat_ttl, *(ttl / 1e6 for ttl in _slots(demands)))
        else:
            record_ttl = self._settings.requests.repeat_ttl
        mode, kind = (Mode.HOLD, "r") if reserve else (Mode.TAKE, "a")
        return Ask(demands, mode, kind, request_id, fingerprint, hold_ttl, record_ttl, held)

    async def decide(self, ask: Ask) -> Answer:
        """Decides at once. Unavailable where the store is away and a limit fails closed."""
        flight = self.start(ask)
        if flight is not None:
            return await self.finish(ask, flight)
        if not ask.demands:
            return Answer(True, [])
        impossible = next((demand for demand in ask.demands if demand.impossible), None)
        if impossible is not None:
            answer = await self.peek(ask.demands)
            return Answer(False, answer.limits, 0, impossible.limit)
        try:
            answer = await self._decide_across(ask)
        except StoreAway:
            answer = self._decide_without_store(ask)
        self._count(ask, answer)
        return answer

    def start(self, ask: Ask) -> "asyncio.Future[Outcome] | None":
        """Sends a request on its way, without a task of its own; None where one call can't decide it."""
        demands = ask.demands
        if not demands or (self._cluster and len(ask.tags) > 1):
            return None
        for demand in demands:
            if demand.impossible:
                return None
        tag = demands[0].tag
        return self._submit(ask.mode, tag, demands, self._record(ask, demands, tag))

    async def finish(self, ask: Ask, flight: "asyncio.Future[Outcome]") -> Answer:
        """The answer to a request that was started."""
        try:
            outcome = await flight
        except StoreAway:
            answer = self._decide_without_store(ask)
        else:
            if outcome.status is Status.CONFLICT:
                raise _conflict()
            limits = _limits(ask.demands, outcome)
            if outcome.status is Status.DENIED:
                answer = _refusal(limits, [demand.key for demand in ask.demands])
            else:
                answer = self._granted(ask, outcome, limits, [ask.demands[0].tag])
        self._count(ask, answer)
        return answer

    async def peek(self, demands: list[Demand]) -> Answer:
        """How things stand; takes nothing. Unavailable where the store is away."""
        if not demands:
            return Answer(True, [])
        groups: dict[str, list[Demand]] = {}
        for demand in demands:
            groups.setdefault(demand.tag if self._cluster else "", []).append(demand)
        outcomes = await asyncio.gather(*(self._submit(Mode.PEEK, tag, group, None) for tag, group in groups.items()))
        limits = {}
        for group, outcome in zip(groups.values(), outcomes, strict=True):
            limits.update({answer.limit: answer for answer in _limits(group, outcome)})
        ordered = [limits[demand.limit] for demand in demands]
        retry, blocking, key = denied_by(ordered, [demand.key for demand in demands])
        return Answer(not blocking, ordered, retry, blocking, blocking_key=key)

    async def release(self, handle: str) -> bool:
        """Gives concurrency slots back; whether they were still held."""
        identifier, tags = parse_handle(handle, "a", "hold_id")
        settlement = await self._settle("a", identifier, tags, None)
        return not settlement.already_settled and not settlement.late

    async def settle(self, handle: str, used: dict[str, int] | None) -> Settlement:
        """Charges what a reservation really used; `used` of None charges nothing."""
        identifier, tags = parse_handle(handle, "r", "reservation")
        if tags == [LOCAL_TAG]:
            return Settlement(limits=[])
        for name, amount in (used or {}).items():
            if amount > 2**53 - 1:
                raise InvalidArgument(
                    "the amount is out of range", reason="COST_OUT_OF_RANGE", fields={"usages": f"{name}: too large"}
                )
        settlement = await self._settle("r", identifier, tags, used)
        outcome = "settled_before" if settlement.already_settled else "settled_late" if settlement.late else "settled"
        for limit in settlement.limits:
            self.decisions.counts[limit.limit, outcome] += 1
        return settlement

    async def extend(self, handle: str, ttl: float) -> int:
        """Lets a reservation last longer; gives its expiry in microseconds."""
        identifier, tags = parse_handle(handle, "r", "reservation")
        if tags == [LOCAL_TAG]:
            return round((self._clock.now() + ttl) * 1e6)
        return await self._holds.extend(
            "r", identifier, tags, ttl, now_us=self._now_us(), retention=self._settings.reservations.retention
        )

    async def charge_given(self) -> None:
        """Charges what was given out while the store was away. StoreAway where it is again."""
        for demand, amount in self._shares.given():
            if demand.variant.algorithm.kind != CONCURRENCY:
                packed = demand.variant.packer.pack(FORCED, amount, self._now_us())
                await self._decider.decide(Mode.TAKE, demand.tag, [demand.key], [packed])
            self._shares.charged(demand.key)

    async def _settle(self, kind: str, identifier: str, tags: Sequence[str], used: dict[str, int] | None) -> Settlement:
        return await self._holds.settle(
            kind, identifier, tags, used, now_us=self._now_us(), retention=self._settings.reservations.retention
        )

    async def _decide_across(self, ask: Ask) -> Answer:
        """Several slots of a cluster: hold, decide, confirm."""
        groups = _by_slot(ask.demands)
        last = groups.pop()
        token = new_id(self._clock.now())
        held: list[tuple[str, str, str]] = []
        looked: list[LimitAnswer] = []
        try:
            for group in groups:
                record = self._tentative(ask, group, token)
                outcome = await self._submit(Mode.HOLD, group[0].tag, group, record[1])
                if outcome.status is Status.CONFLICT:
                    raise _conflict()
                looked += _limits(group, outcome)
                if outcome.status is Status.DENIED:
                    return _refusal(looked, [demand.key for one in groups for demand in one][: len(looked)])
                held.append(record[0])
            kind = "r" if ask.mode is Mode.HOLD else "a" if last[0].variant.algorithm.kind == CONCURRENCY else "q"
            record_of_last = self._record(ask, last, last[0].tag, kind)
            outcome = await self._submit(ask.mode, last[0].tag, last, record_of_last)
            if outcome.status is Status.CONFLICT:
                raise _conflict()
            looked += _limits(last, outcome)
            if outcome.status is Status.DENIED:
                keys = [demand.key for group in (*groups, last) for demand in group]
                return _refusal(looked, keys)
            if outcome.status is Status.ALLOWED and not await self._confirm(ask, groups, held):
                # What the last slot charged stays charged: it gives too little after such a stall, never too much.
                if ask.mode is Mode.HOLD:
                    await self._holds.settle(
                        "r", ask.identifier, [last[0].tag], None, now_us=self._now_us(), retention=1.0
                    )
                return Answer(False, looked, _RACE_RETRY_US, looked[0].limit, blocking_key=groups[0][0].key)
            if outcome.status is Status.ALLOWED or ask.kind == "r":
                held.clear()
            tags = [group[0].tag for group in (*groups, last) if ask.mode is Mode.HOLD or _slots(group)]
            order = {demand.limit: index for index, demand in enumerate(ask.demands)}
            looked.sort(key=lambda answer: order[answer.limit])
            return self._granted(ask, outcome, looked, tags)
        finally:
            for kind, identifier, tag in held:
                await self._give_back(kind, identifier, tag)

    def _tentative(self, ask: Ask, group: list[Demand], token: str) -> tuple[tuple[str, str, str], Record]:
        """A hold that is dropped unless it is confirmed soon. Gives what it is called, and its record."""
        ttl = self._settings.reservations.tentative_ttl
        kind, identifier = ("t", token)
        if ask.mode is Mode.HOLD:
            kind, identifier = "r", ask.identifier
        elif _slots(group):
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
        now_us, retention = self._now_us(), self._settings.reservations.retention
        try:
            for group, (kind, identifier, tag) in zip(groups, held, strict=True):
                if kind == "t":
                    await self._holds.settle(kind, identifier, [tag], {}, now_us=now_us, retention=1.0, flags=STRICT)
                else:
                    ttl = ask.hold_ttl if kind == "r" else max(_slots(group)) / 1e6
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

    def _record(self, ask: Ask, demands: list[Demand], tag: str, kind: str | None = None) -> Record | None:
        if not ask.identifier:
            return None
        return Record(
            record_key(kind or ask.kind, ask.identifier, tag),
            ask.identifier,
            ask.fingerprint,
            notes_of(demands),
            round(ask.record_ttl * 1000),
            round(ask.hold_ttl * 1e6),
        )

    def _submit(self, mode: Mode, tag: str, demands: list[Demand], record: Record | None) -> "asyncio.Future[Outcome]":
        now_us = self._now_us()
        return self._decider.submit(
            mode,
            tag,
            [demand.key for demand in demands],
            [demand.variant.packer.pack(demand.flags, demand.cost, now_us) for demand in demands],
            record,
        )

    def _granted(self, ask: Ask, outcome: Outcome, limits: list[LimitAnswer], tags: list[str]) -> Answer:
        repeated = outcome.status is Status.REPEATED
        answer = Answer(True, limits, repeated=repeated)
        if ask.holds:
            answer.handle = handle_of(ask.kind, ask.identifier, tags)
        if ask.mode is Mode.HOLD:
            answer.expires_us = outcome.now_us + round(ask.hold_ttl * 1e6)
        return answer

    def _decide_without_store(self, ask: Ask) -> Answer:
        policies = {demand.policy.on_outage for demand in ask.demands if not demand.shadow}
        if "closed" in policies:
            raise StoreAway
        shared = [demand for demand in ask.demands if demand.policy.on_outage == "share"]
        taken = dict(zip((demand.limit for demand in shared), self._shares.take(shared), strict=True))
        limits = []
        for demand in ask.demands:
            capacity = demand.variant.algorithm.capacity
            fits, wait_us, left = taken.get(demand.limit, (True, 0, capacity))
            answer = LimitAnswer(demand.limit, fits, left, capacity, 0, wait_us, demand.shadow, degraded=True)
            answer.bypassed = demand.bypassed and not fits
            limits.append(answer)
        retry, blocking, key = denied_by(limits, [demand.key for demand in ask.demands])
        if blocking:
            return Answer(False, limits, max(retry, 1), blocking, blocking_key=key)
        answer_ = Answer(True, limits)
        if ask.identifier and (ask.mode is Mode.HOLD):
            answer_.handle = handle_of(ask.kind, ask.identifier, [LOCAL_TAG])
            answer_.expires_us = round((self._clock.now() + ask.hold_ttl) * 1e6)
        return answer_

    def _count(self, ask: Ask, answer: Answer) -> None:
        counts = self.decisions.counts
        for limit in answer.limits:
            if limit.allowed:
                outcome = "allowed"
            elif limit.shadow:
                outcome = "shadow_denied"
            else:
                outcome = "bypassed" if limit.bypassed else "denied"
            counts[limit.limit, f"degraded_{outcome}" if limit.degraded else outcome] += 1
        self.hottest.saw(ask.demands[0].tag)

    def _now_us(self) -> int:
        return int(self._clock.now() * 1e6)


def _limits(demands: list[Demand], outcome: Outcome) -> list[LimitAnswer]:
    answers = []
    for demand, (fits, wait, x, y) in zip(demands, outcome.counters, strict=True):
        algorithm = demand.variant.algorithm
        standing = algorithm.standing(x, y)
        allowed = fits == 1.0
        answers.append(
            LimitAnswer(
                demand.limit,
                allowed,
                standing.remaining,
                algorithm.capacity,
                standing.reset_us,
                int(wait),
                demand.policy.mode == "shadow",
                not allowed and demand.flags == FORCED,
            )
        )
    return answers


def _refusal(limits: list[LimitAnswer], keys: list[str]) -> Answer:
    retry, blocking, key = denied_by(limits, keys)
    return Answer(False, limits, retry, blocking, blocking_key=key)


def _by_slot(demands: list[Demand]) -> list[list[Demand]]:
    """Demands by hash tag, concurrency apart from the rest; the one that decides last."""
    groups: dict[tuple[str, bool], list[Demand]] = {}
    for demand in demands:
        groups.setdefault((demand.tag, demand.variant.algorithm.kind == CONCURRENCY), []).append(demand)
    return [groups[key] for key in sorted(groups, key=lambda key: not key[1])]


def _slots(group: list[Demand]) -> list[int]:
    """Times to live of the concurrency slots among some demands, in microseconds."""
    return [demand.variant.algorithm.ttl_us for demand in group if isinstance(demand.variant.algorithm, Concurrency)]


def _conflict() -> AlreadyExists:
    return AlreadyExists(
        "this id belongs to another request", reason="REQUEST_ID_REUSED", fields={"request_id": "was used otherwise"}
    )
