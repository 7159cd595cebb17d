"""What a guild may want of plans: a second approver, small plans at once, an end to previews; and long quotas said."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from guildhall.executor.v1 import plan_pb2

from sandbox.discord.seed import GUILD_ID
from services.executor.plans.permissions import bit
from tests.executor.planning import ENDED, Planner
from tests.support.waiting import eventually

TWO = {"op": "create_channel", "name": "lounge-{i}", "repeat": 2}
MANAGER = bit("manage_guild")


HERE = f"[{GUILD_ID}]"


@pytest.fixture
def executor_options(request: pytest.FixtureRequest) -> dict[str, str]:
    """The settings of plans that a test is given by `rules`."""
    chosen: dict[str, object] = getattr(request, "param", {})
    return {f"GUILDHALL_EXECUTOR__PLANS__{name.upper()}": str(value) for name, value in chosen.items()}


def rules(**chosen: object) -> pytest.MarkDecorator:
    """Has a test run with these settings of plans."""
    return pytest.mark.parametrize("executor_options", [chosen], indirect=True, ids=["rules"])


@rules(second_approver_guilds=HERE, many_deletions=2)
async def test_a_second_person_approves_what_is_risky(planner: Planner) -> None:
    for name in ("test-a", "test-b"):
        await planner.create_channel(name)
    plan = await planner.draft({"op": "delete_channel", "targets": {"select": {"name_glob": "test-*"}}})
    assert plan.high_risk
    assert await planner.confirm(plan) == plan_pb2.PLAN_REFUSAL_NEEDS_APPROVAL
    waiting = await planner.reached(plan.plan_id, plan_pb2.PLAN_STATUS_APPROVAL)
    assert await planner.confirm(waiting) == plan_pb2.PLAN_REFUSAL_NEEDS_APPROVAL
    request = plan_pb2.ConfirmPlanRequest(plan_id=plan.plan_id, hash=plan.hash)
    stranger = await planner.call("ConfirmPlan", request, person="member", permissions=0)
    assert stranger.refusal == plan_pb2.PLAN_REFUSAL_WRONG_PERSON
    assert "test-a" in await planner.channels()
    approved = await planner.call("ConfirmPlan", request, person="moderator", permissions=MANAGER)
    assert approved.refusal == plan_pb2.PLAN_REFUSAL_UNSPECIFIED
    await planner.reached(plan.plan_id, plan_pb2.PLAN_STATUS_DONE)
    assert not {"test-a", "test-b"} & set(await planner.channels())


@rules(second_approver_guilds=HERE)
async def test_what_is_harmless_needs_nobody_else(planner: Planner) -> None:
    plan = await planner.draft(TWO)
    assert await planner.confirm(plan) == plan_pb2.PLAN_REFUSAL_UNSPECIFIED
    await planner.reached(plan.plan_id, plan_pb2.PLAN_STATUS_DONE)


@rules(immediate_guilds=HERE, immediate_operations=3)
async def test_a_small_additive_plan_runs_at_once_and_offers_undo(planner: Planner) -> None:
    planner.model.will_answer({"summary": "Two", "intents": [TWO]})
    plan = await planner.ask("two lounges")
    done = await planner.reached(plan.plan_id, plan_pb2.PLAN_STATUS_DONE)
    assert {"lounge-1", "lounge-2"} <= set(await planner.channels())
    assert await _message(planner, "plan.undo")
    await planner.undo(done)
    assert not {"lounge-1", "lounge-2"} & set(await planner.channels())


@rules(immediate_guilds=HERE, immediate_operations=3)
@pytest.mark.parametrize(
    "intent",
    [
        {**TWO, "repeat": 4},
        {"op": "delete_channel", "targets": {"select": {"names": ["general"]}}},
        {"op": "create_webhook", "channel": {"select": {"names": ["general"]}}, "name": "ear"},
    ],
    ids=["too many", "takes away", "risky"],
)
async def test_anything_else_is_previewed_even_there(planner: Planner, intent: dict[str, Any]) -> None:
    before = set(await planner.channels())
    plan = await planner.draft(intent)
    assert plan.status == plan_pb2.PLAN_STATUS_PREVIEW
    assert set(await planner.channels()) == before


@rules(confirm_minutes=0.0005)
async def test_after_its_time_a_preview_cannot_be_confirmed(planner: Planner) -> None:
    plan = await planner.draft(TWO)
    # A preview may be seen and confirmed well inside so short a time.
    await eventually(lambda: time.time_ns() >= plan.expire_time.ToNanoseconds())
    assert await planner.confirm(plan) == plan_pb2.PLAN_REFUSAL_EXPIRED
    assert "lounge-1" not in await planner.channels()


async def test_a_quota_of_minutes_is_said_before_and_can_be_split_off(planner: Planner) -> None:
    plan = await _renamed_three_times(planner)
    quota = plan.quotas[0]
    assert (quota.fits, quota.wanted, quota.per_channel) == (2, 3, True)
    card = await _message(planner, "plan.split")
    assert "10 min" in json.dumps(card["embeds"])
    await planner.call("EditPlan", plan_pb2.EditPlanRequest(plan_id=plan.plan_id, split=True))
    split = await planner.reached(plan.plan_id, plan_pb2.PLAN_STATUS_PREVIEW)
    assert len(split.steps) == 2
    assert not split.quotas
    assert any("1" in note for note in split.notes)
    assert await planner.confirm(split) == plan_pb2.PLAN_REFUSAL_UNSPECIFIED
    done = await planner.reached(plan.plan_id, *ENDED)
    assert {step.status for step in done.steps} == {plan_pb2.STEP_STATUS_DONE}


async def test_a_run_never_waits_silently_for_a_quota(planner: Planner) -> None:
    plan = await _renamed_three_times(planner)
    assert await planner.confirm(plan) == plan_pb2.PLAN_REFUSAL_UNSPECIFIED
    paused = await planner.reached(plan.plan_id, plan_pb2.PLAN_STATUS_PAUSED)
    assert [step.status for step in paused.steps].count(plan_pb2.STEP_STATUS_DONE) == 2
    assert "quota" in paused.pause_reason
    left = paused.resume_time.ToNanoseconds() / 1e9 - paused.start_time.ToNanoseconds() / 1e9
    assert 500 < left <= 605
    card = await _message(planner, "plan.resume")
    assert f"<t:{paused.resume_time.seconds}:R>" in json.dumps(card["embeds"])


async def _renamed_three_times(planner: Planner) -> plan_pb2.Plan:
    await planner.create_channel("first")
    room = {"select": {"names": ["first"]}}
    plan = await planner.draft(
        *({"op": "edit_channel", "targets": room, "name": name} for name in ("second", "third", "fourth"))
    )
    assert plan.status == plan_pb2.PLAN_STATUS_PREVIEW, plan
    return plan


async def test_a_long_report_comes_as_a_file(planner: Planner) -> None:
    done = await planner.run({"op": "create_channel", "name": "row-{i}", "repeat": 24})
    card = await _message(planner, "plan.undo")
    assert [file["filename"] for file in card["attachments"]] == ["report.txt"]
    assert len(done.steps) == 24


async def test_progress_is_told_while_a_run_takes_all_that_discord_allows(planner: Planner) -> None:
    plan = await planner.draft(*({"op": "create_channel", "name": f"{row}-{{i}}", "repeat": 50} for row in "abc"))
    await planner.sandbox.reset_counters()
    assert await planner.confirm(plan) == plan_pb2.PLAN_REFUSAL_UNSPECIFIED
    done = await planner.reached(plan.plan_id, *ENDED)
    seconds = (done.end_time.ToNanoseconds() - done.start_time.ToNanoseconds()) / 1e9
    assert seconds > 2
    route = "/channels/{channel_id}/messages/{message_id}"
    edits = await planner.sandbox.requests(method="PATCH", route=route, status=200)
    assert (await planner.sandbox.counters())["http_429"] == 0
    # Each waits for its turn behind the calls that are asked for already, about a second; the report comes last.
    assert len(edits) >= 1 + seconds / 2


async def test_a_polite_run_takes_its_time(planner: Planner) -> None:
    plan = await planner.draft({**TWO, "repeat": 3})
    await planner.call("EditPlan", plan_pb2.EditPlanRequest(plan_id=plan.plan_id, polite=True))
    polite = await planner.reached(plan.plan_id, plan_pb2.PLAN_STATUS_PREVIEW)
    assert polite.polite
    assert polite.estimate_p50.ToNanoseconds() > plan.estimate_p50.ToNanoseconds() + 2e9
    assert await planner.confirm(polite) == plan_pb2.PLAN_REFUSAL_UNSPECIFIED
    done = await planner.reached(plan.plan_id, plan_pb2.PLAN_STATUS_DONE)
    assert done.end_time.ToNanoseconds() - done.start_time.ToNanoseconds() >= 3e9


async def test_a_run_is_stopped_between_two_operations(planner: Planner) -> None:
    await planner.sandbox.settings(latency_ms=150)
    plan = await planner.draft({"op": "create_channel", "name": "slow-{i}", "repeat": 40})
    await planner.confirm(plan)
    await planner.sandbox.wait("request", method="POST", route="/guilds/{guild_id}/channels", count=4)
    answer = await planner.call("CancelPlan", plan_pb2.CancelPlanRequest(plan_id=plan.plan_id))
    assert answer.refusal == plan_pb2.PLAN_REFUSAL_UNSPECIFIED
    stopped = await planner.reached(plan.plan_id, plan_pb2.PLAN_STATUS_CANCELLED)
    made = {step.label.lstrip("#") for step in stopped.steps if step.status == plan_pb2.STEP_STATUS_DONE}
    assert 0 < len(made) < 40
    # The report is true: what it says is done is there, and nothing else.
    assert {name for name in await planner.channels() if name.startswith("slow-")} == made
    assert {step.status for step in stopped.steps if step.label.lstrip("#") not in made} == {
        plan_pb2.STEP_STATUS_SKIPPED
    }


async def _message(planner: Planner, component: str) -> dict[str, Any]:
    found = await planner.sandbox.wait("message", as_="owner", channel="general", component=component, timeout=30)
    message: dict[str, Any] = found["messages"][-1]
    return message
