"""Reservations on the real scripts: late settlements, debt, clocks that go back, and what broke other limiters."""

import math
import random
from collections.abc import Iterator
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.ratelimit.algorithms import Concurrency, SlidingWindow, TokenBucket
from services.ratelimit.decider import Mode, Status
from services.ratelimit.tests.harness import TAG, Harness
from services.ratelimit.tests.models import Bucket, Hold, Model

START = 1_800_000_000_000_000
SECOND = 1_000_000


@pytest.fixture
def harness(redis_url: str) -> Iterator[Harness]:
    made = Harness(redis_url, START)
    yield made
    made.close()


EVENTS = st.lists(st.tuples(st.integers(0, 4 * SECOND), st.integers(1, 4)), max_size=6)


@settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(estimate=st.integers(1, 10), used=st.integers(0, 10), ttl=st.integers(1, 3 * SECOND), events=EVENTS)
def test_a_late_settlement_of_a_bucket_leaves_exactly_what_the_real_use_would_have(
    harness: Harness, estimate: int, used: int, ttl: int, events: list[tuple[int, int]]
) -> None:
    harness.plain.flushdb()
    harness.now = START
    algorithm = TokenBucket(10, 7, 3 * SECOND, 1_000)
    model = Model(Bucket(10, Fraction(7, 3 * SECOND)))
    harness.decide(Mode.HOLD, [harness.demand("one", algorithm, estimate)], "r", ttl)
    model.holds["r"] = Hold(START + ttl, estimate, charged=True)
    for step, cost in events:
        harness.now += step
        admitted = harness.decide(Mode.TAKE, [harness.demand("one", algorithm, cost)]).status is Status.ALLOWED
        assert admitted == model.fits(cost, harness.now)
        if admitted:
            model.charge(cost, harness.now)
    model.expire(harness.now)
    harness.settle("r", {"one": used})
    model.settle("r", used, harness.now)
    _, _, x, y = harness.decide(Mode.PEEK, [harness.demand("one", algorithm, 1)]).counters[0]
    left = max(0, int((10 - model.used(harness.now)) // 1))
    assert algorithm.standing(x, y).remaining == left


RESERVATIONS = st.lists(
    st.tuples(st.integers(1, 5), st.integers(0, 6), st.integers(1, 3 * SECOND)), min_size=2, max_size=5
)


@settings(
    max_examples=250, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(reservations=RESERVATIONS, events=EVENTS, order=st.randoms(use_true_random=False))
def test_late_settlements_of_several_reservations_of_a_bucket_are_exact_in_any_order(
    harness: Harness, reservations: list[tuple[int, int, int]], events: list[tuple[int, int]], order: random.Random
) -> None:
    harness.plain.flushdb()
    harness.now = START
    algorithm = TokenBucket(12, 7, 3 * SECOND, 1_000)
    model = Model(Bucket(12, Fraction(7, 3 * SECOND)))

    def agree() -> None:
        model.expire(harness.now)
        _, _, x, y = harness.decide(Mode.PEEK, [harness.demand("one", algorithm, 1)]).counters[0]
        assert algorithm.standing(x, y).remaining == max(0, int((12 - model.used(harness.now)) // 1))

    todo = [("take", str(index), *event) for index, event in enumerate(events)]
    todo += [("hold", str(index), ttl, estimate) for index, (estimate, _, ttl) in enumerate(reservations)]
    order.shuffle(todo)
    held = []
    for what, name, time, cost in todo:
        demand = harness.demand("one", algorithm, cost)
        fits = model.fits(cost, harness.now)
        if what == "hold":
            assert (harness.decide(Mode.HOLD, [demand], name, time).status is Status.ALLOWED) == fits
            if fits:
                model.holds[name] = Hold(harness.now + time, cost, charged=True)
                held.append(name)
        else:
            assert (harness.decide(Mode.TAKE, [demand]).status is Status.ALLOWED) == fits
            if fits:
                model.charge(cost, harness.now)
            harness.now += time
        agree()
    harness.now = max([harness.now, *(hold.expiry for hold in model.holds.values())])
    agree()
    order.shuffle(held)
    for name in held:
        used = reservations[int(name)][1]
        assert harness.settle(name, {"one": used}).late
        model.settle(name, used, harness.now)
        agree()


def test_late_charges_that_can_no_longer_matter_are_not_kept(harness: Harness) -> None:
    bucket = TokenBucket(1_000, 100, SECOND)
    for number in range(300):
        harness.decide(Mode.HOLD, [harness.demand("one", bucket, 2)], f"r{number}", 1_000)
        harness.now += 2_000
    kept = len(harness.plain.get(f"ratelimit:{{{TAG}}}:one") or b"")
    # More late charges than are kept: the oldest give nothing back any more, and that is all.
    before = harness.decide(Mode.PEEK, [harness.demand("one", bucket, 1)]).counters[0]
    assert harness.settle("r0", None).late
    assert harness.decide(Mode.PEEK, [harness.demand("one", bucket, 1)]).counters[0] == before
    assert harness.settle("r299", None).late
    after = harness.decide(Mode.PEEK, [harness.demand("one", bucket, 1)]).counters[0]
    assert after[2] - before[2] == 20_000
    harness.now += 20 * SECOND
    harness.decide(Mode.TAKE, [harness.demand("one", bucket, 1)])
    assert len(harness.plain.get(f"ratelimit:{{{TAG}}}:one") or b"") < kept / 20


RATES = st.tuples(st.integers(1, 12), st.sampled_from((1, 3, 7, 13)), st.sampled_from((1, 7, 60)))


@settings(
    max_examples=100, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(old=RATES, new=RATES, before=EVENTS, after=st.lists(st.tuples(st.integers(0, 4 * SECOND), st.integers(1, 4))))
def test_a_bucket_whose_rate_changes_keeps_to_each_law_while_it_is_in_force(
    harness: Harness,
    old: tuple[int, int, int],
    new: tuple[int, int, int],
    before: list[tuple[int, int]],
    after: list[tuple[int, int]],
) -> None:
    harness.plain.flushdb()
    harness.now = START
    admitted: list[tuple[int, int]] = []
    for (capacity, rate, per), events in ((old, before), (new, after)):
        algorithm = TokenBucket(capacity, rate, per * SECOND, capacity)
        law = Fraction(rate, per * SECOND)
        admitted.clear()
        for step, cost in events:
            harness.now += step
            if cost > capacity:
                continue
            outcome = harness.decide(Mode.TAKE, [harness.demand("one", algorithm, cost)])
            if outcome.status is Status.ALLOWED:
                admitted.append((harness.now, cost))
                for index, (begin, _) in enumerate(admitted):
                    total = sum(amount for _, amount in admitted[index:])
                    assert total <= capacity + law * (harness.now - begin)
            else:
                # No longer than a full bucket and its debt take to drain.
                assert outcome.counters[0][1] <= math.ceil(2 * capacity / law)
                now, wait = harness.now, int(outcome.counters[0][1])
                harness.now = now + wait
                peek = harness.decide(Mode.PEEK, [harness.demand("one", algorithm, cost)])
                assert peek.counters[0][0] == 1.0
                harness.now = now


def test_two_callers_can_never_spend_the_same_budget(harness: Harness) -> None:
    budget = SlidingWindow(100, 60 * SECOND)
    demand = harness.demand("money", budget, 60)
    assert harness.decide(Mode.HOLD, [demand], "a", 30 * SECOND).status is Status.ALLOWED
    assert harness.decide(Mode.HOLD, [demand], "b", 30 * SECOND).status is Status.DENIED
    harness.settle("a", {"money": 10})
    assert harness.decide(Mode.HOLD, [demand], "b", 30 * SECOND).status is Status.ALLOWED


def test_what_expires_unsettled_is_charged_and_what_was_never_sent_is_given_back(harness: Harness) -> None:
    budget = SlidingWindow(100, 60 * SECOND)
    harness.decide(Mode.HOLD, [harness.demand("money", budget, 80)], "a", SECOND)
    harness.now += 2 * SECOND
    assert harness.decide(Mode.TAKE, [harness.demand("money", budget, 30)]).status is Status.DENIED
    settlement = harness.settle("a", None)
    assert settlement.late
    assert settlement.limits[0].remaining == 100
    assert harness.settle("a", {"money": 80}).already_settled


def test_use_beyond_the_estimate_is_a_debt_that_delays_what_comes_next(harness: Harness) -> None:
    bucket = TokenBucket(10, 1, SECOND, 50)
    harness.decide(Mode.HOLD, [harness.demand("one", bucket, 5)], "a", SECOND)
    harness.settle("a", {"one": 25})
    outcome = harness.decide(Mode.TAKE, [harness.demand("one", bucket, 1)])
    assert outcome.status is Status.DENIED
    assert outcome.counters[0][1] == 16 * SECOND


def test_a_clock_that_goes_back_delays_by_no_more_than_a_full_bucket(harness: Harness) -> None:
    bucket, window = TokenBucket(5, 1, SECOND), SlidingWindow(5, 10 * SECOND)
    demands = [harness.demand("one", bucket, 5), harness.demand("two", window, 5)]
    assert harness.decide(Mode.TAKE, demands).status is Status.ALLOWED
    harness.now -= 3600 * SECOND
    outcome = harness.decide(Mode.TAKE, demands)
    assert outcome.status is Status.DENIED
    # A bucket's stored time is cut to its capacity and the debt it may have, here none; a window's to now.
    assert outcome.counters[0][1] == 5 * SECOND
    assert outcome.counters[1][1] == 10 * SECOND
    harness.now += 10 * SECOND
    assert harness.decide(Mode.TAKE, demands).status is Status.ALLOWED


def test_a_lowered_limit_forgets_what_it_can_no_longer_hold(harness: Harness) -> None:
    assert (
        harness.decide(Mode.TAKE, [harness.demand("one", TokenBucket(1000, 1, SECOND), 1000)]).status is Status.ALLOWED
    )
    outcome = harness.decide(Mode.TAKE, [harness.demand("one", TokenBucket(5, 1, SECOND), 1)])
    assert outcome.counters[0][1] == SECOND


def test_a_raised_limit_counts_at_once(harness: Harness) -> None:
    low, high = SlidingWindow(1, 60 * SECOND), SlidingWindow(10, 60 * SECOND)
    assert harness.decide(Mode.TAKE, [harness.demand("one", low, 1)]).status is Status.ALLOWED
    assert harness.decide(Mode.TAKE, [harness.demand("one", low, 1)]).status is Status.DENIED
    assert harness.decide(Mode.TAKE, [harness.demand("one", high, 9)]).status is Status.ALLOWED


def test_a_bucket_whose_rate_is_raised_waits_by_the_new_rate(harness: Harness) -> None:
    low, high = TokenBucket(1, 1, 60 * SECOND), TokenBucket(10, 10, 60 * SECOND)
    assert harness.decide(Mode.TAKE, [harness.demand("one", low, 1)]).status is Status.ALLOWED
    assert harness.decide(Mode.TAKE, [harness.demand("one", low, 1)]).counters[0][1] == 60 * SECOND
    assert harness.decide(Mode.TAKE, [harness.demand("one", high, 1)]).counters[0][1] == 6 * SECOND


def test_a_fast_bucket_does_not_forget_what_was_used(harness: Harness) -> None:
    # Elsewhere the time to live of such a key rounds to 0, the key vanishes and everything is admitted.
    harness.scripts.now_us = None
    bucket = TokenBucket(100, 1000, SECOND)
    demands = [harness.demand("one", bucket, 1)]
    first = harness.decide(Mode.PEEK, demands).now_us
    admitted, last = 0, first
    for _ in range(3_000):
        outcome = harness.decide(Mode.TAKE, demands)
        admitted += outcome.status is Status.ALLOWED
        last = outcome.now_us
    assert admitted <= 100 + (last - first) / 1000


def test_rates_keep_their_fractions(harness: Harness) -> None:
    bucket = TokenBucket(1, 3, SECOND)
    admitted = 0
    for _ in range(1000):
        admitted += harness.decide(Mode.TAKE, [harness.demand("one", bucket, 1)]).status is Status.ALLOWED
        harness.now += 100_000
    # 100 seconds at 3 a second, looked at every tenth: one every 0.4 s.
    assert admitted == 250


def test_slots_of_concurrency_come_back_when_released_or_expired(harness: Harness) -> None:
    slots = Concurrency(2, 5 * SECOND)
    demand = harness.demand("one", slots, 1)
    assert [harness.decide(Mode.TAKE, [demand], name).status for name in "abc"] == [
        Status.ALLOWED,
        Status.ALLOWED,
        Status.DENIED,
    ]
    harness.settle("a", None)
    assert harness.decide(Mode.TAKE, [demand], "d").status is Status.ALLOWED
    harness.now += 5 * SECOND
    assert harness.decide(Mode.TAKE, [demand], "e").status is Status.ALLOWED
    assert harness.keys_without_ttl() == []


def test_a_key_of_another_algorithm_counts_as_empty(harness: Harness) -> None:
    harness.decide(Mode.TAKE, [harness.demand("one", TokenBucket(1, 1, 60 * SECOND), 1)])
    assert harness.decide(Mode.TAKE, [harness.demand("one", SlidingWindow(1, SECOND), 1)]).status is Status.ALLOWED
