"""What ratelimit is configured with: the policies (section `limits`) and the service itself (section `ratelimit`)."""

import re
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BeforeValidator, Field, field_validator, model_validator

from chassis.settings import FromSection, Section
from services.ratelimit.algorithms import (
    LARGEST,
    AnyAlgorithm,
    CalendarQuota,
    Concurrency,
    SlidingWindow,
    TokenBucket,
)
from services.ratelimit.discord.settings import DiscordLimits
from services.ratelimit.envoy.settings import EnvoyApi

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
    """`shadow` counts and reports and never denies."""
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

Permission = Literal["administrator", "manage_guild", "manage_messages", "moderate_members"]
PERMISSION_BITS: dict[str, int] = {
    "administrator": 1 << 3,
    "manage_guild": 1 << 5,
    "manage_messages": 1 << 13,
    "moderate_members": 1 << 40,
}
"""Discord's bits, https://docs.discord.com/developers/topics/permissions."""


class Bypass(Section):
    """Who passes limits that may be passed. What they use is counted all the same."""

    permissions: tuple[Permission, ...] = ()
    """Discord permissions."""
    roles: frozenset[int] = frozenset()
    """Role snowflakes."""
    persons: frozenset[int] = frozenset()
    """User snowflakes."""


def _default_policies() -> dict[str, Any]:
    bucket, window, calendar = "token_bucket", "sliding_window", "calendar"
    return {
        "person_burst": {
            "algorithm": bucket, "by": ["person"], "capacity": 5, "rate": 15, "per": "1m", "on_outage": "share",
        },
        "person_minute": {
            "algorithm": window, "by": ["person"], "limit": 15, "window": "1m", "on_outage": "share",
        },
        "llm_requests": {
            "algorithm": window, "by": ["person"], "limit": 60, "window": "1m", "on_outage": "share",
        },
        "llm_images": {"algorithm": window, "by": ["person"], "limit": 20, "window": "1h"},
        "person_tokens": {"algorithm": calendar, "by": ["person"], "limit": 2_000_000, "period": "day"},
        "guild_tokens": {"algorithm": calendar, "by": ["guild"], "limit": 50_000_000, "period": "day"},
        "person_money": {"algorithm": calendar, "by": ["person"], "limit": 5_000_000_000, "period": "day"},
        "guild_money": {"algorithm": calendar, "by": ["guild"], "limit": 50_000_000_000, "period": "day"},
        "provider_money": {"algorithm": calendar, "by": ["provider"], "limit": 100_000_000_000, "period": "day"},
    }  # fmt: skip


def _default_groups() -> dict[str, Any]:
    return {
        "requests": ("person_burst", "person_minute"),
        "ask": ("person_burst", "person_minute"),
        "llm_tokens": ("person_tokens", "guild_tokens"),
        "llm_money": ("person_money", "guild_money", "provider_money"),
    }


class Limits(Section):
    """The policies. A request names them and never carries them."""

    policies: dict[Name, Policy] = Field(default_factory=_default_policies, validate_default=True)
    """Each limit by its name."""
    groups: dict[Name, tuple[Name, ...]] = Field(default_factory=_default_groups, validate_default=True)
    """Limits that are taken together, under one name."""
    bypass: Bypass = Bypass()
    """Who passes limits."""
    operators: frozenset[int] = frozenset()
    """Users who may reset any limit; administrators of a guild may reset those of their own guild."""

    @model_validator(mode="after")
    def _groups_name_policies(self) -> "Limits":
        for group, members in self.groups.items():
            if group in self.policies:
                raise ValueError(f"groups.{group}: a limit has this name already")
            if not members:
                raise ValueError(f"groups.{group}: names no limit")
            for member in members:
                if member not in self.policies:
                    raise ValueError(f"groups.{group}: there is no limit {member}")
        return self


class Store(Section):
    """How the counters are kept."""

    timeout: Annotated[float, Field(gt=0, le=10)] = 2.0
    """Seconds without an answer after which the store counts as away; a refused connection counts at once. Long enough
    for a server that waits for its disk."""
    probe_interval: Annotated[float, Field(gt=0, le=60)] = 0.25
    """Seconds between looks for a store that is away."""
    batch: Annotated[int, Field(ge=1, le=1024)] = 64
    """Requests that one script call decides at most."""
    in_flight: Annotated[int, Field(ge=1, le=64)] = 1
    """Script calls under way at once; what comes meanwhile shares the next."""
    lease_interval: Duration = 2.0
    """Seconds between renewals of this replica's share."""
    lease_ttl: Duration = 10.0
    """Seconds without renewal after which the other replicas share what was its."""


class Requests(Section):
    """What a request may ask for."""

    most_limits: Annotated[int, Field(ge=1, le=512)] = 64
    """Limits of one request, groups expanded."""
    most_requests: Annotated[int, Field(ge=1, le=10_000)] = 1_000
    """Requests of one batch."""
    longest_wait: Duration = 60.0
    """The longest `max_wait`."""
    most_waiting: Annotated[int, Field(ge=1)] = 10_000
    """Requests that wait at once in one replica."""
    repeat_ttl: Duration = 600.0
    """How long the answer to a request id is remembered."""


class Reservations(Section):
    """What is set aside until it is settled."""

    ttl: Duration = 120.0
    """How long a reservation lasts that names no time."""
    longest_ttl: Duration = 3_600.0
    """The longest time that one may name."""
    retention: Duration = 86_400.0
    """How long after its expiry a reservation can be settled."""
    most_per_counter: Annotated[int, Field(ge=1, le=4096)] = 1_024
    """Reservations and slots that one counter keeps at once."""
    tentative_ttl: Duration = 2.0
    """How long a take is held in one slot of a cluster while another one decides."""


class RatelimitSettings(Section):
    """Everything that the service reads."""

    limits: Annotated[Limits, FromSection("limits")] = Limits()
    """The policies."""
    store: Store = Store()
    """The counters' store."""
    requests: Requests = Requests()
    """What a request may ask for."""
    reservations: Reservations = Reservations()
    """What is set aside until it is settled."""
    discord: DiscordLimits = DiscordLimits()
    """Discord's own limits, as first estimates, and how permits are given."""
    envoy: EnvoyApi = EnvoyApi()
    """Envoy's RateLimitService."""
    hottest: Annotated[int, Field(ge=1, le=1000)] = 10
    """Subjects that the status names as the busiest."""
