"""In which order operations go that are ready at the same time; pure.

First whatever has the longest chain of others behind it (list scheduling by the critical path: T. C. Hu, 1961), then by
stage: roles before categories, those before channels. So a run does not end with what it could have begun early.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from graphlib import TopologicalSorter

from services.executor.plans.operation import Operation
from services.executor.plans.table import kind_of

Rank = tuple[int, int, int]
"""Smaller ones go first."""


def ranks(operations: Sequence[Operation]) -> dict[str, Rank]:
    """The rank of each operation."""
    needs = {operation.id: operation.depends for operation in operations}
    behind: dict[str, int] = defaultdict(int)
    for number in reversed(tuple(TopologicalSorter(needs).static_order())):
        for need in needs.get(number, ()):
            behind[need] = max(behind[need], behind[number] + 1)
    return {
        operation.id: (-behind[operation.id], kind_of(operation).stage, index)
        for index, operation in enumerate(operations)
    }
