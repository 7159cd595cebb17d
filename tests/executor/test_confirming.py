"""Confirmation: bound to what was shown, to who asked and to a time; single use; drift makes it stale."""

from __future__ import annotations

from guildhall.executor.v1 import plan_pb2

from tests.executor.planning import ENDED, Planner

TWO = {"op": "create_channel", "name": "lounge-{i}", "repeat": 2}


async def test_a_second_press_changes_nothing(planner: Planner) -> None:
    plan = await planner.draft(TWO)
    assert await planner.confirm(plan) == plan_pb2.PLAN_REFUSAL_UNSPECIFIED
    assert await planner.confirm(plan) == plan_pb2.PLAN_REFUSAL_ALREADY_CONFIRMED
    await planner.reached(plan.plan_id, *ENDED)
    assert await planner.confirm(plan) == plan_pb2.PLAN_REFUSAL_ALREADY_CONFIRMED
    names = [c["name"] for c in await planner.rest("GET", f"/guilds/{planner.guild_id}/channels")]
    assert (names.count("lounge-1"), names.count("lounge-2")) == (1, 1)


async def test_another_person_cannot_confirm(planner: Planner) -> None:
    plan = await planner.draft(TWO)
    assert await planner.confirm(plan, "moderator") == plan_pb2.PLAN_REFUSAL_WRONG_PERSON
    assert (await planner.get(plan.plan_id)).status == plan_pb2.PLAN_STATUS_PREVIEW


async def test_the_confirmation_of_an_older_preview_is_refused(planner: Planner) -> None:
    plan = await planner.draft(TWO)
    request = plan_pb2.EditPlanRequest(plan_id=plan.plan_id, names={"1": "parlour"})
    assert (await planner.call("EditPlan", request)).refusal == plan_pb2.PLAN_REFUSAL_UNSPECIFIED
    edited = await planner.reached(plan.plan_id, plan_pb2.PLAN_STATUS_PREVIEW)
    assert [step.label for step in edited.steps] == ["#parlour", "#lounge-2"]
    assert await planner.confirm(plan) == plan_pb2.PLAN_REFUSAL_CHANGED
    assert await planner.confirm(edited) == plan_pb2.PLAN_REFUSAL_UNSPECIFIED
    await planner.reached(plan.plan_id, plan_pb2.PLAN_STATUS_DONE)
    assert {"parlour", "lounge-2"} <= set(await planner.channels())


async def test_drift_of_a_target_gives_a_new_preview(planner: Planner) -> None:
    channel = await planner.create_channel("test-a", topic="old")
    plan = await planner.draft({"op": "delete_channel", "targets": {"select": {"name_glob": "test*"}}})
    await planner.rest("PATCH", f"/channels/{channel['id']}", {"topic": "somebody still writes here"})
    assert await planner.confirm(plan) == plan_pb2.PLAN_REFUSAL_UNSPECIFIED
    again = await planner.reached(plan.plan_id, plan_pb2.PLAN_STATUS_PREVIEW)
    assert any("has changed" in line for line in again.stale), again
    assert "test-a" in await planner.channels()
    assert await planner.confirm(again) == plan_pb2.PLAN_REFUSAL_UNSPECIFIED
    await planner.reached(plan.plan_id, plan_pb2.PLAN_STATUS_DONE)
    assert "test-a" not in await planner.channels()


async def test_other_drift_does_not_matter(planner: Planner) -> None:
    await planner.create_channel("test-a")
    plan = await planner.draft({"op": "delete_channel", "targets": {"select": {"name_glob": "test*"}}})
    await planner.create_channel("unrelated")
    assert await planner.confirm(plan) == plan_pb2.PLAN_REFUSAL_UNSPECIFIED
    await planner.reached(plan.plan_id, plan_pb2.PLAN_STATUS_DONE)
    assert "test-a" not in await planner.channels()


async def test_two_plans_in_one_guild_run_one_after_the_other(planner: Planner) -> None:
    first = await planner.draft({"op": "create_channel", "name": "a-{i}", "repeat": 6})
    second = await planner.draft({"op": "create_channel", "name": "b-{i}", "repeat": 6})
    for plan in (first, second):
        assert await planner.confirm(plan) == plan_pb2.PLAN_REFUSAL_UNSPECIFIED
    done = [await planner.reached(plan.plan_id, plan_pb2.PLAN_STATUS_DONE) for plan in (first, second)]
    assert done[0].end_time.ToNanoseconds() <= done[1].start_time.ToNanoseconds()
    names = set(await planner.channels())
    assert {f"{letter}-{i}" for letter in "ab" for i in range(1, 7)} <= names


