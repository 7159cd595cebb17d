"""Gets one answer out of several models that may each fail.

Until the first delta anything may be tried again: the same model with backoff, then the next one. After it the person
has seen a beginning, so a failure ends the answer as INTERRUPTED, with what came kept. There is exactly one Finished.

Waits are exponential with full jitter (Brooker, "Exponential Backoff And Jitter"); a provider's Retry-After is obeyed
where it is short enough and else means the next model.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass

import structlog

from chassis.clock import Clock
from chassis.settings import Live
from services.llm.catalogue import Model
from services.llm.chat import (
    ELSEWHERE,
    RETRYABLE,
    TRIPPING,
    ChatEvent,
    ChatRequest,
    FailureKind,
    Finish,
    Finished,
    ProviderFailure,
    TextDelta,
    ThinkingDelta,
    ToolCallEvent,
)
from services.llm.health import Health
from services.llm.pool import ProviderPool
from services.llm.settings import LlmSettings
from services.llm.silence import Silence
from services.llm.telemetry import CallTelemetry

log = structlog.get_logger(__name__)
LONGEST_TOKEN = 32
"""Characters of one token at most, generously: who gives more than the cap's worth of them does not know the cap."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """A model begins to answer. Comes right before its first event."""

    model: Model
    request: ChatRequest
    attempts: int


RoutedEvent = Chosen | ChatEvent


class NoModelAnsweredError(Exception):
    """Every candidate failed before its first delta. `last` says how the last one did."""

    def __init__(self, last: ProviderFailure, model: Model, retry_after: float | None) -> None:
        super().__init__(str(last))
        self.last = last
        self.model = model
        self.retry_after = retry_after


@dataclass(slots=True)
class _Search:
    """How far the search for an answer has come."""

    ends: float
    failure: ProviderFailure
    attempts: int = 0
    answered: bool = False


