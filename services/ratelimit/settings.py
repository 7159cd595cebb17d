"""What ratelimit is configured with: the section `limits`, and the service itself (section `ratelimit`)."""

from typing import Annotated

from pydantic import Field

from chassis.settings import FromSection, Section
from services.ratelimit.discord.settings import DiscordLimits
from services.ratelimit.envoy.settings import EnvoyApi
from services.ratelimit.limits import Limits
from services.ratelimit.policies import Duration


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
    """Script calls under way at once; what comes meanwhile shares the next. With more than one, requests of one stream
    may be decided in another order than they came."""
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


class GrantSettings(Section):
    """Wider limits that administrators give to people for a while."""

    most: Annotated[int, Field(ge=1, le=100_000)] = 10_000
    """Grants in force at once."""
    most_times: Annotated[int, Field(ge=2, le=1_000_000)] = 100
    """How many times wider a limit can be made."""
    longest: Duration = 366 * 86_400.0
    """How long a grant can last."""
    refresh: Duration = 1.0
    """How soon a grant is in force in every replica."""


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
    grants: GrantSettings = GrantSettings()
    """Wider limits for some people, for a while."""
    discord: DiscordLimits = DiscordLimits()
    """Discord's own limits, as first estimates, and how permits are given."""
    envoy: EnvoyApi = EnvoyApi()
    """Envoy's RateLimitService."""
    hottest: Annotated[int, Field(ge=1, le=1000)] = 10
    """Subjects that the status names as the busiest."""
