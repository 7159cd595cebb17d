"""What a policy can say: whom it counts, by which algorithm, with which numbers, and for whom they are others.

A policy is configuration, checked whole when it is read; `variant` gives the algorithm with the numbers that count.
"""

import re
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BeforeValidator, Field, field_validator, model_validator

from chassis.settings import Section
from services.ratelimit.algorithms import (
    LARGEST,
    AnyAlgorithm,
    CalendarQuota,
    Concurrency,
    SlidingWindow,
    TokenBucket,
)

_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 7 * 86400.0}
_DURATION = re.compile(r"(?P<number>\d+(\.\d+)?)\s*(?P<unit>us|ms|s|m|h|d|w)")


def _seconds(value: Any) -> Any:
    if isinstance(value, str):
        match = _DURATION.fullmatch(value.strip())
        if match is None:
            try:
                return float(value)
            except ValueError:
                raise ValueError("a duration is a number of seconds, or like 500ms, 30s, 5m, 2h, 1d, 1w") from None
        return float(match["number"]) * _UNITS[match["unit"]]
    return value


Duration = Annotated[float, BeforeValidator(_seconds), Field(gt=0, le=10 * 366 * 86400)]
"""Seconds, or a text such as `90s`, `5m`, `1d`."""
Units = Annotated[int, Field(ge=1, le=LARGEST)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
Dimension = Literal["guild", "person", "role", "channel", "model", "provider"]
OutagePolicy = Literal["closed", "open", "share"]

WIDE_ONLY: frozenset[str] = frozenset({"model", "provider"})
"""Dimensions of what somebody else enforces or bills: nobody's rights lift them."""


def _us(seconds: float) -> int:
    return max(1, round(seconds * 1e6))


class Override(Section):
    """Other numbers for some. All that it names must match; within one list, any."""

    roles: frozenset[int] = frozenset()
    """Role snowflakes. Of several overrides by role that match a person, the most generous counts."""
    persons: frozenset[int] = frozenset()
    """User snowflakes."""
    guilds: frozenset[int] = frozenset()
    """Guild snowflakes."""
    channels: frozenset[int] = frozenset()
    """Channel snowflakes."""
    models: tuple[str, ...] = ()
    """Models; `*` stands for any text."""
    providers: tuple[str, ...] = ()
    """Providers; `*` stands for any text."""
    unlimited: bool = False
    """The limit does not apply."""
    limit: Units | None = None
    """Replaces `limit`."""
    capacity: Units | None = None
    """Replaces `capacity`."""
    rate: Units | None = None
    """Replaces `rate`."""
    per: Duration | None = None
    """Replaces `per`."""
    window: Duration | None = None
    """Replaces `window`."""
    ttl: Duration | None = None
    """Replaces `ttl`."""

    @model_validator(mode="after")
    def _matches_something(self) -> "Override":
        if not (self.roles or self.persons or self.guilds or self.channels or self.models or self.providers):
            raise ValueError("an override names whom it is for: roles, persons, guilds, channels, models or providers")
        if not self.unlimited and not self.numbers():
            raise ValueError("an override changes a number, or says unlimited: true")
        return self

    def numbers(self) -> dict[str, Any]:
        """What it replaces."""
        names = ("limit", "capacity", "rate", "per", "window", "ttl")
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}


