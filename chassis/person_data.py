"""What a service keeps about a person: given to them, and forgotten when they ask.

Each service serves `guildhall.person.v1` for its parts. A part says what it keeps as plain JSON, and forgets it; what
it can't forget, such as a counter that limits somebody, it names.
"""

import json
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from guildhall.person.v1 import person_pb2, person_pb2_grpc

from chassis.caller import current_caller
from chassis.errors import PermissionDenied
from chassis.runtime import JSON, Runtime

CALLERS = {"ExportPersonData": ("gateway",), "DeletePersonData": ("gateway",)}
_PIECE = 256 * 1024


@dataclass(frozen=True)
class Forgotten:
    """How much of what was forgotten, and what stays."""

    counts: Mapping[str, int] = field(default_factory=dict)
    kept: tuple[str, ...] = ()


class PersonData(Protocol):
    """One part of what a service keeps about people."""

    async def of_person(self, user_id: int) -> Mapping[str, JSON]:
        """What is kept about a person, by topic; topics without anything may be left out."""
        ...

    async def forget_person(self, user_id: int) -> Forgotten:
        """Forgets it."""
        ...


class PersonDataServicer(person_pb2_grpc.PersonDataServiceServicer):
    """Answers for all parts of a service."""

    def __init__(self, parts: Sequence[PersonData]) -> None:
        self._parts = parts

    async def ExportPersonData(
        self, request: person_pb2.ExportPersonDataRequest, context: Any
    ) -> AsyncIterator[person_pb2.ExportPersonDataResponse]:
        """See the contract."""
        _check(request.user_id)
        found: dict[str, JSON] = {}
        for part in self._parts:
            found |= await part.of_person(request.user_id)
        content = json.dumps(found, ensure_ascii=False, default=str).encode()
        for start in range(0, len(content), _PIECE):
            yield person_pb2.ExportPersonDataResponse(content=content[start : start + _PIECE])

    async def DeletePersonData(
        self, request: person_pb2.DeletePersonDataRequest, context: Any
    ) -> person_pb2.DeletePersonDataResponse:
        """See the contract."""
        _check(request.user_id)
        counts: Counter[str] = Counter()
        kept: list[str] = []
        for part in self._parts:
            forgotten = await part.forget_person(request.user_id)
            counts.update(forgotten.counts)
            kept += forgotten.kept
        return person_pb2.DeletePersonDataResponse(forgotten=dict(counts), kept=kept)


def serve(runtime: Runtime[Any], *parts: PersonData) -> None:
    """Serves the contract for some parts."""
    runtime.serve(person_pb2_grpc.add_PersonDataServiceServicer_to_server, PersonDataServicer(parts), callers=CALLERS)


def _check(user_id: int) -> None:
    person = current_caller().person
    if person is None or not user_id or person.user_id != user_id:
        raise PermissionDenied("what is kept about a person is for that person", reason="PERSON_FORBIDDEN")
