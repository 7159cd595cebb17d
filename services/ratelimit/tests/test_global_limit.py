"""The global limit against a Discord that is played through: when calls are counted, nobody says.

Discord here is as strict as it can be: no stretch of one second, wherever it begins, may hold more than 50 calls. Time
is the script's own, so minutes pass at once.
"""

import heapq
import itertools
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from services.ratelimit.discord.answers import read_answer
from services.ratelimit.discord.routes import classify
from services.ratelimit.discord.settings import DiscordLimits
from services.ratelimit.discord.store import PERMIT, DiscordStore, Taker
from services.ratelimit.tests.harness import Harness

_LIMIT = 50
_US = 1_000_000
_START = 1_700_000_000 * _US
_HANDS = 30
_TEMPLATE = "/channels/{channel_id}"


@dataclass(frozen=True)
class Ways:
    """How long calls are under way, in seconds, at a time of the play."""

    hold: Callable[[random.Random], float]
    """From the permit to sending."""
    there: Callable[[random.Random, float], float]
    """From sending to Discord's counting."""
    back: Callable[[random.Random, float], float]
    """From there to the answer."""


WAYS = {
    "even": Ways(lambda r: r.uniform(0.002, 0.01), lambda r, t: 0.001, lambda r, t: 0.150),
    "a_network": Ways(
        lambda r: r.uniform(0.002, 0.03),
        lambda r, t: 0.03 + r.expovariate(1 / 0.005),
        lambda r, t: 0.06 + r.expovariate(1 / 0.05),
    ),
    "a_rough_one": Ways(
        lambda r: r.uniform(0.002, 0.1), lambda r, t: r.uniform(0.02, 0.06), lambda r, t: r.uniform(0.03, 0.3)
    ),
    "discord_gets_fast": Ways(
        lambda r: r.uniform(0.002, 0.01),
        lambda r, t: r.uniform(0.02, 0.021),
        lambda r, t: r.uniform(0.3, 0.4) if t < 8 else 0.01,
    ),
    "the_way_there_gets_slow": Ways(
        lambda r: r.uniform(0.002, 0.01), lambda r, t: 0.01 if t < 8 else r.uniform(0.2, 0.4), lambda r, t: 0.05
    ),
}
LEAST_RATE = {"even": 46.0, "a_network": 43.0}
"""Calls a second that must be got where nothing is in the way but the limit; a window after each answer gives 42."""


@pytest.fixture
def harness(redis_url: str) -> Iterator[Harness]:
    made = Harness(redis_url, _START)
    yield made
    made.close()


class Discord:
    """A play: one credential's calls, as many as there are permits and hands for."""

    def __init__(self, harness: Harness, ways: Ways, *, measured: bool = True) -> None:
        self._harness, self._ways, self._measured = harness, ways, measured
        self._chance, self._settings = random.Random(1), DiscordLimits()
        self._store = DiscordStore(harness.scripts)
        self._route = classify(
            self._settings, method="DELETE", template=_TEMPLATE, major="channels/1", aspect="", message_id=0, now=0.0
        )
        self._numbers = itertools.count()
        self.counted: list[float] = []
        """When Discord counted each call."""

    def play(self, seconds: float) -> list[float]:
        """Plays it; gives when calls were counted, in order."""
        now, ask_at, idle = 0.0, 0.0, _HANDS
        answers: list[tuple[float, str, float]] = []
        while now < seconds:
            if idle and (not answers or ask_at <= answers[0][0]):
                now = max(now, ask_at)
                permit, wait = self._asked(now)
                ask_at = now + wait
                if permit:
                    idle -= 1
                    sent = now + self._ways.hold(self._chance)
                    there, back = self._ways.there(self._chance, now), self._ways.back(self._chance, now)
                    self.counted.append(sent + there)
                    heapq.heappush(answers, (sent + there + back, permit, there + back))
            else:
                now, permit, travel = heapq.heappop(answers)
                ask_at = max(ask_at, now)
                idle += 1
                self.answered(permit, now, travel)
        return sorted(self.counted)

    def _asked(self, now: float) -> tuple[str, float]:
        """A permit, else how long to wait."""
        self._harness.now = _START + round(now * _US)
        permit = f"p{next(self._numbers)}"
        taker = Taker("100", self._route, 0, 0.0, 15 * _US, "", 0, "")
        decision = self._harness.run(self._store.acquire(self._settings, permit, taker))
        return (permit, 0.0) if decision.status == PERMIT else ("", max(1, decision.wait_us) / _US)

    def answered(self, permit: str, now: float, travel: float) -> None:
        """Reports an answer."""
        self._harness.now = _START + round(now * _US)
        notes = self._harness.run(self._store.notes("100", permit))
        assert notes is not None
        answer = read_answer(204, {}, 0, False, round(travel * _US) if self._measured else 0)
        self._harness.run(self._store.report(self._settings, permit, notes, self._route.major, answer))

    def granted(self, now: float, most: int) -> list[str]:
        """As many permits as there are at one moment."""
        permits: list[str] = []
        while len(permits) < most and (permit := self._asked(now)[0]):
            permits.append(permit)
        return permits


def most_in_a_second(counted: list[float]) -> int:
    """The most calls that any second holds, wherever it begins."""
    most, first = 0, 0
    for last, at in enumerate(counted):
        while counted[first] <= at - 1.0:
            first += 1
        most = max(most, last - first + 1)
    return most


def rate(counted: list[float]) -> float:
    """Calls a second over whole turns of the limit's slots, the first ones, in which nothing is known yet, left out."""
    last = len(counted) - 1
    first = last % _LIMIT + 2 * _LIMIT
    return (last - first) / (counted[last] - counted[first])


@pytest.mark.parametrize("name", WAYS)
def test_no_second_holds_more_than_discord_allows(harness: Harness, name: str) -> None:
    counted = Discord(harness, WAYS[name]).play(9.0)
    assert most_in_a_second(counted) <= _LIMIT
    assert rate(counted) >= LEAST_RATE.get(name, 30.0)


def test_what_nobody_measured_counts_until_a_window_after_its_answer(harness: Harness) -> None:
    assert rate(Discord(harness, WAYS["even"], measured=False).play(6.0)) < 43.5


def test_a_measurement_of_hours_frees_nothing_before_its_time(harness: Harness) -> None:
    # Whoever measures in the wrong unit must not open the gates.
    discord = Discord(harness, WAYS["even"])
    for permit in discord.granted(0.0, 1):
        discord.answered(permit, 0.05, 3_600.0)
    for permit in discord.granted(0.1, 29):
        discord.answered(permit, 0.15, 3_600.0)
    assert len(discord.granted(0.2, 60)) == _LIMIT - 30
