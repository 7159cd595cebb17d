"""What keeps operations back: their own pauses and the breaker of their kind."""

from __future__ import annotations

from services.executor.plans.holdback import Holdback
from services.executor.plans.operation import Operation
from services.executor.plans.settings import PlanSettings

ONE = Operation(id="1", kind="channel.create", path={"guild_id": "1"})
OTHER = Operation(id="2", kind="role.create", path={"guild_id": "1"})


def test_a_pause_holds_its_own_operation_and_ends() -> None:
    holdback = Holdback(PlanSettings())
    holdback.until(ONE, 5.0)
    holdback.until(ONE, 3.0)
    assert not holdback.may_begin(ONE, 4.9)
    assert holdback.may_begin(ONE, 5.0)
    assert holdback.may_begin(OTHER, 0.0)


def test_the_next_end_of_a_pause_is_known() -> None:
    holdback = Holdback(PlanSettings())
    assert holdback.soonest(1.0, 9.0) == 9.0
    holdback.until(ONE, 5.0)
    assert holdback.soonest(1.0, 9.0) == 5.0
    # What is over wakes nobody.
    assert holdback.soonest(5.0, 9.0) == 9.0


def test_an_open_breaker_holds_its_kind_alone() -> None:
    settings = PlanSettings(breaker_failures=2, breaker_pause_seconds=2.0)
    holdback = Holdback(settings)
    for _ in range(2):
        holdback.breaker(ONE).failed(1.0)
    assert holdback.wait(ONE, 1.0) == 2.0
    assert holdback.wait(OTHER, 1.0) == 0.0
    assert holdback.soonest(1.0, 9.0) == 3.0
