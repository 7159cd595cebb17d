"""Wider limits for single people, given by administrators until a date: the person's numbers times a whole number.

A grant multiplies what a limit holds and the rate at which it comes back, whatever the algorithm; the counter stays the
same, so what was used still counts. Only limits that count by person can be widened, since others share their counter.
A grant by a guild's administrator holds in that guild, one by an operator everywhere. This module is the table in
force, replaced whole by `grant_store`; asking it costs a look into a dictionary.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from chassis.clock import Clock
from services.ratelimit.algorithms import LARGEST, AnyAlgorithm, CalendarQuota, Concurrency, SlidingWindow, TokenBucket
from services.ratelimit.packing import Packer

EVERYWHERE = 0


@dataclass(frozen=True, slots=True)
class Grant:
    """One person's wider limit. `until` is in Unix seconds; `by` is the administrator."""

    limit: str
    user_id: int
    guild_id: int
    times: int
    until: float
    by: int


class Grants:
    """The grants in force."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._table: dict[tuple[str, int], tuple[Grant, ...]] = {}
        self._widened: dict[tuple[AnyAlgorithm, int], tuple[AnyAlgorithm, Packer]] = {}

    def __bool__(self) -> bool:
        return bool(self._table)

    def put(self, grants: Iterable[Grant]) -> None:
        """Replaces all of them."""
        table: dict[tuple[str, int], tuple[Grant, ...]] = {}
        for grant in grants:
            key = (grant.limit, grant.user_id)
            table[key] = (*table.get(key, ()), grant)
        self._table = table
        self._widened = {}

    def of(self, user_id: int, guild_id: int) -> list[Grant]:
        """What a person was given that holds in a guild and is not over."""
        now = self._clock.now()
        return sorted(
            (
                grant
                for (_, person), grants in self._table.items()
                if person == user_id
                for grant in grants
                if grant.guild_id in (EVERYWHERE, guild_id) and grant.until > now
            ),
            key=lambda grant: grant.limit,
        )

    def times(self, limit: str, user_id: int, guild_id: int) -> int:
        """By how much a limit is wider for a person; 1 where it is not. Of several grants the largest counts."""
        held = self._table.get((limit, user_id))
        if held is None:
            return 1
        now = self._clock.now()
        return max(
            (grant.times for grant in held if grant.guild_id in (EVERYWHERE, guild_id) and grant.until > now), default=1
        )

    def widened(self, algorithm: AnyAlgorithm, times: int) -> tuple[AnyAlgorithm, Packer]:
        """An algorithm with its numbers multiplied, and how it is told to the scripts."""
        found = self._widened.get((algorithm, times))
        if found is None:
            wider = widen(algorithm, times)
            found = self._widened[algorithm, times] = (wider, Packer(wider))
        return found


def widen(algorithm: AnyAlgorithm, times: int) -> AnyAlgorithm:
    """An algorithm that holds and gives back so many times as much. Its counter is the same."""
    match algorithm:
        case TokenBucket():
            return TokenBucket(
                min(LARGEST, algorithm.capacity * times),
                min(LARGEST, algorithm.rate * times),
                algorithm.per_us,
                min(LARGEST, algorithm.max_debt * times),
            )
        case SlidingWindow() | CalendarQuota() | Concurrency():
            return replace(algorithm, limit=min(LARGEST, algorithm.limit * times))
