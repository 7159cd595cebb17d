"""Discord in trouble: nothing is made twice, nothing is lost, the report is true."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from guildhall.executor.v1 import plan_pb2

from tests.executor.planning import Planner

TEN = {"op": "create_channel", "name": "room-{i}", "repeat": 10}
CREATE = {"method": "POST", "route": "/guilds/{guild_id}/channels"}


@pytest.fixture
def executor_options() -> dict[str, str]:
    """Quick about what takes long."""
    return {
        "GUILDHALL_EXECUTOR__PLANS__BREAKER_PAUSE_SECONDS": "0.2",
        "GUILDHALL_EXECUTOR__PLANS__SETTLE_SECONDS": "3",
        "GUILDHALL_EXECUTOR__PLANS__SETTLE_POLL_SECONDS": "0.1",
        "GUILDHALL_EXECUTOR__REST__REQUEST_TIMEOUT_SECONDS": "1",
    }


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "status", "status": 504, "effect": True, "times": 3},
        {"kind": "status", "status": 500, "effect": False, "times": 3},
        {"kind": "cut", "effect": True, "times": 3},
        {"kind": "cut", "effect": False, "times": 3},
        {"kind": "latency", "seconds": 2, "times": 2},
    ],
    ids=["504-done", "500-not-done", "reset-done", "reset-not-done", "late"],
)
@pytest.mark.parametrize("audit_log", [True, False], ids=["audit-log", "no-audit-log"])
async def test_no_channel_is_made_twice(planner: Planner, fault: dict[str, Any], audit_log: bool) -> None:
    if not audit_log:
        route = "/guilds/{guild_id}/audit-logs"
        await planner.sandbox.fault("status", method="GET", route=route, status=403, effect=False, times=1000)
    await planner.sandbox.fault(**CREATE, after=2, **fault)
    plan = await planner.run(TEN)
    assert plan.status == plan_pb2.PLAN_STATUS_DONE, plan
    channels = await planner.rest("GET", f"/guilds/{planner.guild_id}/channels")
    made = Counter(channel["name"] for channel in channels if channel["name"].startswith("room-"))
    assert made == {f"room-{i}": 1 for i in range(1, 11)}
    ids = {channel["id"]: channel["name"] for channel in channels}
    assert [ids[step.result] for step in plan.steps] == [f"room-{i}" for i in range(1, 11)]


async def test_deletions_survive_faults(planner: Planner) -> None:
    for i in range(12):
        await planner.create_channel(f"test-{i}")
    route = "/channels/{channel_id}"
    await planner.sandbox.fault("status", method="DELETE", route=route, status=503, effect=True, times=3, after=1)
    await planner.sandbox.fault("cut", method="DELETE", route=route, effect=False, times=2, after=4)
    plan = await planner.run({"op": "delete_channel", "targets": {"select": {"name_glob": "test-*"}}})
    assert {step.status for step in plan.steps} == {plan_pb2.STEP_STATUS_DONE}, plan
    assert not [name for name in await planner.channels() if name.startswith("test-")]


async def test_one_call_at_a_time_tries_whether_trouble_is_over(planner: Planner) -> None:
    for i in range(8):
        await planner.create_channel(f"test-{i}")
    plan = await planner.draft({"op": "delete_channel", "targets": {"select": {"name_glob": "test-*"}}})
    # Four calls may meet the trouble at once; then one at a time finds it still there, each after twice the pause.
    route = "/channels/{channel_id}"
    await planner.sandbox.fault("status", method="DELETE", route=route, status=503, effect=False, times=8)
    await planner.confirm(plan)
    done = await planner.reached(plan.plan_id, plan_pb2.PLAN_STATUS_DONE)
    assert {step.status for step in done.steps} == {plan_pb2.STEP_STATUS_DONE}, done
    failed = [call["at"] for call in await planner.sandbox.requests(method="DELETE", status=503, limit=100)]
    assert len(failed) == 8
    assert max(failed) - min(failed) > 0.2 + 0.4 + 0.8 + 1.6 - 0.3


async def test_a_refusal_fails_one_step_and_what_needs_it(planner: Planner) -> None:
    plan = await planner.draft(
        {"op": "create_channel", "id": "cat", "name": "Games", "type": "category"},
        {"op": "create_channel", "name": "squad", "category": {"from": "cat"}},
        {"op": "create_channel", "name": "apart"},
    )
    await planner.sandbox.fault("status", **CREATE, status=400, effect=False, times=1)
    await planner.confirm(plan)
    done = await planner.reached(plan.plan_id, plan_pb2.PLAN_STATUS_DONE)
    assert [step.status for step in done.steps] == [
        plan_pb2.STEP_STATUS_FAILED,
        plan_pb2.STEP_STATUS_SKIPPED,
        plan_pb2.STEP_STATUS_DONE,
    ]
    assert "apart" in await planner.channels()
