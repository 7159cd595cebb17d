"""The board's configuration: where it keeps things, its limits and its manners."""

from typing import Annotated, Literal

from pydantic import Field

from chassis.settings import AtStart, Env, FromSection, Secret, Section

HOUR = 3600.0
DAY = 24 * HOUR


class ItemSettings(Section):
    """Something a profession makes."""

    name: str = Field(min_length=1, max_length=100)
    level: Annotated[int, Field(ge=0)] = 0
    """The profession level that a crafter needs; 0 for any."""
    speciality: str = ""
    """The speciality that a crafter needs; empty for none."""


class ProfessionSettings(Section):
    """A profession and what can be asked of it."""

    name: str = Field(min_length=1, max_length=50)
    aliases: tuple[str, ...] = ()
    """Other names that people use, for example Alch for Alchemy."""
    max_level: Annotated[int, Field(ge=0)] = 0
    """The highest level a character can have; 0 where there are no levels."""
    specialities: tuple[str, ...] = ()
    qualities: tuple[str, ...] = ()
    """From the lowest to the highest."""
    items: tuple[ItemSettings, ...] = ()


class LimitSettings(Section):
    """How much of everything."""

    quantity: Annotated[int, Field(ge=1)] = 10_000
    """The largest quantity of one request."""
    item_length: Annotated[int, Field(ge=1, le=100)] = 100
    note_length: Annotated[int, Field(ge=0, le=1000)] = 1000
    tip_length: Annotated[int, Field(ge=0, le=100)] = 100
    due_days: Annotated[int, Field(ge=1)] = 366
    """How far ahead a due date may lie, in days."""
    batch: Annotated[int, Field(ge=1, le=100)] = 25
    """How many transitions one call may carry; a select menu holds 25."""
    characters: Annotated[int, Field(ge=1)] = 25
    """How many characters one person may have in a guild."""
    subscriptions: Annotated[int, Field(ge=0)] = 25
    """How many subscriptions one person may have in a guild."""
    import_rows: Annotated[int, Field(ge=1)] = 10_000
    """How many rows one import may carry."""


class PageSettings(Section):
    """How lists come."""

    size: Annotated[int, Field(ge=1)] = 10
    """Entries on a page where none is asked for."""
    maximum: Annotated[int, Field(ge=1)] = 100
    counted: Annotated[int, Field(ge=1)] = 1000
    """Up to how many matches are counted one by one for a list's total."""


class TimingSettings(Section):
    """When the board acts by itself, in seconds. 0 switches a thing off. Guilds can set their own."""

    nudge_after: Annotated[float, Field(ge=0)] = 2 * DAY
    """A claim that has not moved for so long: its crafter is reminded."""
    release_after: Annotated[float, Field(ge=0)] = 1 * DAY
    """So long after the reminder the claim is released."""
    expire_after: Annotated[float, Field(ge=0)] = 30 * DAY
    """An open request that nobody claims expires after so long."""
    remind_before: Annotated[float, Field(ge=0)] = 12 * HOUR
    """So long before the due date those concerned are reminded."""
    poll: Annotated[float, Field(gt=0)] = 15.0
    """At the latest after so long the due-time index is looked at again, for what another replica wrote."""
    settle: Annotated[float, Field(ge=0)] = 0.25
    """Seconds for which changes gather before the due-time index is looked at again because of them."""
    batch: Annotated[int, Field(ge=1)] = 100
    """How many due things are taken at once."""


class MemberSettings(Section):
    """The board's own copy of who is a member of which guild."""

    fill: Literal["start", "demand", "off"] = "start"
    """When a guild's members are read from executor's mirror: `start` for every guild with a board once the process
    runs, `demand` when somebody asks, `off` never. Nothing waits for it."""
    guilds: Annotated[int, Field(ge=1)] = 1000
    """Guilds whose members are kept."""
    look_again: Annotated[float, Field(gt=0)] = 15.0
    """Seconds between two looks at whether what was uncertain has become certain."""


class CacheSettings(Section):
    """What is kept in memory."""

    lists: Annotated[int, Field(ge=0)] = 1000
    """Pages of lists; 0 keeps none."""
    lists_ttl: Annotated[float, Field(gt=0)] = HOUR
    """Seconds after which a page is read anew although its generation stands."""
    guilds: Annotated[int, Field(ge=1)] = 1000
    """Guilds whose professions are kept."""


class WatchSettings(Section):
    """How events are streamed."""

    poll: Annotated[float, Field(gt=0)] = 0.25
    """Seconds between looks for events that another replica wrote."""
    settle: Annotated[float, Field(ge=0)] = 0.02
    """Seconds for which changes gather before they are looked for."""
    batch: Annotated[int, Field(ge=1)] = 100
    maximum: Annotated[float, Field(gt=0)] = 300.0
    """Seconds after which a watch ends and is to be resumed, so that streams spread over replicas again."""


class RetentionSettings(Section):
    """How long rows are kept that only serve deliveries, in seconds. Requests and history are kept for good."""

    outbox: Annotated[float, Field(gt=0)] = 14 * DAY
    idempotency: Annotated[float, Field(gt=0)] = 7 * DAY
    every: Annotated[float, Field(gt=0)] = HOUR
    """Seconds between clean-ups."""


class DatabaseSettings(Section):
    """Where the board keeps its rows."""

    url: Annotated[Secret, Env("DATABASE_URL")] = Secret("sqlite:///.run/data/board.db")
    """`sqlite:///path` or `postgresql://user:password@host/name`. SQLite serves one replica; more need PostgreSQL."""
    pool: Annotated[int, Field(ge=1)] = 10
    """Connections at once: PostgreSQL's pool, SQLite's readers."""
    timeout: Annotated[float, Field(gt=0)] = 5.0
    """Seconds to wait for a connection, or for SQLite's lock."""


class BoardSettings(Section):
    """The board's section of guildhall.yaml."""

    database: Annotated[DatabaseSettings, AtStart()] = DatabaseSettings()
    limits: LimitSettings = LimitSettings()
    pages: PageSettings = PageSettings()
    timing: TimingSettings = TimingSettings()
    cache: CacheSettings = CacheSettings()
    watch: WatchSettings = WatchSettings()
    members: MemberSettings = MemberSettings()
    retention: RetentionSettings = RetentionSettings()
    open_per_person: Annotated[int, Field(ge=1)] = 25
    """How many requests one person may have active in a guild; guilds can set their own."""
    officer_permissions: int = 0x20 | 0x8
    """Discord permission bits any one of which makes an officer of the board: MANAGE_GUILD, ADMINISTRATOR."""
    professions: Annotated[dict[str, ProfessionSettings], FromSection("professions")] = Field(default_factory=dict)
