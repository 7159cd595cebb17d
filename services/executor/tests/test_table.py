"""The operation table: every row goes to a route that Discord documents, knows its way back and its limit."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from services.executor.discord.routes import Route
from services.executor.plans import permissions
from services.executor.plans.estimate import bare, estimate, play
from services.executor.plans.kinds import Rate, Reversible
from services.executor.plans.latencies import Latencies
from services.executor.plans.operation import Outcome, Status, resolved
from services.executor.plans.saying import ENGLISH, loss_of
from services.executor.plans.settings import PlanSettings
from services.executor.plans.table import TABLE
from services.executor.plans.undo import invert
from services.executor.tests.rows import ROWS

SETTINGS = PlanSettings()
BARE = bare(SETTINGS, 0.01)
DONE = Outcome(status=Status.DONE, result="777")


def test_every_row_has_its_operation() -> None:
    assert set(ROWS) == set(TABLE)


@pytest.mark.parametrize("kind", sorted(TABLE))
def test_a_row_goes_to_its_route(kind: str) -> None:
    row, operation = TABLE[kind], ROWS[kind]
    route = Route.of(row.method, row.template, **resolved(operation.path, {}))
    assert "{" not in route.path
    assert permissions.bits(row.permissions)


@pytest.mark.parametrize("kind", sorted(TABLE))
def test_discord_documents_the_route(kind: str) -> None:
    path = Path(os.environ.get("DISCORD_OPENAPI") or Path(__file__).parents[4] / "shared" / "discord" / "openapi.json")
    if not path.exists():
        pytest.skip("Discord's description is not here, so routes were not checked against it")
    described = json.loads(path.read_text(encoding="utf-8"))["paths"]
    assert TABLE[kind].method.lower() in described[TABLE[kind].template]


@pytest.mark.parametrize("kind", sorted(TABLE))
def test_a_row_knows_its_way_back(kind: str) -> None:
    undo = invert([ROWS[kind]], {"1": DONE})
    if TABLE[kind].reversible is Reversible.NOT:
        assert not undo.operations
        assert loss_of(kind, ENGLISH)
        return
    assert undo.operations
    assert bool(undo.losses) == (TABLE[kind].reversible is Reversible.PARTLY)
    for inverse in undo.operations:
        row = TABLE[inverse.kind]
        Route.of(row.method, row.template, **resolved(inverse.path, {"1": "888", "2": "889"}))


@pytest.mark.parametrize("kind", sorted(TABLE))
def test_a_row_knows_its_limit(kind: str) -> None:
    rate = min((one for one in TABLE[kind].rates if not one.long), key=lambda one: one.calls / one.seconds)
    many = [ROWS[kind].model_copy(update={"id": str(number)}) for number in range(1, rate.calls * 2 + 2)]
    within, beyond = play(many[: rate.calls], BARE), play(many, BARE)
    assert beyond - within >= rate.seconds * 0.9, f"{kind} has {rate}, yet {beyond} and {within}"


@pytest.mark.parametrize("kind", [kind for kind in sorted(TABLE) if any(rate.long for rate in TABLE[kind].rates)])
def test_a_long_quota_is_said(kind: str) -> None:
    rate = next(rate for rate in TABLE[kind].rates if rate.long)
    many = [ROWS[kind].model_copy(update={"id": str(number)}) for number in range(1, rate.calls + 2)]
    found = estimate(many, SETTINGS, Latencies(0.1, 0.0))
    assert [(quota.fits, quota.wanted) for quota in found.quotas] == [(rate.calls, rate.calls + 1)]
    assert not estimate(many[: rate.calls], SETTINGS, Latencies(0.1, 0.0)).quotas


def test_rates_are_told_apart_by_what_they_count() -> None:
    one = ROWS["overwrite.set"]
    ten = [one.model_copy(update={"id": str(number)}) for number in range(1, 12)]
    elsewhere = [
        operation.model_copy(update={"path": {"channel_id": operation.id, "overwrite_id": "1"}}) for operation in ten
    ]
    assert play(ten, BARE) > 10
    assert play(elsewhere, BARE) < 1


def test_a_rate_of_ten_minutes_is_long_and_one_of_five_is_not() -> None:
    assert Rate(2, 600.0).long
    assert not Rate(50, 300.0).long