async def test_dropped_steps_take_their_dependents_along(planner: Planner) -> None:
    plan = await planner.draft(
        {"op": "create_channel", "id": "cat", "name": "Games", "type": "category"},
        {"op": "create_channel", "name": "squad", "category": {"from": "cat"}},
        {"op": "create_channel", "name": "apart"},
    )
    request = plan_pb2.EditPlanRequest(plan_id=plan.plan_id, drop_step_ids=["1"])
    await planner.call("EditPlan", request)
    edited = await planner.reached(plan.plan_id, plan_pb2.PLAN_STATUS_PREVIEW)
    assert [step.label for step in edited.steps] == ["#apart"]


async def test_a_dry_run_changes_nothing(planner: Planner) -> None:
    before = await planner.channels()
    plan = await planner.draft(TWO, dry_run=True)
    assert await planner.confirm(plan) == plan_pb2.PLAN_REFUSAL_UNSPECIFIED
    done = await planner.reached(plan.plan_id, plan_pb2.PLAN_STATUS_DONE)
    assert {step.status for step in done.steps} == {plan_pb2.STEP_STATUS_SKIPPED}
    assert set(await planner.channels()) == set(before)


async def test_a_cancelled_preview_cannot_be_confirmed(planner: Planner) -> None:
    plan = await planner.draft(TWO)
    answer = await planner.call("CancelPlan", plan_pb2.CancelPlanRequest(plan_id=plan.plan_id))
    assert answer.refusal == plan_pb2.PLAN_REFUSAL_UNSPECIFIED
    assert await planner.confirm(plan) == plan_pb2.PLAN_REFUSAL_WRONG_STATUS


async def test_further_words_refine_a_plan(planner: Planner) -> None:
    plan = await planner.draft(TWO)
    planner.model.will_answer({"summary": "Three", "intents": [{**TWO, "repeat": 3}]})
    await planner.call("RefinePlan", plan_pb2.RefinePlanRequest(plan_id=plan.plan_id, request="three rather"))
    refined = await planner.reached(plan.plan_id, plan_pb2.PLAN_STATUS_PREVIEW)
    assert len(refined.steps) == 3
    told = planner.model.requests[-1].messages
    assert [message.from_model for message in told] == [False, True, False]
    assert told[-1].text == "three rather"


async def test_an_ambiguous_name_is_asked_about(planner: Planner) -> None:
    for _ in range(2):
        await planner.create_channel("twin")
    plan = await planner.draft({"op": "delete_channel", "targets": {"select": {"names": ["twin"]}}})
    assert plan.status == plan_pb2.PLAN_STATUS_QUESTION, plan
    question = plan.questions[0]
    assert len(question.candidates) == 2
    chosen = question.candidates[1].id
    request = plan_pb2.AnswerPlanRequest(plan_id=plan.plan_id, key=question.key, candidate_id=chosen)
    await planner.call("AnswerPlan", request)
    answered = await planner.reached(plan.plan_id, plan_pb2.PLAN_STATUS_PREVIEW)
    assert await planner.confirm(answered) == plan_pb2.PLAN_REFUSAL_UNSPECIFIED
    await planner.reached(plan.plan_id, plan_pb2.PLAN_STATUS_DONE)
    left = await planner.rest("GET", f"/guilds/{planner.guild_id}/channels")
    assert chosen not in {channel["id"] for channel in left}
    assert question.candidates[0].id in {channel["id"] for channel in left}


async def test_all_that_cannot_be_done_is_said_at_once(planner: Planner) -> None:
    plan = await planner.draft(
        {"op": "delete_channel", "targets": {"select": {"names": ["nowhere"]}}},
        {"op": "create_channel", "name": "fine"},
        {
            "op": "set_permission",
            "targets": {"select": {"names": ["general"]}},
            "who": {"select": {"names": ["everyone"]}},
            "allow": ["fly"],
        },
        unsupported=["paint the server green"],
    )
    assert [step.label for step in plan.steps] == ["#fine"]
    assert {problem.code for problem in plan.problems} == {"NOT_FOUND", "UNKNOWN_PERMISSION"}
    assert list(plan.unsupported) == ["paint the server green"]


