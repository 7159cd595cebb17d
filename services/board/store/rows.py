"""Requests as rows and as JSON: one mapping for the table, for events and for what leaves through the outbox."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from services.board.model import Claim, Materials, Request, State
from services.board.text import search_key

# Sorts what has no due date behind everything that has one.
NO_DUE_DATE = 2**62
_PLAIN = (
    "request_id", "guild_id", "number", "part", "parent_id", "item", "quantity", "profession", "quality", "note", "tip",
    "requester_id", "requester_name", "character_id", "version", "due_at", "expires_at", "reminded_at", "created_at",
    "updated_at", "closed_at",
)  # fmt: skip


def to_record(request: Request) -> dict[str, Any]:
    """The request as plain values, one key per fact; what events are the difference of."""
    claim = request.claim
    record = {name: getattr(request, name) for name in _PLAIN}
    record["materials"] = request.materials.value
    record["state"] = request.state.value
    record["crafter_id"] = None if claim is None else claim.crafter_id
    record["crafter_name"] = None if claim is None else claim.crafter_name
    record["crafter_character_id"] = None if claim is None else claim.character_id
    record["claimed_at"] = None if claim is None else claim.claimed_at
    record["nudged_at"] = None if claim is None else claim.nudged_at
    record["release_at"] = None if claim is None else claim.release_at
    return record


def to_columns(request: Request) -> dict[str, Any]:
    """The request as a row of its table: its record and what is derived for searching and sorting."""
    return {
        **to_record(request),
        "item_key": search_key(request.item),
        "due_order": NO_DUE_DATE if request.due_at is None else request.due_at,
    }


def from_record(record: Mapping[str, Any]) -> Request:
    """The request that a record, or a row, holds."""
    claim = None
    if record["crafter_id"] is not None:
        claim = Claim(
            crafter_id=record["crafter_id"],
            crafter_name=record["crafter_name"],
            character_id=record["crafter_character_id"],
            claimed_at=record["claimed_at"],
            nudged_at=record["nudged_at"],
            release_at=record["release_at"],
        )
    return Request(
        **{name: record[name] for name in _PLAIN},
        materials=Materials(record["materials"]),
        state=State(record["state"]),
        claim=claim,
    )


def difference(before: Request | None, after: Request) -> tuple[dict[str, Any], dict[str, Any]]:
    """What changed, as (before, after) with the same keys; everything for a new request, with nothing before."""
    new = to_record(after)
    if before is None:
        return {}, new
    old = to_record(before)
    changed = [name for name, value in new.items() if old[name] != value]
    return {name: old[name] for name in changed}, {name: new[name] for name in changed}


def replayed(afters: Iterable[Mapping[str, Any]]) -> Request:
    """The request that a list of its events leads to, oldest first."""
    record: dict[str, Any] = {}
    for after in afters:
        record.update(after)
    return from_record(record)


def dumps(value: object) -> str:
    """Compact JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
