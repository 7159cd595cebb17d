"""Exact models of the algorithms, in fractions and by definition: a counter is the list of what was charged when.

They keep the whole history and work everything out from it each time, which no limiter could afford, and share nothing
with the code under test. Changing what was charged in the past is therefore exact too.
"""

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Protocol
from zoneinfo import ZoneInfo

from services.ratelimit.calendar import Period, boundaries


@dataclass
class Charge:
    """Units used at a time (microseconds)."""

    at: int
    amount: int


@dataclass
class Hold:
    """Units set aside until a time."""

    expiry: int
    amount: int
    charged: bool
    charge: Charge | None = None
    gone: bool = False


class Law(Protocol):
    """What an algorithm allows, given its history."""

    limit: int

    def used(self, charges: list[Charge], now: int) -> Fraction:
        """Units in use now."""
        ...


@dataclass
class Bucket:
    """A bucket that leaks `rate` units per `per` microseconds."""

    limit: int
    rate: Fraction

    def used(self, charges: list[Charge], now: int) -> Fraction:
        level, last = Fraction(0), None
        for charge in charges:
            if last is not None:
                level = max(Fraction(0), level - self.rate * (charge.at - last))
            level, last = level + charge.amount, charge.at
        return max(Fraction(0), level - self.rate * (now - last)) if last is not None else level


@dataclass
class Window:
    """What was used in the last `window` microseconds, by slots."""

    limit: int
    window: int
    slot: int

    def used(self, charges: list[Charge], now: int) -> Fraction:
        def time(at: int) -> int:
            return at if self.slot == 1 else (at // self.slot + 1) * self.slot

        return Fraction(sum(charge.amount for charge in charges if time(charge.at) + self.window > now))


@dataclass
class Calendar:
    """What was used since the period began."""

    limit: int
    period: Period
    zone: ZoneInfo

    def used(self, charges: list[Charge], now: int) -> Fraction:
        start = boundaries(now, self.period, self.zone)[1]
        return Fraction(sum(charge.amount for charge in charges if charge.at >= start))


@dataclass
class Model:
    """A counter with holds."""

    law: Law
    charges: list[Charge] = field(default_factory=list)
    holds: dict[str, Hold] = field(default_factory=dict)

    def expire(self, now: int) -> None:
        """Charges or drops the holds that have expired, as of when they did."""
        for hold in sorted(self.holds.values(), key=lambda hold: hold.expiry):
            if not hold.gone and hold.expiry <= now:
                hold.gone = True
                if hold.charged:
                    hold.charge = self.charge(hold.amount, hold.expiry)

    def charge(self, amount: int, at: int) -> Charge:
        """Charges without asking."""
        charge = Charge(at, amount)
        self.charges.append(charge)
        self.charges.sort(key=lambda one: one.at)
        return charge

    def used(self, now: int) -> Fraction:
        """Units in use or held."""
        return self.law.used(self.charges, now) + self.held

    @property
    def held(self) -> int:
        """Units held."""
        return sum(hold.amount for hold in self.holds.values() if not hold.gone)

    def fits(self, cost: int, now: int) -> bool:
        """Whether a charge is allowed now."""
        self.expire(now)
        return self.used(now) + cost <= self.law.limit

    def settle(self, name: str, amount: int, now: int) -> None:
        """Settles a hold: in time by charging now, late by changing what was charged at its expiry."""
        hold = self.holds[name]
        if not hold.gone:
            hold.gone = True
            self.charge(amount, now)
        elif hold.charge is not None and amount <= hold.charge.amount:
            hold.charge.amount = amount
        else:
            before = hold.charge.amount if hold.charge is not None else 0
            self.charge(amount - before, now)
