"""Requests that wait for a limit, server-side, in a fair queue."""

import asyncio
from dataclasses import dataclass

from chassis.clock import Clock
from chassis.errors import ResourceExhausted
from services.ratelimit.algorithms import CONCURRENCY
from services.ratelimit.answers import Answer
from services.ratelimit.asks import Ask
from services.ratelimit.fair_queue import FairQueue, Waiter
from services.ratelimit.limiter import Limiter
from services.ratelimit.meters import WAIT_SECONDS
from services.ratelimit.queue_runner import run_queue

_LOOK_AGAIN = 0.1


@dataclass(eq=False, slots=True)
class _Waiting:
    ask: Ask
    last: Answer
    answer: asyncio.Future[Answer]
    deadline: float
    attempt: asyncio.Task[None] | None = None


class WaitingRoom:
    """Lets requests wait for the counter that denies them, in turns between people and in order within each."""

    def __init__(self, limiter: Limiter, clock: Clock, most: int) -> None:
        self._limiter, self._clock, self._most = limiter, clock, most
        self._queue: FairQueue[_Waiting] = FairQueue()
        self._changed = asyncio.Event()
        self._tries: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._queue)

    async def decide(self, ask: Ask, max_wait: float) -> Answer:
        """Decides, waiting up to `max_wait` seconds. ResourceExhausted where too many wait already."""
        if max_wait <= 0 or not ask.demands:
            return await self._limiter.decide(ask)
        start = self._clock.monotonic()
        queued_for = next((demand.key for demand in ask.demands if self._queue.waits(demand.key)), None)
        if queued_for is None:
            last = await self._limiter.decide(ask)
            if last.allowed or not last.blocking_key or _wait(ask, last) > max_wait:
                return last
            resource, until = last.blocking_key, start + _wait(ask, last)
        else:
            # Others wait for this counter: whoever comes later goes behind them.
            last = await self._limiter.peek(ask.demands)
            last.allowed = False
            resource, until = queued_for, start
        if len(self._queue) >= self._most:
            raise ResourceExhausted("too many requests wait", reason="TOO_MANY_WAITING", retry_after=1.0)
        waiting = _Waiting(ask, last, asyncio.get_running_loop().create_future(), start + max_wait)
        waiter = self._queue.add(
            waiting, resource, flow=ask.demands[0].flow, until=until, cost=max(demand.cost for demand in ask.demands)
        )
        self._changed.set()
        try:
            await asyncio.wait((waiting.answer,), timeout=max_wait)
            if not waiting.answer.done() and waiting.attempt is not None:
                # What is being taken for it right now is its own, however late.
                await asyncio.wait((waiting.attempt,))
            answer = waiting.answer.result() if waiting.answer.done() else waiting.last
            if not answer.allowed and not answer.blocking:
                answer.blocking, answer.retry_us = ask.demands[0].limit, 1_000
        finally:
            self._queue.left(waiter)
            self._changed.set()
        answer.waited = self._clock.monotonic() - start
        WAIT_SECONDS.record(answer.waited, {"outcome": "allowed" if answer.allowed else "denied"})
        return answer

    async def run(self) -> None:
        """Tries whoever is next; for ever."""
        await run_queue(self._queue, self._clock, self._changed, self._try, self._tries)

    async def _try(self, waiter: Waiter[_Waiting]) -> None:
        waiting = waiter.item
        waiting.attempt = asyncio.current_task()
        try:
            answer = await self._limiter.decide(waiting.ask)
        except Exception as error:  # noqa: BLE001  (handed to whoever waits)
            if not waiter.gone:
                self._queue.served(waiter)
            if not waiting.answer.done():
                waiting.answer.set_exception(error)
            return
        finally:
            waiting.attempt = None
        if waiter.gone:
            return
        now = self._clock.monotonic()
        if answer.allowed or now + _wait(waiting.ask, answer) > waiting.deadline:
            self._queue.served(waiter)
            if not waiting.answer.done():
                waiting.answer.set_result(answer)
        else:
            waiting.last = answer
            self._queue.blocked(waiter, answer.blocking_key or waiter.resource, now + _wait(waiting.ask, answer))


def _wait(ask: Ask, answer: Answer) -> float:
    """Seconds until another try is worth it. A concurrency slot may be given back at any moment, so it is looked at."""
    slots = any(
        demand.key == answer.blocking_key and demand.variant.algorithm.kind == CONCURRENCY for demand in ask.demands
    )
    return min(_LOOK_AGAIN, answer.retry_us / 1e6) if slots else answer.retry_us / 1e6
