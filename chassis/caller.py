"""Who calls, and for whom: the Caller that every RPC carries.

`current_caller` says it inside a servicer; `acting_for` says for whom outgoing calls are made. How a Caller is signed,
checked and kept from being replayed stands in `caller_signing` and `interceptors`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True)
class Person:
    """A person in Discord, with what Discord said of them in the event that started the call."""

    user_id: int
    guild_id: int = 0
    role_ids: tuple[int, ...] = ()
    permissions: int = 0
    display_name: str = ""
    locale: str = ""
    channel_id: int = 0
    """The channel or thread in which `permissions` hold."""


@dataclass(frozen=True)
class Caller:
    """A service, and the person for whom it calls; no person for the system's own work."""

    service: str
    person: Person | None = None

    @classmethod
    def system(cls, service: str) -> "Caller":
        """The system's own work, for nobody in particular."""
        return cls(service)


_current: ContextVar[Caller | None] = ContextVar("caller", default=None)
_person: ContextVar[Person | None] = ContextVar("person", default=None)


def current_caller() -> Caller:
    """Who makes the RPC being served. LookupError outside of one."""
    caller = _current.get()
    if caller is None:
        raise LookupError("there is no caller: no RPC is being served here")
    return caller


def current_person() -> Person | None:
    """For whom outgoing calls are made now."""
    return _person.get()


@contextmanager
def acting_for(person: Person | None) -> Iterator[None]:
    """Outgoing calls made inside are for this person; None makes them the system's own."""
    token = _person.set(person)
    try:
        yield
    finally:
        _person.reset(token)


def serve(caller: Caller) -> None:
    """Sets the caller of the RPC that this task serves; calls made while serving it are for the same person."""
    _current.set(caller)
    _person.set(caller.person)


@contextmanager
def serving(caller: Caller) -> Iterator[None]:
    """`serve` for what runs inside, where the task goes on to something else."""
    token = _current.set(caller)
    try:
        with acting_for(caller.person):
            yield
    finally:
        _current.reset(token)