async def test_pause_and_resume(planner: Planner) -> None:
    await planner.sandbox.settings(latency_ms=150)
    plan = await planner.draft({"op": "create_channel", "name": "slow-{i}", "repeat": 40})
    await planner.confirm(plan)
    await planner.sandbox.wait("request", method="POST", route="/guilds/{guild_id}/channels", count=4)
    answer = await planner.call("PausePlan", plan_pb2.PausePlanRequest(plan_id=plan.plan_id))
    assert answer.refusal == plan_pb2.PLAN_REFUSAL_UNSPECIFIED
    paused = await planner.reached(plan.plan_id, plan_pb2.PLAN_STATUS_PAUSED)
    done = sum(step.status == plan_pb2.STEP_STATUS_DONE for step in paused.steps)
    assert 0 < done < 40
    answer = await planner.call("ResumePlan", plan_pb2.ResumePlanRequest(plan_id=plan.plan_id))
    assert answer.refusal == plan_pb2.PLAN_REFUSAL_UNSPECIFIED
    await planner.reached(plan.plan_id, plan_pb2.PLAN_STATUS_DONE)
    names = [c["name"] for c in await planner.rest("GET", f"/guilds/{planner.guild_id}/channels")]
    assert sorted(name for name in names if name.startswith("slow-")) == sorted(f"slow-{i}" for i in range(1, 41))


async def test_the_model_is_told_the_language_of_whoever_asks(planner: Planner) -> None:
    planner.model.will_answer({"summary": "Ein Kanal", "intents": [{"op": "create_channel", "name": "Werkbank"}]})
    plan = await planner.ask("a channel", locale="de")
    assert planner.model.requests[-1].locale == "de"
    assert "de" not in planner.model.requests[-1].instructions.split()
    assert plan.summary == "Ein Kanal"


async def test_a_malformed_answer_of_the_model_is_repaired_once(planner: Planner) -> None:
    planner.model.will_answer(
        {"summary": "x", "intents": [{"op": "create_channel", "name": "", "colour": "red"}]},
        {"summary": "x", "intents": [{"op": "create_channel", "name": "mended"}]},
    )
    plan = await planner.ask("a channel")
    assert [step.label for step in plan.steps] == ["#mended"]


async def test_a_truncated_answer_twice_is_said_plainly(planner: Planner) -> None:
    planner.model.will_answer('{"summary": "x", "intents": [{"op": "crea', '{"summary"')
    plan = await planner.ask("a channel")
    assert plan.status == plan_pb2.PLAN_STATUS_FAILED
    assert "other words" in plan.error


async def test_snapshots_differences_and_restoring(planner: Planner) -> None:
    await planner.create_channel("precious", topic="keep")
    guild = planner.guild_id
    kept = await planner.call("CreateSnapshot", plan_pb2.CreateSnapshotRequest(guild_id=guild))
    channel = (await planner.channels())["precious"]
    await planner.rest("DELETE", f"/channels/{channel['id']}")
    request = plan_pb2.DiffSnapshotRequest(guild_id=guild, snapshot_id=kept.snapshot_id)
    differences = (await planner.call("DiffSnapshot", request)).differences
    assert [(one.what, one.name, one.change) for one in differences] == [("channel", "precious", "missing")]
    answer = await planner.call(
        "RestoreSnapshot",
        plan_pb2.RestoreSnapshotRequest(
            event_id=planner.event(), guild_id=guild, snapshot_id=kept.snapshot_id, channel_id=planner.channel_id
        ),
    )
    plan = await planner.reached(answer.plan_id, plan_pb2.PLAN_STATUS_PREVIEW)
    await planner.confirm(plan)
    await planner.reached(plan.plan_id, plan_pb2.PLAN_STATUS_DONE)
    assert (await planner.channels())["precious"]["topic"] == "keep"


async def test_the_audit_trail_says_who_did_what(planner: Planner) -> None:
    plan = await planner.run(TWO)
    request = plan_pb2.ExportAuditTrailRequest(guild_id=planner.guild_id)
    rows = (await planner.call("ExportAuditTrail", request)).content.decode().splitlines()
    mine = [row for row in rows if plan.plan_id in row]
    assert sum("channel.create" in row and "done" in row for row in mine) == 2
    assert any("confirmed" in row and str(planner.people["owner"]) in row for row in mine)
