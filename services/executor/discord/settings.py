"""How Discord's REST API is reached."""

from __future__ import annotations

from pydantic import Field

from chassis.settings import Section


class RestSettings(Section):
    """Time-outs and patience of the REST client. Limits themselves are ratelimit's matter."""

    request_timeout_seconds: float = Field(default=15.0, gt=0)
    """How long one request may take; a permit's end or a lease's may come sooner."""
    retries: int = Field(default=3, ge=0)
    """How often a request that may safely be repeated is repeated after 5xx, a time-out or a lost connection."""
    backoff_seconds: float = Field(default=0.25, gt=0)
    """The pause before the first repeat; it doubles with each."""
    permit_wait_seconds: float = Field(default=5.0, gt=0)
    """How long one question for a permit waits inside ratelimit before it is asked anew."""
    patience_seconds: float = Field(default=60.0, gt=0)
    """How long a call waits for a permit in all, and for ratelimit to come back, unless the caller says otherwise."""
    connections: int = Field(default=50, ge=1)
    """Open connections at most; Discord allows 50 requests a second."""
    user_agent: str = "DiscordBot (https://github.com/guildhall/guildhall, 0.1)"
    """Discord asks for a library's address and version here."""
