"""What a process says of its calls: right to a bucket, forgotten after an hour, and addable."""

import random

import pytest

from chassis.telemetry.call_statistics import CallStatistics, added, bucket_of, upper_bound
from tests.support.clock import ManualClock


def test_a_bucket_holds_what_is_within_five_percent() -> None:
    for seconds in (0.00011, 0.004, 0.25, 3.0, 900.0):
        bound = upper_bound(bucket_of(seconds))
        assert seconds <= bound * (1 + 1e-9)
        assert bound <= seconds * 1.05 * (1 + 1e-9)
    assert bucket_of(0.0) == 0
    assert bucket_of(1e12) == bucket_of(1e13)


def test_average_percentile_and_errors_are_those_of_the_calls() -> None:
    statistics = CallStatistics(ManualClock())
    rng = random.Random(5)
    times = sorted(rng.expovariate(20) for _ in range(2000))
    for index, seconds in enumerate(times):
        statistics.note(seconds, failed=index % 100 == 0)
    statistics.note(None, failed=True)
    summary = statistics.over(300)
    assert (summary.count, summary.errors, summary.timed) == (2001, 21, 2000)
    assert summary.average == pytest.approx(sum(times) / 2000)
    assert (summary.shortest, summary.longest) == (times[0], times[-1])
    exact = times[int(0.95 * 2000) - 1]
    assert exact <= summary.percentile(0.95) <= exact * 1.051


def test_minutes_pass_away_and_what_is_kept_stays_bounded() -> None:
    clock = ManualClock()
    statistics = CallStatistics(clock)
    for _ in range(500):
        statistics.note(1.0, failed=False)
        clock.advance(60)
    assert statistics.over(300).count == 5
    assert statistics.over(3600).count == 60
    assert statistics.over(1e9).count <= 61
    clock.advance(7200)
    nothing = statistics.over(3600)
    assert (nothing.count, nothing.average, nothing.percentile(0.95)) == (0, 0.0, 0.0)


def test_those_of_several_processes_are_added_up() -> None:
    clock = ManualClock()
    quick, slow = CallStatistics(clock), CallStatistics(clock)
    for _ in range(90):
        quick.note(0.01, failed=False)
    for _ in range(10):
        slow.note(1.0, failed=True)
    whole = added([quick.over(60), slow.over(60)])
    assert (whole.count, whole.errors) == (100, 10)
    assert whole.average == pytest.approx(0.109)
    assert whole.percentile(0.9) == pytest.approx(0.01, rel=0.05)
    assert whole.percentile(0.95) == pytest.approx(1.0, rel=0.05)
