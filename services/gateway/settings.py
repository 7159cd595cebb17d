"""The section `gateway` of guildhall.yaml."""

from typing import Annotated, Literal

from pydantic import Field

from chassis.discord_access import DiscordAccess
from chassis.settings import AtStart, FromSection, Section
from chassis.tiers import Tier

Seconds = Annotated[float, Field(gt=0)]
Intent = Literal["auto", "on", "off"]


class Intents(Section):
    """Discord's privileged intents. `auto` takes what the developer portal allows, `on` insists, `off` does without."""

    message_content: Intent = "auto"
    """What people write: needed for mentions without a ping, auto-respond, direct addressing and text commands."""
    members: Intent = "auto"
    """Who joins, leaves and changes: keeps the mirror of members whole for bulk plans."""
    presences: Literal["on", "off"] = "off"
    """Who is online; nothing here needs it."""


class Shards(Section):
    """Which shards this process runs. Leave the first three empty to run every shard that Discord recommends."""

    count: Annotated[int | None, Field(ge=1)] = None
    """How many shards the bot has altogether. Another number is taken into use beside the old one, event by event."""
    first: Annotated[int, Field(ge=0), AtStart()] = 0
    """The first shard of this process."""
    last: Annotated[int | None, Field(ge=0), AtStart()] = None
    """The last shard of this process; by default the last there is."""
    overlap: Annotated[float, Field(ge=0)] = 5.0
    """Seconds for which sessions of an old count are kept once all of the new one are in service."""
    patience: Seconds = 60.0
    """Seconds after which a new session counts as in service although Discord left out some of its guilds."""


class Deadlines(Section):
    """Seconds that a call may take. Together the first two and the acknowledgement stay within Discord's three."""

    acquire: Seconds = 0.7
    """Asking ratelimit."""
    hand_over: Seconds = 1.0
    """Handing a question to executor."""
    answer: Seconds = 1.0
    """The one call behind an autocomplete, a modal or a command that answers at once."""
    callback: Annotated[Seconds, AtStart()] = 2.5
    """Discord's own endpoint for acknowledgements."""
    unnoticed: Seconds = 0.5
    """How long what a person does waits for a service that is away before they read that the bot thinks."""
    away: Seconds = 20.0
    """How long it waits for such a service in all, before they are told that a part of the bot is not reachable."""
    slow: Seconds = 30.0
    """What is done after the acknowledgement, for example a chart."""


class Presence(Section):
    """What stands under the bot's name."""

    interval: Seconds = 300.0
    """Seconds between two updates."""
    text: str = "/ask · /help"
    """The text; empty for none."""


class LoopGuard(Section):
    """Against bots that answer one another for ever."""

    messages: Annotated[int, Field(ge=1)] = 20
    """So many messages by bots in one channel …"""
    window: Seconds = 60.0
    """… within so many seconds …"""
    quiet: Seconds = 60.0
    """… make the bot quiet there for so many seconds."""


class Analytics(Section):
    """What is counted of the use of commands, for `/analytics`: names, hours and outcomes, never what was said."""

    enabled: bool = True
    """Whether anything is counted by guild and person. Metrics without names are kept in any case."""
    keep_days: Annotated[int, Field(ge=1, le=400)] = 90
    """Days after which it is forgotten."""
    people_per_day: Annotated[int, Field(ge=1)] = 10_000
    """People that are told apart in one guild and day; further ones are counted together."""
    write_interval: Seconds = 5.0
    """Seconds between two writings; so much may be lost where a process is killed."""
    unwritten: Annotated[int, Field(ge=100), AtStart()] = 20_000
    """Different sums at most that wait to be written."""


class Samples(Section):
    """How the services were, minute by minute, for the charts of `/status`."""

    enabled: bool = True
    """Whether samples are taken."""
    interval: Annotated[int, Field(ge=10, le=600)] = 60
    """Seconds between two samples."""
    keep_days: Annotated[int, Field(ge=1, le=400)] = 31
    """Days for which the sums of hours are kept; single samples are kept for little more than one day."""
    timeout: Seconds = 3.0
    """Seconds that a service may take to say how it is."""


class MirrorFeedSettings(Section):
    """How executor's mirror of guilds and members is told what happens."""

    queue: Annotated[int, Field(ge=1_000)] = 200_000
    """How many things (members, channels, roles) may wait to be told; beyond that they are dropped and learned anew."""
    batch: Annotated[int, Field(ge=1)] = 2_000
    """About how many things one call carries."""
    deadline: Seconds = 10.0
    """Seconds that one call may take."""
    heartbeat: Seconds = 5.0
    """Seconds after which executor is told that nothing happened; it takes gateway for silent after six times that."""
    patience: Seconds = 600.0
    """Seconds for which events wait for an executor that is away. Later they are let go and learned anew."""
    fill_pause: Annotated[float, Field(ge=0)] = 0.6
    """Seconds between two requests for the members of a guild; Discord takes 120 messages a minute in all."""
    fill_patience: Seconds = 30.0
    """Seconds to wait for the next part of an answer to such a request."""


class GatewaySettings(Section):
    """The Discord sessions and what people can do in Discord."""

    intents: Annotated[Intents, AtStart()] = Intents()
    shards: Shards = Shards()
    deadlines: Deadlines = Deadlines()
    presence: Presence = Presence()
    loop_guard: Annotated[LoopGuard, AtStart()] = LoopGuard()
    mirror: MirrorFeedSettings = MirrorFeedSettings()
    analytics: Analytics = Analytics()
    samples: Samples = Samples()
    ask_limits: tuple[str, ...] = ("ask",)
    """Names of limits or groups in the section `limits` that a question takes one unit from."""
    shown_limits: tuple[str, ...] = ("ask", "llm_images", "person_tokens", "person_money")
    """Names of limits or groups that `/usage` and `/limits` show, and that a reset forgets."""
    max_prompt: Annotated[int, Field(ge=1, le=6000)] = 6000
    """Characters of a question that are taken; Discord's own limit for an option is 6,000."""
    remembered_events: Annotated[int, Field(ge=100), AtStart()] = 20_000
    """How many events are remembered so that none is taken twice."""
    hand_over_patience: Seconds = 600.0
    """Seconds for which a message that can't be handed over is tried again. Meanwhile nothing counts as taken."""
    save_interval: Annotated[Seconds, AtStart()] = 0.25
    """Seconds at least between two savings of the sessions' positions."""

    locale_days: Annotated[int, Field(ge=1, le=400)] = 90
    """Days for which the language is kept that Discord said of a person; a message does not carry it."""

    roles: Annotated[dict[str, Tier], FromSection("roles")] = {}
    """Which tiers of people may use which features."""
    discord: Annotated[DiscordAccess, FromSection("discord"), AtStart()]
    """Where Discord is."""
