"""The scripts against exact models: whatever is done in whatever order, both agree."""

from collections.abc import Iterator
from fractions import Fraction
from typing import ClassVar
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, assume, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from services.ratelimit.algorithms import FORCED, AnyAlgorithm, CalendarQuota, SlidingWindow, TokenBucket
from services.ratelimit.calendar import Period
from services.ratelimit.decider import Mode, Status
from services.ratelimit.tests.harness import Harness
from services.ratelimit.tests.models import Bucket, Calendar, Hold, Law, Model, Window
from tests.support.redis_process import RedisProcess

PERIODS: st.SearchStrategy[Period] = st.sampled_from(("hour", "day", "week", "month"))
START = 1_800_000_000_123_457
EXAMPLES = settings(
    max_examples=40,
    stateful_step_count=30,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


class CounterMachine(RuleBasedStateMachine):
    """One counter of some algorithm and its model; a second counter beside it, to see that all or none is taken."""

    url: ClassVar[str]
    steps: ClassVar[tuple[int, ...]] = (0, 1, 7, 333, 250_000, 999_999, 1_000_000, 4_000_001, 61_000_000)

    def __init__(self) -> None:
        super().__init__()
        self.harness = Harness(self.url, START)
        self.admitted: list[tuple[int, int]] = []
        self.names = 0
        self.open: list[str] = []
        self.settled: list[str] = []

    def make(self, data: st.DataObject) -> tuple[AnyAlgorithm, Law]:
        raise NotImplementedError

    @initialize(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        self.algorithm, law = self.make(data)
        self.model = Model(law)
        self.other = SlidingWindow(12, 30_000_000)
        self.other_model = Model(Window(12, 30_000_000, 1))

    def teardown(self) -> None:
        self.harness.close()

    @property
    def now(self) -> int:
        return self.harness.now

    def peek(self, cost: int = 1) -> tuple[bool, int, int]:
        outcome = self.harness.decide(Mode.PEEK, [self.harness.demand("one", self.algorithm, cost)])
        fits, wait, x, y = outcome.counters[0]
        return fits == 1.0, int(wait), self.algorithm.standing(x, y).remaining

    @rule(data=st.data())
    def pass_time(self, data: st.DataObject) -> None:
        self.harness.now += data.draw(st.sampled_from(self.steps))

    @rule(cost=st.integers(1, 6))
    def take(self, cost: int) -> None:
        assume(cost <= self.model.law.limit)
        before = self.peek()
        outcome = self.harness.decide(Mode.TAKE, [self.harness.demand("one", self.algorithm, cost)])
        admitted = outcome.status is Status.ALLOWED
        assert admitted == self.model.fits(cost, self.now)
        if admitted:
            self.model.charge(cost, self.now)
            self.admitted.append((self.now, cost))
        else:
            assert self.peek() == before
            self.check_wait(cost, int(outcome.counters[0][1]))

    def check_wait(self, cost: int, wait: int) -> None:
        """The wait suffices, and a microsecond less does not."""
        assert wait >= 1
        if self.model.held:
            return
        now = self.now
        self.harness.now = now + wait
        assert self.peek(cost)[0]
        self.harness.now = now + wait - 1
        assert not self.peek(cost)[0]
        self.harness.now = now

    @rule(cost=st.integers(1, 4), other=st.integers(1, 6))
    def take_two(self, cost: int, other: int) -> None:
        assume(cost <= self.model.law.limit)
        demands = [self.harness.demand("one", self.algorithm, cost), self.harness.demand("two", self.other, other)]
        expected = self.model.fits(cost, self.now) and self.other_model.fits(other, self.now)
        admitted = self.harness.decide(Mode.TAKE, demands).status is Status.ALLOWED
        assert admitted == expected
        if admitted:
            self.model.charge(cost, self.now)
            self.other_model.charge(other, self.now)
            self.admitted.append((self.now, cost))

    @rule(cost=st.integers(1, 6), ttl=st.sampled_from((1, 500_000, 3_000_000, 70_000_000)), charged=st.booleans())
    def reserve(self, cost: int, ttl: int, charged: bool) -> None:
        assume(cost <= self.model.law.limit and len(self.open) < 4)
        self.names += 1
        name = f"r{self.names}"
        demand = self.harness.demand("one", self.algorithm, cost)
        outcome = self.harness.decide(Mode.HOLD, [demand], name, ttl, charged=charged)
        admitted = outcome.status is Status.ALLOWED
        assert admitted == self.model.fits(cost, self.now)
        if admitted:
            self.model.holds[name] = Hold(self.now + ttl, cost, charged)
            self.open.append(name)
            assert self.harness.decide(Mode.HOLD, [demand], name, ttl).status is Status.REPEATED

    @precondition(lambda self: self.open)
    @rule(data=st.data(), used=st.integers(0, 9))
    def settle(self, data: st.DataObject, used: int) -> None:
        name = data.draw(st.sampled_from(self.open))
        self.open.remove(name)
        self.model.expire(self.now)
        hold = self.model.holds[name]
        late = hold.gone
        settlement = self.harness.settle(name, {"one": used})
        assert settlement.late == late
        assert not settlement.already_settled
        self.model.settle(name, used, self.now)
        self.settled.append(name)

    @precondition(lambda self: self.settled)
    @rule(data=st.data(), used=st.integers(0, 9))
    def settle_again(self, data: st.DataObject, used: int) -> None:
        before = self.peek()
        assert self.harness.settle(data.draw(st.sampled_from(self.settled)), {"one": used}).already_settled
        assert self.peek() == before

    @rule(cost=st.integers(1, 3))
    def charge_anyway(self, cost: int) -> None:
        demand = self.harness.demand("one", self.algorithm, cost, FORCED)
        self.model.expire(self.now)
        assume(self.model.used(self.now) + cost <= self.model.law.limit)
        assert self.harness.decide(Mode.TAKE, [demand]).status is Status.ALLOWED
        self.model.charge(cost, self.now)
        self.admitted.append((self.now, cost))

    @rule()
    def forget_scripts(self) -> None:
        self.harness.plain.script_flush()

    @invariant()
    def what_remains_agrees(self) -> None:
        if not hasattr(self, "model"):
            return
        self.model.expire(self.now)
        left = max(0, int((self.model.law.limit - self.model.used(self.now)) // 1))
        ours = self.peek()[2]
        assert ours == left

    @invariant()
    def every_key_has_a_ttl(self) -> None:
        assert self.harness.keys_without_ttl() == []


class BucketMachine(CounterMachine):
    """GCRA, with rates that no whole number of microseconds fits."""

    def make(self, data: st.DataObject) -> tuple[AnyAlgorithm, Law]:
        capacity, rate = data.draw(st.integers(1, 12)), data.draw(st.sampled_from((1, 3, 7, 13)))
        per = data.draw(st.sampled_from((1_000_000, 7_000_000, 60_000_000)))
        return TokenBucket(capacity, rate, per, 10_000), Bucket(capacity, Fraction(rate, per))

    @invariant()
    def never_above_burst_and_rate(self) -> None:
        if not hasattr(self, "model"):
            return
        law = self.model.law
        assert isinstance(law, Bucket)
        for index, (begin, _) in enumerate(self.admitted):
            total = 0
            for at, cost in self.admitted[index:]:
                total += cost
                assert total <= law.limit + law.rate * (at - begin)


class WindowMachine(CounterMachine):
    """Sliding window, exact and by slots."""

    def make(self, data: st.DataObject) -> tuple[AnyAlgorithm, Law]:
        limit, exact = data.draw(st.integers(1, 12)), data.draw(st.sampled_from((1, 6, 64)))
        window = data.draw(st.sampled_from((1_000_000, 5_000_003, 60_000_000)))
        algorithm = SlidingWindow(limit, window, exact)
        return algorithm, Window(limit, window, algorithm.slot_us)

    @invariant()
    def no_window_sees_more_than_the_limit(self) -> None:
        if not hasattr(self, "model"):
            return
        law = self.model.law
        assert isinstance(law, Window)
        for begin, _ in self.admitted:
            assert sum(cost for at, cost in self.admitted if begin <= at < begin + law.window) <= law.limit


class CalendarMachine(CounterMachine):
    """Calendar quota in a zone with an odd offset."""

    steps = (0, 1, 999_999, 3_600_000_000, 40_000_000_000, 86_400_000_000, 8 * 86_400_000_000)

    def make(self, data: st.DataObject) -> tuple[AnyAlgorithm, Law]:
        limit, period = data.draw(st.integers(1, 12)), data.draw(PERIODS)
        zone = data.draw(st.sampled_from(("UTC", "Asia/Kathmandu", "Europe/Berlin")))
        return CalendarQuota(limit, period, zone), Calendar(limit, period, ZoneInfo(zone))


@pytest.fixture(params=[BucketMachine, WindowMachine, CalendarMachine], ids=["bucket", "window", "calendar"])
def machine(request: pytest.FixtureRequest, redis_server: RedisProcess) -> Iterator[type[CounterMachine]]:
    request.param.url = redis_server.url
    yield request.param


@pytest.mark.timeout(300)
def test_the_scripts_do_what_the_exact_model_does(machine: type[CounterMachine]) -> None:
    run_state_machine_as_test(machine, settings=EXAMPLES)
