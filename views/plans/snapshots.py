"""Snapshots of a server: which are kept, and what has changed since one of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from guildhall.executor.v1 import plan_pb2

from chassis.ids import id_time
from views import components
from views.custom_id import encode
from views.lists import within
from views.markdown import escaped, relative_time, shortened
from views.messages import message
from views.plans import parts
from views.plans.parts import Text

REMOVE_NEW = "all"
"""The argument of a restore that also removes what is new."""
_MISSING, _NEW = "missing", "new"
_NAME_LIMIT = 100


def moment(snapshot_id: str) -> str:
    """When a snapshot was taken, where Discord shows no timestamps: titles and selects."""
    return datetime.fromtimestamp(id_time(snapshot_id), UTC).strftime("%Y-%m-%d %H:%M UTC")


def kept(snapshot_ids: Sequence[str], text: Text, *, new: str = "") -> dict[str, Any]:
    """The snapshots there are, the newest first; `new` was just taken."""
    lines = [text("plan.snapshots.about"), text("plan.snapshots.taken", moment=moment(new)) if new else ""]
    lines += [f"{moment(one)} · {relative_time(id_time(one))}" for one in snapshot_ids[:10]]
    embed = {
        "title": text("plan.snapshots.title"),
        "description": "\n".join(line for line in lines if line),
        "color": parts.CALM,
    }
    rows = [parts.row(parts.button(text("plan.snapshots.take"), "snapshot.take", style=parts.PRIMARY))]
    options = [components.option(one, moment(one)) for one in snapshot_ids[: components.OPTIONS_LIMIT]]
    if options:
        select = components.select(encode("snapshot.chosen"), options, placeholder=text("plan.snapshots.compare"))
        rows.append(parts.row(select))
    return message(embeds=[embed], components=rows, private=True)


def changes(snapshot_id: str, differences: Sequence[plan_pb2.SnapshotDifference], text: Text) -> dict[str, Any]:
    """What has changed since a snapshot, with what brings it back."""
    lines = [_line(one, text) for one in differences] or [text("plan.snapshots.equal")]
    embed = {
        "title": text("plan.snapshots.since", moment=moment(snapshot_id)),
        "description": within(lines, parts.DESCRIPTION_LIMIT),
        "color": parts.CAREFUL if differences else parts.GOOD,
    }
    buttons = [parts.button(text("plan.button.back"), "snapshot.list")]
    if any(one.change != _NEW for one in differences):
        label = text("plan.snapshots.restore")
        buttons.append(parts.button(label, "snapshot.restore", snapshot_id, style=parts.PRIMARY))
    if any(one.change == _NEW for one in differences):
        label = text("plan.snapshots.restore_all")
        buttons.append(parts.button(label, "snapshot.restore", snapshot_id, REMOVE_NEW, style=parts.DANGER))
    return message(embeds=[embed], components=[parts.row(*buttons)], private=True)


def _line(one: plan_pb2.SnapshotDifference, text: Text) -> str:
    name = shortened(escaped(one.name), _NAME_LIMIT)
    thing = text(f"plan.snapshots.{one.what}", name=name)
    if one.change in (_MISSING, _NEW):
        return "• " + text(f"plan.snapshots.{one.change}", thing=thing)
    return "• " + text("plan.snapshots.changed", thing=thing, fields=escaped(one.change))
