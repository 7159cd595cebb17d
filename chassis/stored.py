"""Reading what another version of a service has stored: during a roll-out old and new processes share their stores."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeVar

T = TypeVar("T")


def as_known(kind: type[T], document: Mapping[str, Any]) -> T:
    """A dataclass from a stored document. What only a newer version knows is passed over; TypeError where something
    is missing that has no default."""
    known = {field.name for field in fields(kind)}  # type: ignore[arg-type]
    return kind(**{name: value for name, value in document.items() if name in known})
