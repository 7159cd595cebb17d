"""The compiler: intents and a snapshot in, operations with their graph out. Pure and deterministic.

Whatever an intent asks for beyond what the guild holds or the schema knows becomes a problem or a question; the others
are compiled all the same, so that a person reads everything at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from services.executor.plans import (
    compile_channels,
    compile_messages,
    compile_people,
    compile_permissions,
    compile_rest,
)
from services.executor.plans.choosing import Ambiguity, Problem
from services.executor.plans.draft import Draft
from services.executor.plans.operation import Operation
from services.executor.plans.saying import ENGLISH, Text
from services.executor.plans.schema import PlanDocument
from services.executor.plans.snapshot import Snapshot


@dataclass(frozen=True)
class Compiled:
    """What came of a plan's intents."""

    operations: tuple[Operation, ...]
    problems: tuple[Problem, ...]
    questions: tuple[Ambiguity, ...]
    notes: tuple[str, ...]


_COMPILERS: Mapping[str, Callable[[Draft, Any], None]] = {
    name: function
    for module in (compile_channels, compile_permissions, compile_people, compile_messages, compile_rest)
    for name, function in vars(module).items()
    if callable(function) and getattr(function, "__module__", "") == module.__name__ and not name.startswith("_")
}


def compile_plan(
    document: PlanDocument,
    snapshot: Snapshot,
    *,
    now: float,
    answers: Mapping[str, str] | None = None,
    picture: str | None = None,
    text: Text = ENGLISH,
) -> Compiled:
    """Compiles every intent. `answers` are the choices made for ambiguous names."""
    draft = Draft(snapshot, document, now, picture, answers=answers or {}, text=text)
    for index, intent in enumerate(document.intents):
        draft.intent = index
        with draft.whole():
            _COMPILERS[intent.op](draft, intent)
    return Compiled(
        tuple(draft.operations), tuple(draft.problems), tuple(draft.questions), tuple(dict.fromkeys(draft.notes))
    )
