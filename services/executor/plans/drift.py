"""What has changed about a plan's targets since its preview; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from services.executor.plans.choosing import quoted
from services.executor.plans.operation import Operation
from services.executor.plans.saying import Text
from services.executor.plans.snapshot import Channel, Member, Role, Snapshot, digest


def watched_people(operations: Sequence[Operation]) -> list[int]:
    """The members whose change would matter."""
    names = {operation.watches for operation in operations}
    return sorted(int(name.partition(":")[2]) for name in names if name.startswith("member:"))


def drifted(operations: Sequence[Operation], snapshot: Snapshot, text: Text) -> list[str]:
    """What is no more as it was shown, in words; empty where everything is."""
    pools: dict[str, Mapping[int, Channel | Role | Member]] = {
        "channel": snapshot.channels,
        "role": snapshot.roles,
        "member": snapshot.members,
    }
    stale = []
    for name, operation in {operation.watches: operation for operation in operations if operation.watches}.items():
        what, _, number = name.partition(":")
        if what == "thread":
            continue
        thing = pools[what].get(int(number))
        if thing is None:
            stale.append(text("plan.drift.gone", name=quoted(operation.label)))
        elif digest(thing.raw) != operation.expects:
            stale.append(text("plan.drift.changed", name=quoted(operation.label)))
    return stale
