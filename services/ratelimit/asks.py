"""What a request asks for, resolved by the policies in force: which counters, how much, what is remembered of it."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from chassis.caller import Caller
from chassis.clock import Clock
from chassis.errors import InvalidArgument
from chassis.ids import new_id
from services.ratelimit.algorithms import CONCURRENCY, Concurrency
from services.ratelimit.catalogue import Catalogue
from services.ratelimit.decider import Mode, Record
from services.ratelimit.demands import Demand, Subject
from services.ratelimit.grants import Grants
from services.ratelimit.holds import check_id, notes_of, record_key
from services.ratelimit.limits import PERMISSION_BITS
from services.ratelimit.settings import RatelimitSettings


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

    def record(self, demands: list[Demand], kind: str = "") -> Record | None:
        """What is remembered of it under the tag of some of its demands; None where nothing is."""
        if not self.identifier:
            return None
        return Record(
            record_key(kind or self.kind, self.identifier, demands[0].tag),
            self.identifier,
            self.fingerprint,
            notes_of(demands),
            round(self.record_ttl * 1000),
            round(self.hold_ttl * 1e6),
        )


class Asks:
    """Resolves requests by one configuration."""

    def __init__(self, settings: RatelimitSettings, clock: Clock) -> None:
        self._clock = clock
        self.grants = Grants(clock)
        """Who has wider limits for a while."""
        self.use(settings)

    def use(self, settings: RatelimitSettings) -> None:
        """Puts a configuration in force, whole."""
        self._settings = settings
        self.catalogue = Catalogue(settings.limits, settings.requests.most_limits, self.grants)

    def _may_bypass(self, subject: Subject, caller: Caller | None) -> bool:
        """Whether the rights of the person behind the call lift limits that can be lifted."""
        person = caller.person if caller else None
        if person is None or person.user_id != subject.user_id:
            return False
        bypass = self._settings.limits.bypass
        if person.user_id in bypass.persons or not bypass.roles.isdisjoint(person.role_ids):
            return True
        return any(person.permissions & PERMISSION_BITS[name] for name in bypass.permissions)

    def resolve(
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
        lifted = bool(bypass.permissions or bypass.roles or bypass.persons) and self._may_bypass(subject, caller)
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
            record_ttl = max(self._settings.requests.repeat_ttl, *(ttl / 1e6 for ttl in slots_of(demands)))
        else:
            record_ttl = self._settings.requests.repeat_ttl
        mode, kind = (Mode.HOLD, "r") if reserve else (Mode.TAKE, "a")
        return Ask(demands, mode, kind, request_id, fingerprint, hold_ttl, record_ttl, held)


def slots_of(group: list[Demand]) -> list[int]:
    """Times to live of the concurrency slots among some demands, in microseconds."""
    return [demand.variant.algorithm.ttl_us for demand in group if isinstance(demand.variant.algorithm, Concurrency)]
