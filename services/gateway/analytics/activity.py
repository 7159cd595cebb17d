"""What is counted of the use of commands, and the sums that admins look at. Pure.

One use is a command's name, the person, the guild, the hour (UTC) and how it ended; never what was said. Uses are
summed in memory before they are written, so a busy guild costs as much as a quiet one.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import TypeVar

K = TypeVar("K", int, str)

OTHERS = 0
"""Stands for everybody beyond the number of people that are told apart in one day."""


class Outcome(StrEnum):
    """How a use of a command ended."""

    DONE = "done"
    DENIED = "denied"
    """By a limit, or because the person may not."""
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Moment:
    """What is counted for everybody together."""

    guild_id: int
    day: date
    hour: int
    command: str
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Share:
    """What is counted of one person."""

    guild_id: int
    day: date
    user_id: int
    outcome: Outcome


@dataclass
class Batch:
    """Uses that are not written yet."""

    moments: Counter[Moment] = field(default_factory=Counter)
    shares: Counter[Share] = field(default_factory=Counter)

    def __bool__(self) -> bool:
        return bool(self.moments)


class Tally:
    """Sums uses up until they are written. It holds `most` different sums; what does not fit is counted as lost."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._batch = Batch()
        self.lost = 0

    def note(self, *, guild_id: int, user_id: int, command: str, outcome: Outcome, now: float) -> None:
        """Counts one use."""
        moment = datetime.fromtimestamp(now, UTC)
        used = Moment(guild_id, moment.date(), moment.hour, command, outcome)
        share = Share(guild_id, moment.date(), user_id, outcome)
        if self._full and (used not in self._batch.moments or share not in self._batch.shares):
            self.lost += 1
            return
        self._batch.moments[used] += 1
        self._batch.shares[share] += 1

    def take(self) -> Batch:
        """Hands over what was counted and begins anew."""
        taken, self._batch = self._batch, Batch()
        return taken

    def put_back(self, batch: Batch) -> None:
        """Takes back what could not be written."""
        for moment, count in batch.moments.items():
            if self._full and moment not in self._batch.moments:
                self.lost += count
            else:
                self._batch.moments[moment] += count
        for share, count in batch.shares.items():
            if not self._full or share in self._batch.shares:
                self._batch.shares[share] += count

    @property
    def _full(self) -> bool:
        return max(len(self._batch.moments), len(self._batch.shares)) >= self._most


@dataclass
class Activity:
    """What a guild did in some days."""

    moments: Counter[Moment] = field(default_factory=Counter)
    shares: Counter[Share] = field(default_factory=Counter)

    def total(self, outcome: Outcome | None = None) -> int:
        """How many uses there were, of all outcomes or of one."""
        return sum(count for moment, count in self.moments.items() if outcome in (None, moment.outcome))

    def by_hour(self) -> list[int]:
        """Uses by the hour of the day, from 0 to 23."""
        hours = [0] * 24
        for moment, count in self.moments.items():
            hours[moment.hour] += count
        return hours

    def commands(self, most: int) -> list[tuple[str, int]]:
        """The commands that were used most."""
        return _most((moment.command, count) for moment, count in self.moments.items())[:most]

    def people(self, outcome: Outcome, most: int) -> list[tuple[int, int]]:
        """Who met an outcome most often."""
        shares = ((share.user_id, count) for share, count in self.shares.items() if share.outcome is outcome)
        return _most(shares)[:most]

    def rows(self) -> list[tuple[str, int, str, str, int]]:
        """Everything for a table: day, hour, command, outcome, uses."""
        return sorted(
            (moment.day.isoformat(), moment.hour, moment.command, moment.outcome.value, count)
            for moment, count in self.moments.items()
        )

    def person_rows(self) -> list[tuple[str, int, str, int]]:
        """Everything by person for a table: day, person, outcome, uses."""
        return sorted(
            (share.day.isoformat(), share.user_id, share.outcome.value, count) for share, count in self.shares.items()
        )


def days_until(now: float, count: int) -> list[date]:
    """So many days (UTC), today the last."""
    today = datetime.fromtimestamp(now, UTC).date()
    return [today - timedelta(days=ago) for ago in range(count - 1, -1, -1)]


def _most(pairs: Iterable[tuple[K, int]]) -> list[tuple[K, int]]:
    sums: Counter[K] = Counter()
    for key, count in pairs:
        sums[key] += count
    return sorted(sums.items(), key=lambda pair: (-pair[1], str(pair[0])))


def decoded(guild_id: int, day: date, fields: Mapping[str, int]) -> Counter[Moment]:
    """What stands in the store for everybody, by field."""
    found: Counter[Moment] = Counter()
    for name, count in fields.items():
        hour, command, outcome = name.split("|")
        found[Moment(guild_id, day, int(hour), command, Outcome(outcome))] = count
    return found


def decoded_shares(guild_id: int, day: date, fields: Mapping[str, int]) -> Counter[Share]:
    """What stands in the store for people, by field."""
    found: Counter[Share] = Counter()
    for name, count in fields.items():
        user_id, outcome = name.split("|")
        found[Share(guild_id, day, int(user_id), Outcome(outcome))] = count
    return found
