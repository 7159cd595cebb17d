"""What is known of Discord's limits beforehand, and how permits are given.

The numbers of buckets are never configured: they are learned from the headers of Discord's answers. What stands here
is what no header says: https://docs.discord.com/developers/topics/rate-limits and, for sub-limits, what the community
found.
"""

from typing import Annotated, Literal

from pydantic import Field

from chassis.settings import Section

Seconds = Annotated[float, Field(gt=0, le=86_400 * 31)]
Share = Annotated[float, Field(ge=0, lt=1)]


class SubLimit(Section):
    """A limit inside a bucket, which only shows as a 429 with slots remaining."""

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    """The HTTP method."""
    route: str
    """The route's template."""
    aspect: str = ""
    """What the call changes, as the caller names it; empty for every call of the route."""
    limit: Annotated[int, Field(ge=1)]
    """Calls per window and major parameter."""
    window: Seconds
    """Seconds."""


class Reserves(Section):
    """The part of a limit that less important calls leave to more important ones."""

    first: Share = 0.0
    """Kept from the first texts of answers, for final ones."""
    bulk: Share = 0.2
    """Kept from bulk work."""
    preview: Share = 0.4
    """Kept from previews."""


class InvalidBudget(Section):
    """Discord bans an address after 10,000 answers of 401, 403 and 429 (unless shared) within 10 minutes."""

    ban_at: Annotated[int, Field(ge=1)] = 10_000
    """Discord's own number."""
    stop_at: Annotated[int, Field(ge=1)] = 9_000
    """From here on nothing is sent."""
    finals_only_at: Annotated[int, Field(ge=1)] = 7_000
    """From here on only final texts are sent."""
    window: Seconds = 600.0
    """Seconds over which they are counted."""


class Identify(Section):
    """How shards start."""

    spacing: Seconds = 5.0
    """Seconds between two IDENTIFYs of one concurrency key, from Discord."""
    permit_ttl: Seconds = 60.0
    """Seconds until a key is free again if nobody reports how it went."""
    daily_reserve: Annotated[int, Field(ge=0)] = 50
    """Starts of the day's 1,000 that are kept for operators."""


def _known_sub_limits() -> tuple[SubLimit, ...]:
    # discord-api-docs #1900, #2190: a channel's name and topic, twice in ten minutes together.
    return (SubLimit(method="PATCH", route="/channels/{channel_id}", aspect="name_or_topic", limit=2, window=600.0),)


class DiscordLimits(Section):
    """Permits for Discord's REST routes and for IDENTIFY."""

    global_limit: Annotated[int, Field(ge=1)] = 50
    """Requests of one credential in each `global_window`."""
    global_window: Seconds = 1.0
    """Seconds."""
    global_margin: Annotated[float, Field(ge=0, le=1)] = 0.005
    """Seconds by which the window is taken longer, as clocks don't run alike."""
    travel_memory: Seconds = 60.0
    """Seconds for which it is remembered how fast calls of a route were answered at best."""
    travel_samples: Annotated[int, Field(ge=1)] = 8
    """Answers of a route before its fastest is trusted to tell when calls were counted."""
    permit_ttl: Seconds = 15.0
    """Seconds that a permit lasts; the holder aborts its request then. Shorter than any lease."""
    in_flight_patience: Seconds = 3.0
    """Seconds after which a permit that nobody reported no longer holds up the next call of its bucket."""
    unknown_window: Seconds = 5.0
    """Seconds for which a slot counts as used when nobody reported and the bucket's own window is not known."""
    memory: Seconds = 3_600.0
    """Seconds that what was learned of an idle bucket is remembered."""
    route_memory: Seconds = 7 * 86_400.0
    """Seconds that it is remembered which bucket a route has."""
    long_quota: Seconds = 60.0
    """A wait longer than this is a quota: answered with the time, never waited for."""
    longest_wait: Seconds = 60.0
    """The longest `max_wait`."""
    unauthorized_pause: Seconds = 300.0
    """Seconds without any call after Discord refused the credential."""
    webhook_misses: Annotated[int, Field(ge=1)] = 5
    """Answers of 404 in a row after which a webhook counts as gone."""
    webhook_pause: Seconds = 600.0
    """Seconds without any call to a webhook that is gone."""
    outage_share: Share = 0.5
    """The part of the global limit that all replicas together give out while the store is away."""
    global_reserve: Reserves = Reserves()
    """Of the global limit, at most: it is twice what more important calls took in the last window, and
    `global_reserve_least`."""
    global_reserve_least: Annotated[int, Field(ge=0)] = 2
    """What is kept of the global limit while no important call was made."""
    bucket_reserve: Reserves = Reserves(first=0.0, bulk=0.0, preview=0.2)
    """Of each bucket."""
    exempt: tuple[str, ...] = ("/interactions/", "/webhooks/{}/{}")
    """Beginnings of routes that do not count against the global limit; `{}` stands for a parameter."""
    sub_limits: tuple[SubLimit, ...] = Field(default_factory=_known_sub_limits)
    """Known limits inside buckets; others are learned."""
    delete_new: Seconds = 10.0
    """Deletes of messages younger than this count apart (discord-api-docs #8330)."""
    delete_old: Seconds = 14 * 86_400.0
    """Deletes of messages older than this count apart."""
    edit_old: Seconds = 3_600.0
    """Edits of messages older than this count apart (error 30046)."""
    invalid: InvalidBudget = InvalidBudget()
    """The budget of invalid requests per address."""
    identify: Identify = Identify()
    """How shards start."""
