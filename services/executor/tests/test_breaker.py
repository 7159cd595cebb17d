"""The breaker of a run: opens after failures in a row, probes with growing pauses, closes on success."""

from __future__ import annotations

from services.executor.plans.breaker import Breaker


def breaker() -> Breaker:
    """As configured by default, with round numbers."""
    return Breaker(failures=3, pause=2.0, max_pause=10.0)


def test_it_opens_after_three_failures_in_a_row() -> None:
    one = breaker()
    assert [one.failed(0.0), one.failed(0.0), one.failed(0.0)] == [0.0, 0.0, 2.0]
    assert one.wait(0.5) == 1.5
    assert one.since == 0.0


def test_a_success_between_failures_keeps_it_closed() -> None:
    one = breaker()
    for _ in range(10):
        one.failed(0.0)
        one.failed(0.0)
        one.succeeded()
    assert one.wait(0.0) == 0.0


def test_probes_go_one_at_a_time_and_their_pauses_grow_up_to_a_limit() -> None:
    one = breaker()
    for _ in range(3):
        one.failed(0.0)
    now, pauses = 2.0, []
    for _ in range(5):
        assert one.wait(now) == 0.0
        one.begin()
        assert one.wait(now) > 0.0
        pauses.append(one.failed(now))
        now += pauses[-1]
    assert pauses == [4.0, 8.0, 10.0, 10.0, 10.0]
    one.begin()
    one.succeeded()
    assert one.wait(now) == 0.0
    assert one.since is None


def test_failures_of_calls_that_were_under_way_do_not_lengthen_the_pause() -> None:
    one = breaker()
    for _ in range(3):
        one.failed(0.0)
    assert one.failed(0.1) == 0.0
    assert one.wait(1.0) == 1.0
