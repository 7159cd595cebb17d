"""Operations: what a plan is made of once it is compiled. Each is one REST call with everything that it needs.

Where an operation needs the id of something that another one creates, it says `$ref:<operation>`: known after apply.
Only where ids stand is that a reference: a channel may be called so, and a topic may say it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict

_REFERENCE = re.compile(r"^\$ref:(\w+)$")
_ID_KEY = re.compile(
    r"(?:^|_)ids?$|^(?:exempt_roles|exempt_channels|include_roles|applied_tags|children|members|order)$"
)
"""The keys of paths, bodies and before-images under which ids stand."""


class Status(StrEnum):
    """How far an operation has come."""

    PENDING = "pending"
    INTENT = "intent"
    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"
    UNKNOWN = "unknown"


class Operation(BaseModel):
    """One REST call of a plan."""

    model_config = ConfigDict(frozen=True)

    id: str
    """Names it within the plan: `1`, `2`, …"""
    kind: str
    """The row of the operation table."""
    path: dict[str, str]
    """The parameters of the route, as snowflakes or references."""
    body: Any = None
    """The request's body, with references in it."""
    query: dict[str, str] = {}
    """The request's query."""
    needs: tuple[str, ...] = ()
    """Operations that must be done before, beyond those it refers to."""
    label: str = ""
    """What it is about, as people call it."""
    before: Any = None
    """What the target was, to undo it and to notice when it has changed."""
    expects: str = ""
    """The fingerprint of the target at the time of the plan."""
    watches: str = ""
    """What the fingerprint is of: `channel:1`, `role:2`, `member:3`; empty for new things."""
    risky: bool = False
    """Whether this one, by what it changes, wants a second look."""
    intent: int = 0
    """Which intent of the plan it comes from."""

    @property
    def references(self) -> frozenset[str]:
        """The operations whose results it needs."""
        return _references([self.path, self.body])

    @property
    def depends(self) -> frozenset[str]:
        """Everything that must be done before."""
        return self.references | frozenset(self.needs)


class Outcome(BaseModel):
    """What became of an operation: what the journal keeps."""

    status: Status = Status.PENDING
    result: str = ""
    """The id of what it created."""
    error: str = ""
    """Why it failed or was skipped."""
    intended: float = 0.0
    """When its call was first about to be made, in Unix seconds."""
    begun: float = 0.0
    """When its latest attempt began to travel, in Unix seconds; until then, when it was about to be made."""
    seconds: float = 0.0
    """How long its call took."""
    extra: Any = None
    """What else the undo needs to know of the result."""


def ref(operation_id: str) -> str:
    """A reference to what an operation creates."""
    return f"$ref:{operation_id}"


def resolved(value: Any, results: Mapping[str, str]) -> Any:
    """A path or a body with its references replaced. Raises KeyError for one that has no result."""

    def result(text: str) -> str:
        match = _REFERENCE.match(text)
        return results[match[1]] if match else text

    return with_ids(value, result)


def with_ids(value: Any, swap: Callable[[str], str], key: str = "") -> Any:
    """A path, a body or a before-image with its ids swapped for others; texts stay what they are."""
    if isinstance(value, str):
        return swap(value) if _ID_KEY.search(key) else value
    if isinstance(value, Mapping):
        return {name: with_ids(below, swap, name) for name, below in value.items()}
    if isinstance(value, list | tuple):
        return [with_ids(below, swap, key) for below in value]
    return value


def _references(value: Any) -> frozenset[str]:
    found: set[str] = set()

    def note(text: str) -> str:
        match = _REFERENCE.match(text)
        if match:
            found.add(match[1])
        return text

    with_ids(value, note)
    return frozenset(found)
