"""A guild's numbers in words: leaderboards, fairness, gaps, history."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from guildhall.board.v1 import history_pb2, statistics_pb2

from views.board.lines import Text, person, within
from views.markdown import escaped, relative_time, shortened
from views.messages import message

_ITEM_SHOWN = 60


def duration(seconds: float, text: Text) -> str:
    """How long something took, in the largest unit that fits."""
    for unit, size in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= size:
            return text(f"board.duration.{unit}", count=f"{seconds / size:.1f}".removesuffix(".0"))
    return text("board.duration.minutes", count=1)


def statistics(
    answer: statistics_pb2.GetStatisticsResponse, text: Text, professions: Mapping[str, str], *, image: str = ""
) -> dict[str, Any]:
    """The numbers of a period; `image` names an attached chart."""
    summary = [
        text(
            "board.numbers.summary",
            created=answer.created,
            completed=answer.completed,
            cancelled=answer.cancelled,
            expired=answer.expired,
            quantity=f"{answer.quantity:,}",
        )
    ]
    if answer.HasField("wait_median"):
        summary.append(
            text(
                "board.numbers.wait",
                median=duration(answer.wait_median.seconds, text),
                p90=duration(answer.wait_p90.seconds, text),
            )
        )
    fields = []
    for key, leaders in (("crafters", answer.crafters), ("requesters", answer.requesters)):
        lines = [
            f"{place}. {person(leader.name)} · {leader.requests} ({leader.quantity:,})"
            for place, leader in enumerate(leaders, 1)
        ]
        if lines:
            fields.append({"name": text(f"board.numbers.{key}"), "value": within(lines, 1024), "inline": True})
    fair = [
        text(
            "board.numbers.gini",
            name=escaped(professions.get(entry.profession, entry.profession) or text("board.every")),
            completions=f"{entry.completions_gini:.2f}",
            wait=f"{entry.wait_gini:.2f}",
        )
        for entry in answer.fairness
    ]
    if fair:
        fields.append({"name": text("board.numbers.fairness"), "value": within(fair, 1024), "inline": False})
    embed: dict[str, Any] = {
        "title": text("board.numbers.title"),
        "description": "\n".join(summary),
        "fields": fields,
    }
    if image:
        embed["image"] = {"url": f"attachment://{image}"}
    return message(embeds=[embed])


def coverage(answer: statistics_pb2.GetCoverageResponse, text: Text, professions: Mapping[str, str]) -> dict[str, Any]:
    """What nobody can make."""
    lines = []
    for gap in answer.gaps:
        name = escaped(professions.get(gap.profession, gap.profession))
        if not gap.item:
            said = text("board.gap.profession", name=name)
        else:
            needs = " ".join(part for part in (str(gap.level or ""), escaped(gap.speciality)) if part)
            said = f"{escaped(gap.item)} · {name}" + (f" · {text('board.gap.needs', needs=needs)}" if needs else "")
        if gap.open_requests:
            said += f" · {text('board.gap.waiting', count=gap.open_requests)}"
        lines.append(said)
    return message(
        embeds=[{"title": text("board.gap.title"), "description": within(lines, 4000) or text("board.gap.none")}]
    )


def history(entries: Iterable[history_pb2.HistoryEntry], text: Text, *, of_guild: bool = False) -> dict[str, Any]:
    """Who changed what, the latest first; of a whole guild each line says what it is about."""
    lines = []
    for entry in entries:
        key = f"board.did.{entry.action}"
        who = person(entry.actor_name) if entry.actor_id else text("board.itself")
        said = f"{relative_time(entry.event_time.seconds)} {who}: {text(key)}"
        if detail := escaped(entry.detail) if entry.actor_id else _own_reason(entry, text):
            said += f" ({detail})"
        about = _about(entry) if of_guild else ""
        lines.append(f"{said} · {about}" if about else said)
    return message(
        embeds=[
            {"title": text("board.history.title"), "description": within(lines, 4000) or text("board.nothing_here")}
        ]
    )


def _about(entry: history_pb2.HistoryEntry) -> str:
    """What a line of a guild's history is about."""
    match entry.subject:
        case "request" if entry.number:
            part = f".{entry.part}" if entry.part else ""
            return f"**#{entry.number}{part}** {escaped(shortened(entry.item, _ITEM_SHOWN))}"
        case "character":
            kept = json.loads(entry.after_json or "{}") or json.loads(entry.before_json or "{}")
            return escaped(str(kept.get("name", "")))
        case "member":
            return f"<@{entry.subject_id}>"
        case _:
            return escaped(entry.subject_id)


def _own_reason(entry: history_pb2.HistoryEntry, text: Text) -> str:
    """Why the board itself did something: what it does says it, only that a member left has to be named."""
    return text("board.member_left") if entry.as_officer else ""
