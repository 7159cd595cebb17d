"""Undo and restore: operations that bring a guild back; pure.

The inverse of each operation that was done, the last one first. What was deleted comes back under a new id, so whatever
else is restored and names the old id is pointed at the operation that makes it anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.executor.plans.bodies import channel_body, role_body
from services.executor.plans.inverses import Inverse
from services.executor.plans.kinds import Reversible
from services.executor.plans.operation import Operation, Outcome, Status, ref, with_ids
from services.executor.plans.saying import ENGLISH, Text, loss_of, title_of
from services.executor.plans.snapshot import CATEGORY, Snapshot
from services.executor.plans.table import kind_of


@dataclass(frozen=True)
class Undo:
    """An inverse plan, and what it cannot bring back."""

    operations: tuple[Operation, ...]
    losses: tuple[str, ...]


def invert(
    operations: Sequence[Operation], outcomes: Mapping[str, Outcome], *, guild_id: int = 0, text: Text = ENGLISH
) -> Undo:
    """The plan that undoes what was done of another."""
    inverses: list[Inverse] = []
    losses: dict[str, None] = {}
    deleted_again = _gone_in_the_end(operations, outcomes)
    for operation in reversed(operations):
        outcome = outcomes.get(operation.id, Outcome())
        if outcome.status is not Status.DONE:
            continue
        kind = kind_of(operation)
        if kind.reversible is not Reversible.FULLY and not _own_thing(operation, outcomes):
            title, loss = title_of(operation.kind, text), loss_of(operation.kind, text)
            losses[text("plan.loss.line", title=title, loss=loss)] = None
        if operation.id in deleted_again or _own_thing(operation, outcomes):
            continue
        done = _with_results(operation, outcomes)
        inverses += kind.inverse(done, outcome)
    return Undo(tuple(linked(inverses)), tuple(losses))


def linked(inverses: Sequence[Inverse]) -> list[Operation]:
    """Operations from inverses: parents before children, old ids replaced by references, order kept per thing."""
    ordered = sorted(inverses, key=_rank)
    makers = {one.restores: str(index) for index, one in enumerate(ordered, 1) if one.restores}
    result: list[Operation] = []
    touched: dict[str, str] = {}
    for index, inverse in enumerate(ordered, 1):
        number = str(index)
        others = {old: maker for old, maker in makers.items() if maker != number}
        path = _pointed(inverse.path, others)
        body = _pointed(inverse.body, others)
        if inverse.kind == "channel.edit" and _is_child_made_anew(inverse, makers):
            # It comes back with its parent in its own creation.
            continue
        things = [value for name, value in path.items() if name != "guild_id"]
        needs = tuple(sorted({touched[thing] for thing in things if thing in touched}))
        result.append(
            Operation(
                id=number,
                kind=inverse.kind,
                path=path,
                body=body,
                query=dict(inverse.query),
                needs=needs,
                label=inverse.label,
                before=inverse.before,
            )
        )
        for thing in things:
            touched[thing] = number
    present = {operation.id for operation in result}
    return [
        operation.model_copy(update={"needs": tuple(need for need in operation.needs if need in present)})
        for operation in result
    ]


@dataclass(frozen=True)
class Difference:
    """One thing that differs between two snapshots."""

    what: str
    name: str
    change: str
    """`missing`, `new`, or the names of the fields that changed."""


def differences(then: Snapshot, now: Snapshot) -> list[Difference]:
    """What changed in channels and roles since a snapshot."""
    found = []
    for what, old, new, body in (
        ("role", then.roles, now.roles, role_body),
        ("channel", then.channels, now.channels, channel_body),
    ):
        before: Mapping[int, Any] = old
        after: Mapping[int, Any] = new
        for number, thing in before.items():
            other = after.get(number)
            if other is None:
                found.append(Difference(what, thing.name, "missing"))
                continue
            had, has = body(thing.raw), body(other.raw)
            changed = sorted(
                key for key in had.keys() | has.keys() if key != "position" and had.get(key) != has.get(key)
            )
            if changed:
                found.append(Difference(what, thing.name, ", ".join(changed)))
        found += [Difference(what, thing.name, "new") for number, thing in after.items() if number not in before]
    return found


def restore(then: Snapshot, now: Snapshot, *, remove_new: bool = False) -> list[Operation]:
    """The operations that bring channels and roles back to a snapshot."""
    guild = {"guild_id": str(now.guild_id)}
    inverses: list[Inverse] = []
    for role in then.roles.values():
        current = now.roles.get(role.id)
        if current is None and not role.managed:
            inverses.append(
                Inverse("role.create", guild, role_body(role.raw), label=f"@{role.name}", restores=str(role.id))
            )
        elif current is not None:
            had, has = role_body(role.raw), role_body(current.raw)
            changed = {key: value for key, value in had.items() if has.get(key) != value}
            if changed:
                path = guild | {"role_id": str(role.id)}
                before = {key: has.get(key) for key in changed}
                inverses.append(Inverse("role.edit", path, changed, label=f"@{role.name}", before=before))
    for channel in then.channels.values():
        present = now.channels.get(channel.id)
        if present is None:
            body = channel_body(channel.raw)
            inverses.append(Inverse("channel.create", guild, body, label=channel.name, restores=str(channel.id)))
            continue
        had, has = channel_body(channel.raw), channel_body(present.raw)
        names = (had.keys() | has.keys()) - {"position", "type"}
        changed = {key: had.get(key) for key in names if had.get(key) != has.get(key)}
        if changed:
            kind = "channel.rename" if {"name", "topic"} & changed.keys() else "channel.edit"
            before = {"fields": {key: has.get(key) for key in changed}}
            path = {"channel_id": str(channel.id)}
            inverses.append(Inverse(kind, path, changed, label=channel.name, before=before))
    if remove_new:
        for channel in now.channels.values():
            if channel.id not in then.channels:
                removed = {"guild_id": guild["guild_id"], "raw": dict(channel.raw), "children": []}
                path = {"channel_id": str(channel.id)}
                inverses.append(Inverse("channel.delete", path, label=channel.name, before=removed))
        for role in now.roles.values():
            if role.id not in then.roles and not role.managed:
                path = guild | {"role_id": str(role.id)}
                inverses.append(Inverse("role.delete", path, label=f"@{role.name}", before={"raw": dict(role.raw)}))
    return linked(inverses)


def _rank(inverse: Inverse) -> tuple[int, int]:
    """Roles, categories and channels that come back go first, for the others name them; deletions go last."""
    body = inverse.body if isinstance(inverse.body, Mapping) else {}
    if inverse.kind == "role.create":
        return (0, 0)
    if inverse.kind == "channel.create":
        return (1, 0 if body.get("type") == CATEGORY else 1)
    if inverse.kind.endswith(".delete"):
        return (3, 0)
    return (2, 0)


def _is_child_made_anew(inverse: Inverse, makers: Mapping[str, str]) -> bool:
    return (
        inverse.path.get("channel_id", "") in makers
        and isinstance(inverse.body, Mapping)
        and set(inverse.body) == {"parent_id"}
    )


def _pointed(value: Any, makers: Mapping[str, str]) -> Any:
    return with_ids(value, lambda old: ref(makers[old]) if old in makers else old)


def _with_results(operation: Operation, outcomes: Mapping[str, Outcome]) -> Operation:
    """An operation whose references are what was created in the end."""
    results = {number: outcome.result for number, outcome in outcomes.items()}
    pointers = {ref(number): result for number, result in results.items() if result}

    def placed(value: Any) -> Any:
        return with_ids(value, lambda one: pointers.get(one, one))

    return operation.model_copy(
        update={"path": placed(operation.path), "body": placed(operation.body), "before": placed(operation.before)}
    )


def _own_thing(operation: Operation, outcomes: Mapping[str, Outcome]) -> bool:
    """Whether an operation acts on what the plan itself made: undoing the making is enough."""
    made = {ref(number) for number, outcome in outcomes.items() if outcome.status is Status.DONE and outcome.result}
    return any(value in made for name, value in operation.path.items() if name in ("channel_id", "role_id"))


def _gone_in_the_end(operations: Sequence[Operation], outcomes: Mapping[str, Outcome]) -> set[str]:
    """Creations whose thing the plan itself deleted again."""
    deleted = {
        value
        for operation in operations
        if operation.kind in ("channel.delete", "role.delete", "thread.delete")
        and outcomes.get(operation.id, Outcome()).status is Status.DONE
        for value in operation.path.values()
    }
    return {operation.id for operation in operations if ref(operation.id) in deleted}
