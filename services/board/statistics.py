"""What the numbers of a guild say: who made what, how evenly, how long it took, and what nobody can make."""

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace

from services.board.cache import GenerationCache
from services.board.characters import Character, match
from services.board.fairness import gini
from services.board.model import State
from services.board.professions import Item, Professions
from services.board.store import listing, people
from services.board.store import statistics as counted
from services.board.store.connection import Connection
from services.board.store.database import Database
from services.board.store.statistics import WEEK, Share, Span
from services.board.text import search_key

LONGEST_WEEKS = 60


@dataclass(frozen=True, slots=True)
class Leader:
    """A place on a leaderboard."""

    user_id: int
    name: str
    requests: int
    quantity: int


@dataclass(frozen=True, slots=True)
class Fairness:
    """How evenly one profession ('' for all) is shared."""

    profession: str
    completions_gini: float
    wait_gini: float
    crafters: int
    requesters: int


@dataclass(frozen=True, slots=True)
class Numbers:
    """The numbers of a period; waits in milliseconds, weeks as (Monday, created, completed)."""

    created: int
    closed: dict[State, tuple[int, int]]
    wait_median: float | None
    wait_p90: float | None
    crafters: tuple[Leader, ...]
    requesters: tuple[Leader, ...]
    fairness: tuple[Fairness, ...]
    weeks: tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, slots=True)
class Gap:
    """Something that nobody can make."""

    profession: str
    item: str
    level: int
    speciality: str
    best_level: int
    open_requests: int


class Statistics:
    """Counts for guilds, and keeps what it counted for as long as nothing changed."""

    def __init__(self, database: Database, cache: GenerationCache[Numbers]) -> None:
        self._database = database
        self._cache = cache

    async def numbers(self, span: Span, leaders: int) -> Numbers:
        """The numbers of a period."""
        async with self._database.read() as connection:
            generation = await listing.generation(connection, span.guild_id, span.profession)

        async def load() -> Numbers:
            return await self._count(span, leaders)

        return await self._cache.get((span, leaders, generation), load)

    async def _count(self, span: Span, leaders: int) -> Numbers:
        async with self._database.read() as connection:
            closed = await counted.closed(connection, span)
            completed = closed.get(State.COMPLETED, (0, 0))[0]
            made = await counted.created(connection, span)
            by_crafter = await counted.shares(connection, span, "crafter")
            by_requester = await counted.shares(connection, span, "requester")
            waits = await _waits(connection, span, completed)
            weeks = await counted.weeks(connection, span)
            first = await counted.first_request(connection, span.guild_id)
        start = max(span.start, first if first is not None else span.end)
        return Numbers(
            created=made,
            closed=closed,
            wait_median=waits[0],
            wait_p90=waits[1],
            crafters=_leaders(by_crafter, leaders),
            requesters=_leaders(by_requester, leaders),
            fairness=fairness(by_crafter, by_requester),
            weeks=_all_weeks(weeks, start, span.end),
        )

    async def coverage(self, guild_id: int, profession: str, professions: Professions) -> tuple[list[Gap], int]:
        """What nobody can make, the most wanted first; and how many items were looked at."""
        async with self._database.read() as connection:
            wanted = await counted.open_items(connection, guild_id, profession)
            characters = await people.list_characters(connection, guild_id)
        return gaps(characters, professions, wanted, profession)


async def _waits(connection: Connection, span: Span, count: int) -> tuple[float | None, float | None]:
    """Median and ninetieth percentile, interpolated between the two nearest ranks."""
    if count == 0:
        return None, None
    places = [share * (count - 1) for share in (0.5, 0.9)]
    ranks = sorted({rank for place in places for rank in (math.floor(place), math.ceil(place))})
    found = await counted.wait_at(connection, span, ranks)
    if len(found) < len(ranks):
        return None, None
    low = [found[math.floor(place)] for place in places]
    high = [found[math.ceil(place)] for place in places]
    median, p90 = (a + (b - a) * (place % 1) for a, b, place in zip(low, high, places, strict=True))
    return median, p90


def _leaders(shares: Iterable[Share], count: int) -> tuple[Leader, ...]:
    total: dict[int, Leader] = {}
    for share in shares:
        leader = total.get(share.user_id, Leader(share.user_id, share.name, 0, 0))
        total[share.user_id] = replace(
            leader, requests=leader.requests + share.requests, quantity=leader.quantity + share.quantity
        )
    ordered = sorted(total.values(), key=lambda leader: (-leader.requests, -leader.quantity, leader.user_id))
    return tuple(ordered[:count])


def fairness(by_crafter: Iterable[Share], by_requester: Iterable[Share]) -> tuple[Fairness, ...]:
    """How evenly each profession is shared, all of them together first."""
    made: dict[str, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    waited: dict[str, dict[int, tuple[float, int]]] = defaultdict(dict)
    for share in by_crafter:
        for profession in ("", share.profession):
            made[profession][share.user_id] += share.requests
    for share in by_requester:
        for profession in ("", share.profession):
            total, count = waited[profession].get(share.user_id, (0.0, 0))
            waited[profession][share.user_id] = (total + share.waited * share.requests, count + share.requests)
    return tuple(
        Fairness(
            profession=profession,
            completions_gini=gini(list(made[profession].values())),
            wait_gini=gini([total / count for total, count in waited[profession].values()]),
            crafters=len(made[profession]),
            requesters=len(waited[profession]),
        )
        for profession in sorted({*made, *waited})
    )


def _all_weeks(found: dict[int, tuple[int, int]], start: int, end: int) -> tuple[tuple[int, int, int], ...]:
    """Every week that the period touches, empty ones too, the latest `LONGEST_WEEKS`."""
    if end <= start:
        return ()
    first = (start + counted.MONDAY) // WEEK * WEEK - counted.MONDAY
    last = (end - 1 + counted.MONDAY) // WEEK * WEEK - counted.MONDAY
    first = max(first, last - (LONGEST_WEEKS - 1) * WEEK)
    return tuple((monday, *found.get(monday, (0, 0))) for monday in range(first, last + 1, WEEK))


def gaps(
    characters: Iterable[Character], professions: Professions, wanted: Iterable[tuple[str, str, int]], profession: str
) -> tuple[list[Gap], int]:
    """What nobody can make, of what the professions list and of what is asked for; and how many items that are."""
    skills = [skill for character in characters for skill in character.skills]
    looked_at: dict[tuple[str, str], tuple[Item, Item | None, int]] = {}
    for key, item in professions.items():
        if not profession or key == profession:
            looked_at[key, search_key(item.name)] = (item, item, 0)
    for name, key, count in wanted:
        entry = looked_at.get((key, search_key(name)))
        shown, needs = (entry[0], entry[1]) if entry else (Item(name), None)
        looked_at[key, search_key(name)] = (shown, needs, count)
    found = []
    for (key, _), (item, needs, count) in looked_at.items():
        able = [skill for skill in skills if skill.profession == key]
        if not any(match(skill, key, item.name, needs) for skill in able):
            best = max((skill.level for skill in able), default=0)
            found.append(Gap(key, item.name, item.level, item.speciality, best, count))
    having = {skill.profession for skill in skills}
    for unused in professions.enabled():
        if (not profession or unused.key == profession) and unused.key not in having:
            waiting = sum(count for (key, _), (_, _, count) in looked_at.items() if key == unused.key)
            found.append(Gap(unused.key, "", 0, "", 0, waiting))
    found.sort(key=lambda gap: (-gap.open_requests, gap.profession, gap.item))
    return found, len(looked_at)
