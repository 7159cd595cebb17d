"""Plans from intents to the guild, through executor, ratelimit and the sandbox's REST."""

from __future__ import annotations

import re
import time

from google.protobuf.duration_pb2 import Duration
from guildhall.executor.v1 import plan_pb2
from guildhall.llm.v1 import generation_pb2
from guildhall.llm.v1 import plan_pb2 as llm_plan_pb2

from tests.executor.planning import Planner


async def test_a_category_with_voice_channels(planner: Planner) -> None:
    plan = await planner.run(
        {"op": "create_channel", "id": "cat", "name": "Gaming", "type": "category"},
        {"op": "create_channel", "name": "Squad {i}", "type": "voice", "repeat": 3, "category": {"from": "cat"}},
    )
    assert plan.status == plan_pb2.PLAN_STATUS_DONE, plan
    channels = await planner.channels()
    assert {channels[f"Squad {i}"]["parent_id"] for i in (1, 2, 3)} == {channels["Gaming"]["id"]}


async def test_what_a_plan_makes_it_can_delete_again(planner: Planner) -> None:
    before = await planner.channels()
    plan = await planner.run(
        {"op": "create_channel", "id": "cats", "name": "test-{i}", "type": "category", "repeat": 5},
        {"op": "delete_channel", "targets": {"from": "cats"}},
    )
    assert [step.status for step in plan.steps] == [plan_pb2.STEP_STATUS_DONE] * 10, plan
    assert set(await planner.channels()) == set(before)


async def test_delete_by_pattern_and_undo(planner: Planner) -> None:
    for name in ("test-one", "test-two", "keep-me"):
        await planner.create_channel(name, topic=f"about {name}")
    before = await planner.channels()
    plan = await planner.run({"op": "delete_channel", "targets": {"select": {"name_glob": "test*"}}})
    assert plan.status == plan_pb2.PLAN_STATUS_DONE, plan
    assert not {"test-one", "test-two"} & set(await planner.channels())
    undone = await planner.undo(plan)
    assert undone.status == plan_pb2.PLAN_STATUS_DONE, undone
    after = await planner.channels()
    assert {name: _without_ids(channel) for name, channel in after.items()} == {
        name: _without_ids(channel) for name, channel in before.items()
    }


async def test_a_read_only_archive(planner: Planner) -> None:
    await planner.create_channel("old-plans")
    plan = await planner.run({"op": "archive_channel", "targets": {"select": {"names": ["old-plans"]}}})
    assert plan.status == plan_pb2.PLAN_STATUS_DONE, plan
    channels = await planner.channels()
    assert channels["old-plans"]["parent_id"] == channels["Archive"]["id"]
    denied = next(o for o in channels["old-plans"]["permission_overwrites"] if o["id"] == str(planner.guild_id))
    assert int(denied["deny"]) & 1 << 11


async def test_everybody_with_one_role_gets_another(planner: Planner) -> None:
    guild = planner.guild_id
    roles = {
        name: await planner.rest("POST", f"/guilds/{guild}/roles", {"name": name}) for name in ("Raider", "Veteran")
    }
    for person in ("member", "crafter"):
        await planner.rest("PUT", f"/guilds/{guild}/members/{planner.people[person]}/roles/{roles['Raider']['id']}")
    bot = next(role for role in (await planner.roles()).values() if role.get("managed"))
    moves = [{"id": bot["id"], "position": 20}]
    await planner.rest("PATCH", f"/guilds/{guild}/roles", moves)
    plan = await planner.run(
        {
            "op": "give_role",
            "members": {"select": {"with_role": "Raider"}},
            "role": {"select": {"names": ["Veteran"]}},
        }
    )
    assert [step.status for step in plan.steps] == [plan_pb2.STEP_STATUS_DONE] * 2, plan
    for person in ("member", "crafter"):
        member = await planner.rest("GET", f"/guilds/{guild}/members/{planner.people[person]}")
        assert roles["Veteran"]["id"] in member["roles"]


async def test_whoever_reached_a_limit_reads_when_to_go_on(planner: Planner) -> None:
    denied = generation_pb2.Denied(limit="llm_requests", retry_after=Duration(seconds=40))
    planner.model.will_answer(llm_plan_pb2.PlanResponse(denied=denied))
    plan = await planner.ask("delete all test channels")
    assert plan.status == plan_pb2.PLAN_STATUS_FAILED, plan
    told = re.search(r"You can go on <t:(\d+):R>", plan.error)
    assert told and abs(int(told[1]) - time.time() - 40) < 30, plan.error


def _without_ids(channel: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in channel.items() if name not in ("id", "last_message_id", "position")}
