"""A plan while it is compiled: its operations so far, with the order that they must keep; pure.

Operations that touch the same thing keep the order of the plan; everything else may run side by side.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from services.executor.plans.choosing import Choosing, Thing, Unresolved
from services.executor.plans.operation import Operation, ref
from services.executor.plans.schema import PlanDocument
from services.executor.plans.snapshot import digest

EMOJI_BYTES = 256 * 1024
"""What Discord takes for an emoji at most."""


@dataclass
class Draft(Choosing):
    """A plan while it is compiled."""

    document: PlanDocument
    now: float
    picture: str | None = None
    """What came with the request, as a data URI; empty where it cannot be used, None where nothing came."""
    operations: list[Operation] = field(default_factory=list, init=False)
    notes: list[str] = field(default_factory=list, init=False)
    _touched: dict[str, str] = field(default_factory=dict, init=False)
    _archives: dict[str, Thing] = field(default_factory=dict, init=False)

    @property
    def guild_id(self) -> str:
        """The guild, as paths have it."""
        return str(self.snapshot.guild_id)

    def add(
        self,
        kind: str,
        path: Mapping[str, str],
        body: Any = None,
        *,
        label: str,
        touches: Iterable[str] = (),
        watch: tuple[str, Thing] | None = None,
        before: Any = None,
        risky: bool = False,
        query: Mapping[str, str] | None = None,
        needs: Iterable[str] = (),
    ) -> Operation:
        """Adds an operation. `touches` names the things whose order must be kept; `watch` whose drift matters."""
        number = str(len(self.operations) + 1)
        waits = {*needs, *(self._touched[thing] for thing in touches if thing in self._touched)}
        watches = expects = ""
        if watch is not None and watch[1].existing is not None:
            watches, expects = f"{watch[0]}:{watch[1].id}", digest(watch[1].existing.raw)
        operation = Operation(
            id=number,
            kind=kind,
            path=dict(path),
            body=body,
            query=dict(query or {}),
            needs=tuple(sorted(waits)),
            label=label,
            before=before,
            watches=watches,
            expects=expects,
            risky=risky,
            intent=self.intent,
        )
        self.operations.append(operation)
        for thing in touches:
            self._touched[thing] = number
        return operation

    @contextmanager
    def whole(self) -> Iterator[None]:
        """Keeps what an intent adds only if all of it can be compiled: half an intent would surprise."""
        operations, touched, archives = len(self.operations), dict(self._touched), dict(self._archives)
        made, new = ({key: list(things) for key, things in one.items()} for one in (self.made, self.fresh))
        try:
            yield
        except Unresolved:
            del self.operations[operations:]
            self._touched, self._archives, self.made, self.fresh = touched, archives, made, new

    def note(self, key: str, **values: object) -> None:
        """Notes something that is good to know, by its text's key."""
        self.notes.append(self.text(f"plan.note.{key}", **values))

    def label(self, key: str, **values: object) -> str:
        """What an operation is about, where that takes more than a name."""
        return self.text(f"plan.label.{key}", **values)

    def archive(self, name: str, make: Any) -> Thing:
        """The category for archives, made once a plan."""
        key = name.lower()
        if key not in self._archives:
            self._archives[key] = make()
        return self._archives[key]

    def created(self, operation: Operation, name: str, type_: int = 0, parent: str = "") -> Thing:
        """What an operation creates, for later ones."""
        thing = Thing(ref(operation.id), name, type_, parent, raw=operation.body or {})
        self._touched[thing.id] = operation.id
        self.fresh.setdefault(operation.kind.partition(".")[0], []).append(thing)
        return thing
