"""Every row of the operation table against the sandbox: forbidden, at its limit, forward, and back again.

The tests are generated from the table; a row without a case fails.
"""

from __future__ import annotations

from typing import Any

import pytest
from guildhall.executor.v1 import plan_pb2, reply_pb2

from services.executor.plans.kinds import Reversible
from services.executor.plans.table import TABLE
from tests.executor.furnished import dump, furnish
from tests.executor.planning import ENDED, Planner
from tests.executor.table_cases import CASES, COMPOSITES

LOST = {
    "channel.delete": ("pins",),
    "member.ban": ("members",),
    "member.bulk_ban": ("members",),
}
"""What the preview of the undo says will not come back, by the dump's keys."""
_PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489"
    "0000000d49444154789c6364f8cf500f0003860180"
    "5a347d6b0000000049454e44ae426082"
)


def test_every_row_has_its_case() -> None:
    assert set(CASES) == set(TABLE)


def test_sixty_intents_are_tried_on_the_sandbox() -> None:
    assert sum(len(case.intents) for case in CASES.values()) + sum(map(len, COMPOSITES.values())) >= 60


@pytest.mark.parametrize("kind", sorted(TABLE))
async def test_a_row_forbidden_at_its_limit_forward_and_back(planner: Planner, kind: str) -> None:
    await furnish(planner)
    if kind == "guild.prune":
        await planner.sandbox.advance(40 * 86_400)
    attachment = await _picture(planner) if kind == "emoji.create" else None
    before = await dump(planner)

    refused = await planner.draft(*CASES[kind].intents, person="passer_by", attachment=attachment)
    assert refused.status == plan_pb2.PLAN_STATUS_REFUSED, refused
    assert {problem.code for problem in refused.problems} <= {"NOT_ALLOWED", "NEEDS_ANOTHER"}, refused
    assert await dump(planner) == before

    row = TABLE[kind]
    await planner.sandbox.reset_counters()
    # The refused call would use up half of what a channel may be renamed; that limit has a test of its own.
    limited = kind != "channel.rename"
    if limited:
        await planner.sandbox.fault("rate_limit", method=row.method, route=row.template, retry_after=0.3, times=1)
    plan = await planner.draft(*CASES[kind].intents, attachment=attachment)
    assert plan.status == plan_pb2.PLAN_STATUS_PREVIEW, plan
    assert kind in {step.kind for step in plan.steps}
    assert {step.kind for step in plan.steps} <= {kind, *CASES[kind].others}
    await planner.confirm(plan)
    done = await planner.reached(plan.plan_id, *ENDED)
    assert {step.status for step in done.steps} == {plan_pb2.STEP_STATUS_DONE}, done
    assert (await planner.sandbox.counters())["http_429"] == limited
    assert await dump(planner) != before or kind in ("message.bulk_delete", "message.delete", "thread.message")

    await _back(planner, kind, done, before)


async def _back(planner: Planner, kind: str, done: plan_pb2.Plan, before: dict[str, Any]) -> None:
    if TABLE[kind].reversible is Reversible.NOT:
        request = plan_pb2.UndoPlanRequest(
            event_id=planner.event(), plan_id=done.plan_id, channel_id=planner.channel_id
        )
        answer = await planner.call("UndoPlan", request)
        assert answer.refusal == plan_pb2.PLAN_REFUSAL_NOTHING_TO_DO
        return
    undone = await planner.undo(done)
    assert {step.status for step in undone.steps} == {plan_pb2.STEP_STATUS_DONE}, undone
    assert bool(undone.losses) == (TABLE[kind].reversible is Reversible.PARTLY)
    after = await dump(planner)
    for key in LOST.get(kind, ()):
        after.pop(key), before.pop(key)
    if kind != "channel.reorder":
        # Places are relative: what is made anew stands last among its like.
        after.pop("order"), before.pop("order")
    assert after == before


async def _picture(planner: Planner) -> reply_pb2.Attachment:
    message = await planner.sandbox.upload("owner", "general", "spark.png", _PNG, "image/png")
    file = message["attachments"][0]
    return reply_pb2.Attachment(
        attachment_id=int(file["id"]),
        filename=file["filename"],
        content_type="image/png",
        size=file["size"],
        url=file["url"],
    )
