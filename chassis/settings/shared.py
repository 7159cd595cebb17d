"""The sections of guildhall.yaml that the chassis itself reads, in every service."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, field_validator, model_validator

from chassis.settings.section import Env, Section

# Each name that may stand at the top of the file. A service reads its own section and the shared ones it names; what
# stands in the others is not its business, but a name that is nobody's is a mistake.
SERVICES = ("gateway", "llm", "executor", "ratelimit", "board")
SHARED_SECTIONS = ("models", "providers", "prompts", "roles", "limits", "professions", "discord", "guilds")
OTHER_SECTIONS = ("sandbox", "local")

Port = Annotated[int, Field(ge=0, le=65535)]
Seconds = Annotated[float, Field(gt=0)]
Level = Literal["debug", "info", "warning", "error", "critical"]


class SecretUrl(SecretStr):
    """An address that may hold a password: never printed, yet allowed in the file."""


class Tls(Section):
    """Certificates by path; each file is read again when it changes."""

    certificate: Path | None = None
    """The chain that this process shows, PEM. Without it connections are plain."""
    key: Path | None = None
    """The private key of the certificate, PEM."""
    authority: Path | None = None
    """The certificates by which the other side is checked, PEM. With it a server demands a client's certificate."""

    @property
    def enabled(self) -> bool:
        """Whether connections are encrypted."""
        return self.certificate is not None

    @model_validator(mode="after")
    def _together(self) -> "Tls":
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key go together")
        if self.authority is not None and self.certificate is None:
            raise ValueError("authority needs a certificate: without one connections are plain, and nobody is checked")
        return self


class Rpc(Section):
    """How services listen and reach one another."""

    host: str = "127.0.0.1"
    """The address that a service listens on; `0.0.0.0` or `[::]` in a container."""
    ports: dict[str, Port] = {"gateway": 50050, "llm": 50051, "executor": 50052, "ratelimit": 50053, "board": 50054}
    """The port of each service; 0 takes a free one."""
    health_port: Port | None = None
    """A port of its own for health checks, in plain text, for checkers that show no certificate."""
    addresses: dict[str, str] = {}
    """Where each service is dialled, `host:port` or a gRPC target such as `dns:///llm:50051`. Without one:
    `127.0.0.1` with the service's port."""
    tls: Tls = Tls()
    """TLS, and mutual TLS where an authority is named."""
    keepalive: Seconds = 30.0
    """Seconds between pings on an idle connection."""
    max_connection_age: Seconds = 300.0
    """Seconds after which a server closes a connection gracefully, so that clients find new replicas."""
    drain: Annotated[float, Field(ge=0)] = 0.5
    """Seconds between saying "not serving" and closing, for clients and load balancers to take notice."""
    grace: Seconds = 20.0
    """Seconds that calls under way have to finish at a stop."""
    finish: Seconds = 10.0
    """Seconds that a process has after its last call to write down what is left; what takes longer is left behind."""
    max_message_bytes: Annotated[int, Field(ge=65536)] = 16 * 1024 * 1024
    """The largest message that is taken."""

    @field_validator("ports")
    @classmethod
    def _keep_defaults(cls, ports: dict[str, int]) -> dict[str, int]:
        return {**cls.model_fields["ports"].default, **ports}

    def address(self, service: str) -> str:
        """Where a service is dialled."""
        return self.addresses.get(service) or f"127.0.0.1:{self.ports.get(service, 0)}"


class Redis(Section):
    """Redis by role. Each role may have a server of its own."""

    url: Annotated[SecretUrl, Env("REDIS_URL")] = SecretUrl("redis://127.0.0.1:6379/0")
    """The server of every role that names none of its own. `redis://`, `rediss://` or `unix://`."""
    durable_url: Annotated[SecretUrl | None, Env("REDIS_DURABLE_URL")] = None
    """What must never be lost: jobs, journals, conversations, settings. Wants `appendfsync always` and `noeviction`."""
    limits_url: Annotated[SecretUrl | None, Env("REDIS_LIMITS_URL")] = None
    """Counters of ratelimit. Wants `appendfsync everysec`."""
    cache_url: Annotated[SecretUrl | None, Env("REDIS_CACHE_URL")] = None
    """What can be made anew. Wants an LRU policy."""
    cluster: bool = False
    """Whether the addresses are those of a Redis Cluster."""
    username: str | None = None
    """The ACL user; without it the one in the address."""
    password: Annotated[SecretStr | None, Env("REDIS_PASSWORD")] = None
    """The ACL user's password; without it the one in the address."""
    connect_timeout: Seconds = 3.0
    """Seconds to connect."""
    timeout: Seconds = 5.0
    """Seconds for one command. A command that blocks must wait for less."""
    retries: Annotated[int, Field(ge=0, le=10)] = 3
    """How often a command is tried again after a broken connection."""
    max_connections: Annotated[int, Field(ge=1)] = 64
    """Connections of one process to one server."""
    memory_interval: Seconds = 300.0
    """Seconds between two looks at what fills the servers."""

    def address(self, role: Literal["durable", "limits", "cache"]) -> str:
        """The address for a role."""
        own: SecretUrl | None = getattr(self, f"{role}_url")
        return (own or self.url).get_secret_value()


class Telemetry(Section):
    """Traces and metrics, by OTLP over HTTP."""

    endpoint: Annotated[str | None, Env("OTEL_EXPORTER_OTLP_ENDPOINT")] = None
    """Where traces and metrics go, for example `http://127.0.0.1:4318`. Without it nothing is exported."""
    sampling_ratio: Annotated[float, Field(ge=0, le=1)] = 1.0
    """The share of traces that is kept; a trace is kept whole or not at all."""
    metrics_interval: Seconds = 15.0
    """Seconds between two exports of metrics."""
    log_interval: Annotated[float, Field(ge=0)] = 600.0
    """Seconds between two log lines with the metrics; 0 for none. They need no endpoint."""
    trace_ui_url: Annotated[str | None, Env("TRACE_UI_URL")] = None
    """The page of one trace, with `{trace_id}` in it: turns trace ids into links."""


class Logging(Section):
    """What is logged, and how."""

    level: Level = "info"
    """The lowest level that is logged."""
    levels: dict[str, Level] = {}
    """Other levels for single modules, for example `{"services.llm.streaming": "debug"}`."""
    format: Literal["json", "console"] = "json"
    """`json` is one object per line; `console` is for reading in a terminal."""


class Callers(Section):
    """The keys with which services vouch for whom they call."""

    keys_dir: Path | None = None
    """The folder with one `<service>.key` for each service that calls or is called."""
    clock_skew: Annotated[float, Field(ge=0, le=60)] = 5.0
    """Seconds by which the clocks of two machines may differ."""


class Shared(Section):
    """All sections of the chassis, as one object."""

    rpc: Rpc = Rpc()
    redis: Redis = Redis()
    telemetry: Telemetry = Telemetry()
    logging: Logging = Logging()
    callers: Callers = Callers()


KNOWN_SECTIONS = frozenset((*Shared.model_fields, *SERVICES, *SHARED_SECTIONS, *OTHER_SECTIONS))
