"""Which descriptors Envoy may ask for, in the shape that users of envoyproxy/ratelimit know."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from chassis.settings import Section

Unit = Literal["second", "minute", "hour", "day", "week", "month", "year"]
UNIT_SECONDS: dict[Unit, int] = {
    "second": 1,
    "minute": 60,
    "hour": 3_600,
    "day": 86_400,
    "week": 7 * 86_400,
    "month": 30 * 86_400,
    "year": 365 * 86_400,
}


class EnvoyRate(Section):
    """A limit."""

    requests_per_unit: Annotated[int, Field(ge=0, le=2**32 - 1)]
    """Requests per unit; 0 denies everything."""
    unit: Unit
    """The unit."""
    algorithm: Literal["sliding_window", "token_bucket"] = "sliding_window"
    """`sliding_window` allows so many in any stretch of one unit, `token_bucket` refills evenly."""


class Descriptor(Section):
    """One step of a tree of descriptors: entries of a request are matched key by key, value by value."""

    key: Annotated[str, Field(min_length=1, max_length=256)]
    """The entry's key."""
    value: str = ""
    """The entry's value; empty matches every value, and each value has a counter of its own."""
    rate_limit: EnvoyRate | None = None
    """The limit of descriptors that end here."""
    unlimited: bool = False
    """Descriptors that end here are allowed without counting."""
    shadow_mode: bool = False
    """Counts and never denies."""
    descriptors: tuple["Descriptor", ...] = ()
    """The next steps."""

    @model_validator(mode="after")
    def _one_of(self) -> "Descriptor":
        if self.unlimited and self.rate_limit is not None:
            raise ValueError("a descriptor is unlimited or has a rate_limit")
        return self


class Domain(Section):
    """One domain: the descriptors that one Envoy filter asks for."""

    domain: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,128}$")]
    """Its name."""
    descriptors: tuple[Descriptor, ...] = ()
    """The first steps."""


class EnvoyApi(Section):
    """Envoy's RateLimitService."""

    enabled: bool = False
    """Whether it is served."""
    host: str = "127.0.0.1"
    """The address that it listens on. Envoy signs no Caller, so it belongs behind a network policy or mutual TLS."""
    port: Annotated[int, Field(ge=0, le=65535)] = 50063
    """The port."""
    domains: tuple[Domain, ...] = ()
    """What may be asked for."""
    most_descriptors: Annotated[int, Field(ge=1, le=512)] = 64
    """Descriptors of one request."""

    @model_validator(mode="after")
    def _once(self) -> "EnvoyApi":
        names = [domain.domain for domain in self.domains]
        if len(set(names)) != len(names):
            raise ValueError("domains: a domain is named twice")
        return self
