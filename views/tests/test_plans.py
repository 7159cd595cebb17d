"""Cards of plans: whole and within Discord's limits for 3 and 300 steps, in every language, people's text as data."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from guildhall.executor.v1 import plan_pb2

from chassis.ids import new_id
from views.catalogue import texts
from views.plans import parts, preview, progress, refusals, snapshots
from views.plans.parts import Text

ROOT = Path(__file__).resolve().parents[2]
LANGUAGES = texts().languages
EN = partial(texts().text, "en")
NASTY = "**@everyone** `x` [a](https://example.org) <@1>\n# big"


def plan(
    steps: int = 3, status: plan_pb2.PlanStatus.ValueType = plan_pb2.PLAN_STATUS_PREVIEW, **more: Any
) -> plan_pb2.Plan:
    """A plan with so many steps."""
    made = plan_pb2.Plan(
        plan_id="0" * 22,
        guild_id=1,
        requester_id=2,
        status=status,
        summary="Rooms",
        words=["rooms please"],
        hash="f" * 16,
        estimate_p50=Duration(seconds=3),
        estimate_p90=Duration(seconds=5),
        **more,
    )
    for number in range(1, steps + 1):
        made.steps.add(
            step_id=str(number),
            kind="channel.create",
            title="Create channel" if number % 50 else "Delete channel",
            label=f"#room-{number}",
            status=plan_pb2.STEP_STATUS_PENDING,
            reversibility=plan_pb2.REVERSIBILITY_FULL,
        )
    return made


def cards(text: Text) -> Iterator[dict[str, Any]]:
    """Every card there is, at its fullest."""
    many = [NASTY * 3] * 40
    problems = [plan_pb2.PlanProblem(code="X", text=line) for line in many]
    quotas = [
        plan_pb2.PlanQuota(title="Rename", fits=2, wanted=3, window=Duration(seconds=600), per_channel=True),
        plan_pb2.PlanQuota(title="Create role", fits=250, wanted=300, window=Duration(seconds=172_800)),
    ]
    full = plan(
        300, problems=problems, notes=many, losses=many, stale=many, unsupported=many, quotas=quotas, high_risk=True
    )
    yield preview.preview(plan(), text)
    yield preview.preview(full, text)
    yield preview.preview(plan(dry_run=True, polite=True), text)
    yield preview.preview(plan(status=plan_pb2.PLAN_STATUS_APPROVAL), text)
    yield preview.drafting(plan(0, plan_pb2.PLAN_STATUS_DRAFTING), text)
    yield preview.refused(plan(0, plan_pb2.PLAN_STATUS_REFUSED, problems=problems), text)
    yield preview.ended_early(plan(0, plan_pb2.PLAN_STATUS_CANCELLED), text)
    yield preview.ended_early(plan(0, plan_pb2.PLAN_STATUS_FAILED), text)
    asked = plan(0, plan_pb2.PLAN_STATUS_QUESTION, question="Which one?")
    for name in ("twin", NASTY):
        candidates = [plan_pb2.PlanCandidate(id=str(number), label=f"{name} {number}"[:100]) for number in range(25)]
        asked.questions.add(key=name, name=name, candidates=candidates)
    yield preview.question(asked, text)
    failed = plan(300, plan_pb2.PLAN_STATUS_RUNNING, waiting_for="…")
    for step in failed.steps:
        step.status, step.error = plan_pb2.STEP_STATUS_FAILED, NASTY
    yield progress.progress(failed, text, remaining=90)
    paused = plan(3, plan_pb2.PLAN_STATUS_PAUSED, pause_reason="…")
    paused.resume_time.seconds = 1_800_000_000
    yield progress.progress(paused, text, remaining=0)
    for status in (plan_pb2.PLAN_STATUS_DONE, plan_pb2.PLAN_STATUS_CANCELLED):
        failed.status = status
        yield progress.report(failed, text)
    yield progress.report(plan(3, plan_pb2.PLAN_STATUS_DONE, dry_run=True), text)
    yield progress.runs([], text)
    yield progress.runs([plan(0, plan_pb2.PLAN_STATUS_DONE)] * 30, text)
    taken = [new_id(1_700_000_000.0 + number) for number in range(60)]
    yield snapshots.kept([], text)
    yield snapshots.kept(taken, text, new=taken[0])
    yield snapshots.changes(taken[0], [], text)
    changed = [
        plan_pb2.SnapshotDifference(what=what, name=NASTY * 3, change=change)
        for what in ("role", "channel")
        for change in ("missing", "new", "name, topic")
        for _ in range(40)
    ]
    yield snapshots.changes(taken[0], changed, text)
    yield {"embeds": [refusals.refusals("0" * 22, 7, many, text)]}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_card_fits_into_discord(language: str) -> None:
    for card in cards(partial(texts().text, language)):
        assert len(card.get("content", "")) <= 2_000
        total = 0
        for embed in card.get("embeds", ()):
            total += sum(len(embed.get(key, "")) for key in ("title", "description"))
            total += sum(len(field["name"]) + len(field["value"]) for field in embed.get("fields", ()))
            total += len(embed.get("footer", {}).get("text", ""))
            assert len(embed.get("title", "")) <= 256
            assert len(embed.get("description", "")) <= 4_096
            assert (
                all(1 <= len(field["name"]) <= 256 and 1 <= len(field["value"]) <= 1_024 for field in embed["fields"])
                if "fields" in embed
                else True
            )
        assert total <= 6_000
        rows = card.get("components", ())
        assert len(rows) <= 5
        ids = [one["custom_id"] for row in rows for one in row["components"]]
        assert len(ids) == len(set(ids)), ids
        assert all(len(one) <= 100 for one in ids)
        assert all(
            len(one.get("label", "")) <= 80 and len(one.get("options", ())) <= 25
            for row in rows
            for one in row["components"]
        )
        assert all(len(row["components"]) <= 5 for row in rows)


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_people_wrote_is_shown_as_text(language: str) -> None:
    for card in cards(partial(texts().text, language)):
        assert card.get("allowed_mentions", {"parse": []})["parse"] == []
        for embed in card.get("embeds", ()):
            shown = json.dumps([embed.get("description", ""), embed.get("fields", [])], ensure_ascii=False)
            assert "**@everyone**" not in shown
            assert "[a](https" not in shown


def test_three_steps_are_on_one_page_and_three_hundred_on_several() -> None:
    few, many = parts.pages(plan(3).steps), parts.pages(plan(300).steps)
    assert len(few) == 1
    assert len(many) > 1
    joined = "\n".join(many)
    assert all(re.search(rf"room-{number}\b", joined.replace("\\", "")) for number in range(1, 301))


def test_pages_are_turned() -> None:
    first = preview.preview(plan(300), EN)
    last = preview.preview(plan(300, page=99), EN)
    turners = first["components"][1]["components"]
    assert [one.get("disabled", False) for one in turners] == [True, False]
    assert [one.get("disabled", False) for one in last["components"][1]["components"]] == [False, True]
    assert first["embeds"][0]["description"] != last["embeds"][0]["description"]


def test_a_bar_is_empty_half_and_full() -> None:
    assert {len(parts.bar(done, 4)) for done in range(5)} == {20}
    assert parts.bar(0, 4).count("█") == 0
    assert parts.bar(2, 4).count("█") == 10
    assert parts.bar(4, 4).count("░") == 0


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.4, "about a second"), (12, "12 s"), (600, "10 min"), (7_200, "2 h"), (100_000, "27.8 h")],
)
def test_spans_are_said_as_people_say_them(seconds: float, said: str) -> None:
    assert parts.span(EN, seconds) == said


def test_the_report_as_a_file_names_every_step_with_its_result() -> None:
    done = plan(2, plan_pb2.PLAN_STATUS_DONE)
    done.steps[0].status, done.steps[0].result = plan_pb2.STEP_STATUS_DONE, "42"
    done.steps[1].status, done.steps[1].error = plan_pb2.STEP_STATUS_FAILED, "50013"
    text = progress.report_text(done, EN)
    assert re.search(r"1 +done +Create channel #room-1 +\[42\]", text)
    assert re.search(r"2 +FAILED +Create channel #room-2 +50013", text)


def test_every_key_that_plans_ask_for_is_there() -> None:
    """Keys are handed on as values here, so the catalogue's own lint does not see them."""
    found = set()
    for folder in (ROOT / "views" / "plans", ROOT / "services" / "executor" / "plans"):
        for path in folder.glob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    if re.fullmatch(
                        r"plan\.(card|button|progress|report|span|runs|refused|authority|drift|problem)\.[a-z_.]+",
                        node.value,
                    ):
                        found.add(node.value.rstrip("."))
                elif (
                    isinstance(node, ast.Call)
                    and isinstance(node.func, ast.Attribute)
                    and node.func.attr in ("fail", "note", "label")
                ):
                    keys = [
                        one.value for one in node.args if isinstance(one, ast.Constant) and isinstance(one.value, str)
                    ]
                    kind = {"fail": "problem", "note": "note", "label": "label"}[node.func.attr]
                    found |= {f"plan.{kind}.{key}" for key in keys if key.islower()}
    assert len(found) > 80
    missing = {
        key for key in found if not texts().has(key) and not any(k.startswith(f"{key}.") for k in texts().table("en"))
    }
    assert not {key for key in missing if not key.endswith("_")}, missing
