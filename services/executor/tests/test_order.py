"""In which order operations go that are ready at once, and how that shows in what a run takes."""

from __future__ import annotations

from services.executor.plans.estimate import bare, play
from services.executor.plans.operation import Operation
from services.executor.plans.order import ranks
from services.executor.plans.settings import PlanSettings


def made(number: int, kind: str = "channel.create", *needs: int) -> Operation:
    return Operation(id=str(number), kind=kind, path={"guild_id": "1"}, needs=tuple(map(str, needs)))


def order(*operations: Operation) -> list[str]:
    rank = ranks(operations)
    return sorted(rank, key=lambda number: rank[number])


def test_what_others_wait_for_goes_before_everything_else() -> None:
    roles = [made(number, "role.create") for number in (1, 2)]
    assert order(*roles, made(3), made(4, "channel.create", 3)) == ["3", "1", "2", "4"]


def test_the_longest_chain_goes_first() -> None:
    assert order(
        made(1), made(2, "channel.create", 1), made(3), made(4, "channel.create", 3), made(5, "channel.create", 4)
    ) == [
        "3",
        "1",
        "4",
        "2",
        "5",
    ]


def test_among_equals_stages_and_then_the_plan_decide() -> None:
    assert order(made(1, "overwrite.set"), made(2), made(3), made(4, "role.create")) == ["4", "2", "3", "1"]


def test_what_is_needed_may_be_listed_later_or_not_at_all() -> None:
    assert order(made(1, "channel.create", 2), made(2), made(3, "role.create", 99)) == ["2", "3", "1"]


def test_a_chain_is_not_left_for_the_end() -> None:
    # Two kinds of work of a second each at one at a time: the category's two channels can travel while roles are made.
    settings = PlanSettings(concurrency_start=2, concurrency_max=2)
    roles = [made(number, "role.create") for number in range(1, 7)]
    chain = [made(7), made(8, "channel.create", 7), made(9, "channel.create", 8)]
    assert play([*roles, *chain], bare(settings, 1.0)) == 5.0
