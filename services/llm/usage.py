"""The usage ledger: what every call used, summed by day, guild, person and model, and the alerts that come of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from fnmatch import fnmatchcase
from typing import Literal, Protocol

from chassis.errors import InvalidArgument, PermissionDenied
from services.llm.chat import Usage
from services.llm.conversations import manages
from services.llm.limits import Asker
from services.llm.settings import AlertSettings

NANOS = 1_000_000_000
LONGEST_PERIOD = 400
Group = Literal["", "day", "person", "model", "operation"]


@dataclass(frozen=True, slots=True)
class CallRecord:
    """One call to a provider."""

    call_id: str
    at: float
    """Unix seconds."""
    guild_id: int
    user_id: int
    model: str
    operation: str
    """`chat`, `title`, `plan`, `recommend` or `image`."""
    usage: Usage
    seconds: float
    outcome: str

    @property
    def day(self) -> str:
        """The day (UTC) as YYYY-MM-DD."""
        return datetime.fromtimestamp(self.at, UTC).strftime("%Y-%m-%d")


class Ledger(Protocol):
    """Where calls are written down."""

    async def record(self, record: CallRecord) -> None:
        """Writes one call down."""
        ...


@dataclass(slots=True)
class Sums:
    """What some calls used together."""

    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cached_input_tokens: int = 0
    reasoning_tokens: int = 0
    estimated: int = 0
    """Calls whose tokens are our estimate."""
    unpriced: int = 0
    """Calls whose price is unknown."""
    cost_nanos: int = 0

    @classmethod
    def of(cls, record: CallRecord) -> Sums:
        """The sums of one call."""
        used = record.usage
        return cls(
            1, used.input_tokens, used.output_tokens, used.cached_input_tokens, used.reasoning_tokens,
            int(used.estimated), int(used.cost_nanos is None), used.cost_nanos or 0,
        )  # fmt: skip

    def add(self, other: Sums) -> None:
        """Adds other sums."""
        for name in FIELDS:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    @property
    def tokens(self) -> int:
        """Tokens in and out."""
        return self.input_tokens + self.output_tokens

    @property
    def usage(self) -> Usage:
        """The sums as usage; the cost is unknown where that of every call is."""
        cost = None if self.calls == self.unpriced and self.calls else self.cost_nanos
        return Usage(
            self.input_tokens, self.output_tokens, self.cached_input_tokens, self.reasoning_tokens,
            self.estimated > 0, cost,
        )  # fmt: skip


FIELDS = tuple(Sums.__dataclass_fields__)


@dataclass(frozen=True, slots=True)
class Entry:
    """Sums of one day, person, model and kind of call."""

    day: str
    user_id: int
    model: str
    operation: str
    sums: Sums


@dataclass(frozen=True, slots=True)
class Alert:
    """A budget was used up to a threshold."""

    unit: Literal["dollars", "tokens"]
    threshold: float
    used: int
    """Nano-dollars or tokens."""
    budget: int
    month: str


@dataclass(frozen=True, slots=True)
class GuildEvent:
    """Something that happened in a guild, at its place in the guild's log."""

    sequence: int
    guild_id: int
    at: float
    alert: Alert


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked of the ledger."""

    guild_id: int
    user_id: int = 0
    from_day: str = ""
    to_day: str = ""
    group: Group = ""
    limit: int = 0
    model: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """An answer of the ledger."""

    rows: list[tuple[str, Sums]] = field(default_factory=list)
    total: Sums = field(default_factory=Sums)


def require_reader(query: Query, asker: Asker) -> None:
    """Raises PermissionDenied where the asker may not see this. Their own they may, a guild's its managers."""
    if not asker.user_id or (query.user_id == asker.user_id and query.guild_id in (0, asker.guild_id)):
        return
    if query.guild_id and query.guild_id == asker.guild_id and manages(asker):
        return
    raise PermissionDenied("You can only see what you used yourself.", reason="USAGE_FORBIDDEN")


def days(query: Query, today: date) -> list[str]:
    """The days of a query's period. Raises InvalidArgument (INVALID_PERIOD)."""
    try:
        last = date.fromisoformat(query.to_day) if query.to_day else today
        first = date.fromisoformat(query.from_day) if query.from_day else last.replace(day=1)
    except ValueError as error:
        raise InvalidArgument("Days are written as YYYY-MM-DD.", reason="INVALID_PERIOD") from error
    if not 0 <= (last - first).days <= LONGEST_PERIOD:
        raise InvalidArgument(f"A period has 1 to {LONGEST_PERIOD} days.", reason="INVALID_PERIOD")
    return [(first + timedelta(days=each)).isoformat() for each in range((last - first).days + 1)]


def report(query: Query, entries: Iterable[Entry]) -> Report:
    """The sums that a query asks for. Days come in order, all else by cost and tokens, the most first."""
    total = Sums()
    rows: dict[str, Sums] = {}
    for entry in entries:
        if query.user_id and entry.user_id != query.user_id:
            continue
        if query.model and not fnmatchcase(entry.model, query.model):
            continue
        total.add(entry.sums)
        if query.group:
            key = {
                "day": entry.day, "person": str(entry.user_id), "model": entry.model, "operation": entry.operation,
            }[query.group]  # fmt: skip
            rows.setdefault(key, Sums()).add(entry.sums)
    if query.group == "day":
        ordered = sorted(rows.items())
    else:
        ordered = sorted(rows.items(), key=lambda row: (-row[1].cost_nanos, -row[1].tokens, row[0]))
    return Report(ordered[: query.limit or None], total)


def crossed(month: str, before: Sums, after: Sums, settings: AlertSettings) -> Iterator[Alert]:
    """The alerts that are due because a month's sums grew; of several thresholds at once the highest alone."""
    budgets: list[tuple[Literal["dollars", "tokens"], int, int, int]] = []
    if settings.monthly_dollars is not None:
        budgets.append(("dollars", round(settings.monthly_dollars * NANOS), before.cost_nanos, after.cost_nanos))
    if settings.monthly_tokens is not None:
        budgets.append(("tokens", settings.monthly_tokens, before.tokens, after.tokens))
    for unit, budget, was, now in budgets:
        passed = [each for each in settings.thresholds if was < each * budget <= now]
        if passed:
            yield Alert(unit, max(passed), now, budget, month)