class _Policy(Section):
    """What every policy says besides its algorithm."""

    by: tuple[Dimension, ...] = Field(min_length=1)
    """What it counts by; one counter for each combination."""
    mode: Literal["enforce", "shadow"] = "enforce"
    """`shadow` counts and reports and never denies. While the store is away a shadow of a closed limit reports that it
    would have denied, one of a share takes from the share, and neither keeps anybody from anything."""
    on_outage: OutagePolicy = "closed"
    """While the store is away: deny, allow, or allow the share that this replica leased beforehand."""
    share: Annotated[float, Field(gt=0, le=1)] = 0.5
    """The part of the limit that all replicas together may give out during an outage, with `on_outage: share`."""
    bypass: bool | None = None
    """Whether those named in `limits.bypass` pass it. Limits by model or provider never let anybody pass; others do."""
    roles: tuple[int, ...] = ()
    """With `by: role`: the roles that have a counter, in order; a person counts for the first one they have, and a
    person with none of them is not limited."""
    overrides: tuple[Override, ...] = ()
    """Other numbers for some. Without a match by role the last match counts."""

    def _algorithm(self) -> AnyAlgorithm:
        raise NotImplementedError

    @property
    def may_bypass(self) -> bool:
        """Whether rights lift it."""
        return (self.bypass is None or self.bypass) and not WIDE_ONLY & set(self.by)

    def variant(self, override: Override | None = None) -> AnyAlgorithm:
        """Its algorithm with its numbers, or with those of an override."""
        if override is None:
            return self._algorithm()
        return self.model_copy(update=override.numbers())._algorithm()

    @model_validator(mode="after")
    def _consistent(self) -> "_Policy":
        if len(set(self.by)) != len(self.by):
            raise ValueError("by names something twice")
        if self.bypass and WIDE_ONLY & set(self.by):
            raise ValueError("a limit by model or provider can't be bypassed: it isn't ours to lift")
        if ("role" in self.by) != bool(self.roles):
            raise ValueError("by: role and roles go together")
        for index, override in enumerate(self.overrides):
            unknown = override.numbers().keys() - type(self).model_fields.keys()
            if unknown:
                raise ValueError(f"overrides.{index}: {', '.join(sorted(unknown))} is not a number of this algorithm")
            self.variant(override)
        self._algorithm()
        return self


class TokenBucketPolicy(_Policy):
    """So many at once, and so many per time in the long run."""

    algorithm: Literal["token_bucket"]
    """The name of the algorithm."""
    capacity: Units
    """Units at once: the burst."""
    rate: Units
    """Units that come back in each `per`."""
    per: Duration = 60.0
    """The time of `rate`."""
    max_debt: Annotated[int, Field(ge=0, le=LARGEST)] | None = None
    """Units that settlements above their estimate may overdraw it by; by default its capacity."""

    def _algorithm(self) -> AnyAlgorithm:
        debt = self.capacity if self.max_debt is None else self.max_debt
        return TokenBucket(self.capacity, self.rate, _us(self.per), debt)


class SlidingWindowPolicy(_Policy):
    """So many in any stretch of time."""

    algorithm: Literal["sliding_window"]
    """The name of the algorithm."""
    limit: Units
    """Units in any `window`."""
    window: Duration
    """The stretch of time."""
    exact: Annotated[int, Field(ge=1, le=256)] = 64
    """Up to this limit every use is remembered by itself; a larger one is counted in this many slots of the window,
    each of which counts until all of it has left."""

    def _algorithm(self) -> AnyAlgorithm:
        return SlidingWindow(self.limit, _us(self.window), self.exact)


class CalendarPolicy(_Policy):
    """So many in each hour, day, week or month of the calendar."""

    algorithm: Literal["calendar"]
    """The name of the algorithm."""
    limit: Units
    """Units in each period."""
    period: Literal["hour", "day", "week", "month"]
    """The period. A week begins on Monday."""
    time_zone: str = "UTC"
    """The IANA name of the zone in whose midnight periods begin."""

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError("is not an IANA time zone such as Europe/Berlin") from None
        return name

    def _algorithm(self) -> AnyAlgorithm:
        return CalendarQuota(self.limit, self.period, self.time_zone)


class ConcurrencyPolicy(_Policy):
    """So many at the same time."""

    algorithm: Literal["concurrency"]
    """The name of the algorithm."""
    limit: Units
    """Units at the same time."""
    ttl: Duration = 900.0
    """How long a slot is held that is never given back."""

    def _algorithm(self) -> AnyAlgorithm:
        return Concurrency(self.limit, _us(self.ttl))


Policy = Annotated[
    TokenBucketPolicy | SlidingWindowPolicy | CalendarPolicy | ConcurrencyPolicy, Field(discriminator="algorithm")
]
