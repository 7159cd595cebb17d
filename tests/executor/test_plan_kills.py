"""`kill -9` of executor at random moments of a run: the guild ends exactly as planned, and nothing is done twice."""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from guildhall.executor.v1 import plan_pb2

from chassis.testing import TestKeys
from sandbox.app import Sandbox
from sandbox.control.client import SandboxClient
from tests.executor.planning import ENDED, Planner, running_planner
from tests.support.service_process import ServiceProcess
from tests.support.waiting import eventually, free_port

RUNS = int(os.environ.get("PLAN_KILL_RUNS", "10"))
KILLS_PER_RUN = 2
SERVICES = ("gateway", "llm", "executor", "ratelimit", "board")
QUICK = {
    "GUILDHALL_EXECUTOR__JOBS__PARTITIONS": "4",
    "GUILDHALL_EXECUTOR__JOBS__LEASE_SECONDS": "2",
    "GUILDHALL_EXECUTOR__JOBS__HEARTBEAT_SECONDS": "0.4",
    "GUILDHALL_EXECUTOR__PLANS__SETTLE_SECONDS": "3",
    "GUILDHALL_EXECUTOR__PLANS__SETTLE_POLL_SECONDS": "0.2",
}


@pytest_asyncio.fixture
async def killable(
    sandbox_server: Sandbox, sandbox: SandboxClient, redis_url: str, tmp_path: Path
) -> AsyncIterator[tuple[Planner, ServiceProcess]]:
    """A planner whose executor may be killed."""
    keys = tmp_path / "keys"
    keys.mkdir()
    for service in SERVICES:
        (keys / f"{service}.key").write_text(TestKeys().keys(service)[0].hex())
    port = free_port()

    async with running_planner(sandbox_server, sandbox, redis_url, {}, executor_at=f"127.0.0.1:{port}") as planner:
        environment = {
            **{name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")},
            **planner.environment,
            **QUICK,
            "GUILDHALL_CALLERS__KEYS_DIR": str(keys),
            "GUILDHALL_RPC__PORTS__EXECUTOR": str(port),
        }
        executor = ServiceProcess("executor", environment)
        await executor.start()
        try:
            yield planner, executor
        finally:
            await executor.kill()


def intents(run: int) -> list[dict[str, Any]]:
    """Sixty operations: creations that depend on one another, edits, deletions."""
    return [
        {"op": "create_channel", "id": "cats", "name": f"area-{run}-{{i}}", "type": "category", "repeat": 4},
        {"op": "create_channel", "id": "rooms", "name": f"room-{run}-{{i}}", "repeat": 8, "category": {"from": "cats"}},
        {"op": "create_role", "name": f"Team {run} {{i}}", "repeat": 8},
        {"op": "delete_channel", "targets": {"select": {"name_glob": f"old-{run}-*"}}},
    ]


@pytest.mark.timeout(900)
async def test_sixty_operations_survive_any_death(killable: tuple[Planner, ServiceProcess]) -> None:
    planner, executor = killable
    dice = random.Random(20261120)
    await planner.sandbox.settings(latency_ms=60)
    for run in range(RUNS):
        for number in range(16):
            await planner.create_channel(f"old-{run}-{number}")
        plan = await planner.draft(*intents(run))
        assert len(plan.steps) == 60, plan
        await planner.sandbox.reset_counters()
        assert await planner.confirm(plan) == plan_pb2.PLAN_REFUSAL_UNSPECIFIED
        for kill in range(KILLS_PER_RUN):
            # Somewhere among the calls: after so many requests more, whatever they are.
            await planner.sandbox.wait("request", count=(kill + 1) * dice.randint(1, 25), timeout=60)
            await executor.kill()
            await executor.start()
        done = await planner.reached(plan.plan_id, *ENDED, timeout=90)
        assert done.status == plan_pb2.PLAN_STATUS_DONE, done
        await assert_exact(planner, done, run)


async def test_an_old_owner_that_wakes_up_changes_nothing(killable: tuple[Planner, ServiceProcess]) -> None:
    planner, owner = killable
    heir = ServiceProcess("executor", {**owner.environment, "GUILDHALL_RPC__PORTS__EXECUTOR": str(free_port())})
    await planner.sandbox.settings(latency_ms=60)
    for number in range(16):
        await planner.create_channel(f"old-0-{number}")
    plan = await planner.draft(*intents(0))
    await planner.sandbox.reset_counters()
    assert await planner.confirm(plan) == plan_pb2.PLAN_REFUSAL_UNSPECIFIED
    await planner.sandbox.wait("request", count=15, timeout=60)
    owner.freeze()
    await heir.start()
    try:
        await eventually(lambda: _is_whole(planner), timeout=60, interval=0.2)
        await planner.sandbox.wait("message", as_="owner", channel="general", component="plan.undo", timeout=30)
        before = await _changes(planner)
        owner.thaw()
        # It answers again, so it is awake; what it was about to do it does not do any more.
        done = await planner.reached(plan.plan_id, *ENDED, timeout=60)
        assert done.status == plan_pb2.PLAN_STATUS_DONE, done
        await assert_exact(planner, done, 0)
        assert await _changes(planner) == before
    finally:
        await heir.kill()


async def _is_whole(planner: Planner) -> bool:
    names = Counter(channel["name"] for channel in await planner.rest("GET", f"/guilds/{planner.guild_id}/channels"))
    assert sum(n for name, n in names.items() if name.startswith("room-0-")) == 32
    assert not [name for name in names if name.startswith("old-0-")]
    return True


async def _changes(planner: Planner) -> Counter[tuple[str, str]]:
    """What was asked of Discord that changes a guild, by method and path."""
    log = await planner.sandbox.requests(limit=1000)
    changing = [one for one in log if one["method"] != "GET" and "/messages" not in one["path"]]
    return Counter((one["method"], one["path"]) for one in changing)


async def assert_exact(planner: Planner, done: plan_pb2.Plan, run: int) -> None:
    """The guild is as planned, each thing once, and the report says what is."""
    channels = await planner.rest("GET", f"/guilds/{planner.guild_id}/channels")
    by_name = Counter(channel["name"] for channel in channels)
    assert {name: n for name, n in by_name.items() if name.startswith(f"area-{run}-")} == {
        f"area-{run}-{i}": 1 for i in range(1, 5)
    }
    assert {name: n for name, n in by_name.items() if name.startswith(f"room-{run}-")} == {
        f"room-{run}-{i}": 4 for i in range(1, 9)
    }
    parents = Counter(channel["parent_id"] for channel in channels if channel["name"].startswith(f"room-{run}-"))
    assert set(parents.values()) == {8}
    assert not [name for name in by_name if name.startswith(f"old-{run}-")]
    roles = Counter(role["name"] for role in await planner.rest("GET", f"/guilds/{planner.guild_id}/roles"))
    assert {name: n for name, n in roles.items() if name.startswith(f"Team {run} ")} == {
        f"Team {run} {i}": 1 for i in range(1, 9)
    }
    assert {step.status for step in done.steps} == {plan_pb2.STEP_STATUS_DONE}
    ids = {channel["id"] for channel in channels}
    assert all(step.result in ids for step in done.steps if step.kind == "channel.create")
    results = [step.result for step in done.steps if step.result]
    assert len(results) == len(set(results))
