"""Deadlines that cascade: what is left of the RPC being served bounds every call made while serving it.

gRPC for Python carries no deadline over by itself, so the server interceptor keeps it here.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_deadline: ContextVar[float | None] = ContextVar("deadline", default=None)


def remaining() -> float | None:
    """Seconds left for the RPC being served, not below 0; None outside of an RPC or where it has no deadline."""
    deadline = _deadline.get()
    return None if deadline is None else max(0.0, deadline - time.monotonic())


def bounded(timeout: float | None) -> float | None:
    """The smaller of a timeout of one's own and what is left."""
    left = remaining()
    if timeout is None:
        return left
    return timeout if left is None else min(timeout, left)


def keep_deadline(seconds: float | None) -> None:
    """Sets the deadline of the RPC that this task serves."""
    _deadline.set(None if seconds is None else time.monotonic() + seconds)


@contextmanager
def deadline_in(seconds: float | None) -> Iterator[None]:
    """Sets the deadline for what runs inside; None lifts it, for work that outlives the RPC which began it."""
    token = _deadline.set(None if seconds is None else time.monotonic() + seconds)
    try:
        yield
    finally:
        _deadline.reset(token)