class Router:
    """Asks models in order until one answers."""

    def __init__(
        self,
        settings: Live[LlmSettings],
        *,
        pool: ProviderPool,
        health: Health,
        clock: Clock,
        telemetry: CallTelemetry,
        jitter: random.Random,
    ) -> None:
        self._settings = settings
        self._pool = pool
        self._health = health
        self._clock = clock
        self._telemetry = telemetry
        self._jitter = jitter

    async def stream(
        self, candidates: Sequence[Model], prepare: Callable[[Model], Awaitable[ChatRequest]], budget: float
    ) -> AsyncGenerator[RoutedEvent, None]:
        """The events of one answer, after a Chosen.

        Args:
            candidates: The models in order; the last is taken even while it rests, if nothing else answered.
            prepare: Makes the request for a model. May raise, which ends the search.
            budget: Seconds for everything.

        Raises NoModelAnsweredError where none answered.
        """
        ends = self._clock.monotonic() + budget
        search = _Search(ends, ProviderFailure(FailureKind.OVERLOADED, "every model rests"))
        for position, model in enumerate(candidates):
            if position and self._health.wait(model.name) > 0:
                continue
            try:
                request = await prepare(model)
            except ValueError:
                if position == 0:
                    raise
                continue  # a fallback with a smaller window, or with a limit of its own against it
            async with aclosing(self._ask(model, request, search, alone=len(candidates) == 1)) as events:
                async for event in events:
                    yield event
            if search.answered:
                return
        if not search.attempts:
            last = min(candidates, key=lambda model: self._health.wait(model.name))
            wait = self._health.wait(last.name)
            if wait <= self._settings.current.retry.max_delay and self._clock.monotonic() + wait < ends:
                await asyncio.sleep(wait)
            async with aclosing(self._last_resort(last, prepare, search)) as events:
                async for event in events:
                    yield event
            if search.answered:
                return
        waits = [self._health.wait(model.name) for model in candidates]
        raise NoModelAnsweredError(search.failure, candidates[-1], search.failure.retry_after or min(waits) or None)

    async def _last_resort(
        self, model: Model, prepare: Callable[[Model], Awaitable[ChatRequest]], search: _Search
    ) -> AsyncGenerator[RoutedEvent, None]:
        """The events of a model that rests, where there is no other; none where it cannot be asked either."""
        try:
            request = await prepare(model)
        except ValueError as error:
            log.warning("the last model can't be asked", model=model.name, why=str(error))
            return
        async with aclosing(self._ask(model, request, search, anyway=True)) as events:
            async for event in events:
                yield event

    async def _ask(
        self, model: Model, request: ChatRequest, search: _Search, *, anyway: bool = False, alone: bool = False
    ) -> AsyncGenerator[RoutedEvent, None]:
        """The events of one model, tried as often as makes sense; none where it failed before its first. Where it is
        the only one it is tried again although it rests after what it answered first.
        """
        for attempt in range(self._settings.current.retry.attempts):
            if not anyway and not (alone and attempt) and not self._health.admit(model.name):
                return
            search.attempts += 1
            began = False
            try:
                async with aclosing(self._attempt(model, request, search.ends)) as events:
                    async for event in events:
                        if not began:
                            began = search.answered = True
                            yield Chosen(model, request, search.attempts)
                        yield event
            except ProviderFailure as error:
                search.failure = error
                log.warning(
                    "a model failed", model=model.name, failure=error.kind.value, status=error.status, began=began,
                    detail=error.detail,
                )  # fmt: skip
                if began:
                    yield Finished(Finish.INTERRUPTED, interruption=error.kind.value)
                    return
                if error.kind not in ELSEWHERE:
                    raise NoModelAnsweredError(error, model, error.retry_after) from error
                delay = self._delay(error, attempt)
                if error.kind not in RETRYABLE or delay is None or self._clock.monotonic() + delay >= search.ends:
                    return
                await asyncio.sleep(delay)
            else:
                return

    def _delay(self, error: ProviderFailure, attempt: int) -> float | None:
        """Seconds before this model is asked again; None where the next one is better."""
        retry = self._settings.current.retry
        if attempt + 1 >= retry.attempts:
            return None
        if error.retry_after is not None:
            return error.retry_after if error.retry_after <= retry.max_delay else None
        return self._jitter.uniform(0, min(retry.max_delay, retry.base_delay * 2**attempt))

    async def _attempt(self, model: Model, request: ChatRequest, ends: float) -> AsyncGenerator[ChatEvent, None]:
        """One call to one model, timed, with its health and telemetry recorded. Raises ProviderFailure."""
        retry = self._settings.current.retry
        said = _Said(LONGEST_TOKEN * max(request.max_output_tokens, model.profile.max_output_tokens))
        judged = False
        with self._telemetry.call(model, request) as call:
            try:
                async with self._pool.lease(model.provider) as provider:
                    limits = self._pool.settings_of(model.provider)
                    left = ends - self._clock.monotonic()
                    async with (
                        aclosing(provider.stream(model, request)) as source,
                        Silence(left, limits.first_token_timeout, limits.idle_timeout) as silence,
                    ):
                        async for event in source:
                            said.note(event)
                            if isinstance(event, Finished):
                                call.finished(event)
                            call.event(event)
                            silence.broken()
                            yield event
                            if said.too_much:
                                log.warning("a provider does not stop at its cap", model=model.name)
                                end = Finished(Finish.LENGTH)
                                call.finished(end)
                                yield end
                                break
                judged = True
                self._health.succeeded(model.name)
            except TimeoutError as error:
                judged = True
                kind = FailureKind.STALLED if call.began else FailureKind.TIMEOUT
                failure = ProviderFailure(kind, "nothing came in time")
                self._health.failed(model.name, kind.value, retry)
                call.failed(failure)
                raise failure from error
            except ProviderFailure as failure:
                judged = True
                if failure.kind is FailureKind.RATE_LIMITED:
                    self._health.limited(model.name, failure.retry_after, retry)
                elif failure.kind in TRIPPING:
                    self._health.failed(model.name, failure.kind.value, retry)
                else:
                    self._health.released(model.name)
                call.failed(failure)
                raise
            finally:
                if not judged:
                    self._health.released(model.name)


class _Said:
    """What an answer consists of so far. `room` is for how many characters there is."""

    def __init__(self, room: int) -> None:
        self._room = room
        self._anything = False

    def note(self, event: ChatEvent) -> None:
        """Takes in an event. Raises ProviderFailure (EMPTY) for an end without an answer, which is none."""
        if isinstance(event, TextDelta | ThinkingDelta):
            self._room -= len(event.text)
            self._anything = self._anything or (isinstance(event, TextDelta) and not event.text.isspace())
        elif isinstance(event, ToolCallEvent):
            self._anything = True
        elif event.finish is Finish.STOP and not self._anything:
            raise ProviderFailure(FailureKind.EMPTY, "the model said nothing")

    @property
    def too_much(self) -> bool:
        """Whether it goes on beyond any cap."""
        return self._room < 0
