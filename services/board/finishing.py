"""Work on the database runs to its end although whoever asked gives up.

A cancelled statement leaves a driver's connection in an unknown state, so that it has to be thrown away; and a write
that is under way is safe to finish, for it is asked for by an idempotency key.
"""

import asyncio
import functools
import inspect
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import structlog

T = TypeVar("T")
ServicerT = TypeVar("ServicerT")
_log = structlog.stdlib.get_logger(__name__)


async def finish(work: Awaitable[T]) -> T:
    """What `work` gives. If the waiting task is cancelled, `work` goes on by itself."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        task.add_done_callback(_seen)
        raise


def finishing(servicer: type[ServicerT]) -> type[ServicerT]:
    """A class decorator for servicers: every unary method of the contract runs to its end."""
    for name, method in vars(servicer).copy().items():
        if name[0].isupper() and inspect.iscoroutinefunction(method):
            setattr(servicer, name, _finished(method))
    return servicer


def _finished(method: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    @functools.wraps(method)
    async def run(self: object, request: Any, context: Any) -> Any:
        return await finish(method(self, request, context))

    return run


def _seen(task: "asyncio.Future[Any]") -> None:
    error = None if task.cancelled() else task.exception()
    if error is not None:
        _log.info("work that nobody waits for any more failed", error=str(error), kind=type(error).__name__)
