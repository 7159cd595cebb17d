"""A guild's rules from its settings: declared here, kept by the chassis' settings service, remembered for a moment.

`fast mode`, confirmations, channels, direct messages and quiet hours are read by gateway and executor; the board itself
needs times, cap and officers.
"""

from collections.abc import Mapping

import structlog
from redis.exceptions import RedisError

from chassis.clock import Clock
from chassis.scoped import Place, ScopedSettings, ScopeKind, Setting, ValueKind
from chassis.settings import Live
from services.board.machine import Policy
from services.board.rules import Rules, configured_rules
from services.board.settings import BoardSettings

_log = structlog.stdlib.get_logger(__name__)
_GUILD = (ScopeKind.GUILD,)
_BOTH = (ScopeKind.GUILD, ScopeKind.PERSON)
_HOUR_MS = 3_600_000
_YEAR_HOURS = 24 * 366.0


def _hours(key: str, description: str) -> Setting:
    return Setting(key, ValueKind.NUMBER, description, scopes=_GUILD, minimum=0, maximum=_YEAR_HOURS)


DECLARATIONS = (
    _hours("board_nudge_hours", "Hours without a move after which a claim's crafter is reminded; 0 for never."),
    _hours("board_release_hours", "Hours after that reminder after which the claim is released; 0 for never."),
    _hours("board_expire_hours", "Hours after which an open request expires; 0 for never."),
    _hours("board_remind_hours", "Hours before the due date at which those concerned are reminded; 0 for never."),
    Setting(
        "board_open_per_person",
        ValueKind.INTEGER,
        "How many requests one person may have active.",
        scopes=_GUILD,
        minimum=1,
        maximum=1000,
    ),
    Setting(
        "board_officer_roles",
        ValueKind.TEXTS,
        "Roles (snowflakes) whose members are officers of the board, beside those with Manage Server.",
        scopes=_GUILD,
        maximum=25,
    ),
    Setting(
        "board_fast_mode",
        ValueKind.BOOL,
        "Whether what cannot be undone is done without asking first.",
        default=False,
        scopes=_BOTH,
    ),
    Setting(
        "board_confirmation_seconds",
        ValueKind.NUMBER,
        "Seconds after which the message that something was done vanishes.",
        default=1.5,
        scopes=_GUILD,
        minimum=0,
        maximum=60,
    ),
    Setting(
        "board_fast_confirmation_seconds",
        ValueKind.NUMBER,
        "The same in fast mode.",
        default=1.0,
        scopes=_GUILD,
        minimum=0,
        maximum=60,
    ),
    Setting(
        "board_index_channel",
        ValueKind.TEXT,
        "The channel (snowflake) with one pinned list per profession; empty for none.",
        default="",
        scopes=_GUILD,
        maximum=20,
    ),
    Setting(
        "board_forum_channel",
        ValueKind.TEXT,
        "The forum (snowflake) with one post per request; empty for none.",
        default="",
        scopes=_GUILD,
        maximum=20,
    ),
    Setting(
        "board_messages",
        ValueKind.TEXT,
        "Direct messages about one's requests and claims: each at once, gathered in a digest, or none.",
        default="each",
        scopes=_BOTH,
        choices=("each", "digest", "none"),
    ),
    Setting(
        "board_digest_hours",
        ValueKind.NUMBER,
        "Hours for which a digest gathers.",
        default=12.0,
        scopes=_BOTH,
        minimum=0.01,
        maximum=168,
    ),
    Setting(
        "board_quiet_hours",
        ValueKind.TEXT,
        "Hours in which no direct message is sent, for example 22-8; empty for none.",
        default="",
        scopes=_BOTH,
        maximum=11,
    ),
    Setting(
        "board_time_zone",
        ValueKind.TEXT,
        "The time zone of quiet hours and of dates that are typed, for example Europe/Berlin.",
        default="UTC",
        scopes=_BOTH,
        maximum=64,
    ),
)


class GuildRules:
    """The rules of each guild, asked for anew after some seconds."""

    ttl = 2.0

    def __init__(self, scoped: ScopedSettings, settings: Live[BoardSettings], clock: Clock) -> None:
        self._scoped = scoped
        self._settings = settings
        self._clock = clock
        self._kept: dict[int, tuple[float, Rules]] = {}

    async def of(self, guild_id: int) -> Rules:
        """The guild's rules. Where the settings cannot be asked the last known ones hold, else the configured ones."""
        now = self._clock.monotonic()
        kept = self._kept.get(guild_id)
        if kept is not None and now - kept[0] < self.ttl:
            return kept[1]
        base = configured_rules(self._settings.current)
        try:
            in_force = await self._scoped.in_force(Place(guild_id=guild_id))
            found = with_settings(base, {key: effective.value for key, effective in in_force.items()})
        except RedisError as error:
            _log.warning("the guild's settings cannot be asked for", guild=guild_id, error=type(error).__name__)
            found = base if kept is None else kept[1]
        if len(self._kept) >= self._settings.current.cache.guilds:
            self._kept.clear()
        self._kept[guild_id] = (now, found)
        return found


def with_settings(base: Rules, values: Mapping[str, object]) -> Rules:
    """The configured rules with what the guild set; None where it set nothing."""

    def hours(key: str, configured: int) -> int:
        value = values.get(key)
        return configured if not isinstance(value, int | float) else round(value * _HOUR_MS)

    cap, roles = values.get("board_open_per_person"), values.get("board_officer_roles")
    return Rules(
        policy=Policy(
            nudge_after=hours("board_nudge_hours", base.policy.nudge_after),
            release_after=hours("board_release_hours", base.policy.release_after),
            expire_after=hours("board_expire_hours", base.policy.expire_after),
            remind_before=hours("board_remind_hours", base.policy.remind_before),
        ),
        open_per_person=cap if isinstance(cap, int) else base.open_per_person,
        officer_roles=frozenset(
            int(role) for role in (roles if isinstance(roles, tuple) else ()) if role.isascii() and role.isdecimal()
        ),
    )
