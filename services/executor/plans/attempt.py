"""One attempt at one operation, from its permit to its outcome.

An intent is on disk before its call travels; the outcome is on disk before anything that relies on it. Whether the
requester may still do this is looked at when the permit is there, at the last moment. Nothing that may have happened is
repeated before it has been looked for.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable

import structlog

from chassis.clock import Clock
from services.executor.discord.errors import (
    DiscordError,
    NotPermitted,
    NotSent,
    OutcomeUnknown,
    Refused,
    Unreachable,
)
from services.executor.plans.gate import Gate
from services.executor.plans.holdback import Holdback
from services.executor.plans.kinds import Effect
from services.executor.plans.latencies import Latencies
from services.executor.plans.operation import Operation, Outcome, Status, resolved
from services.executor.plans.passage import Passage
from services.executor.plans.perform import Performer, same_thing
from services.executor.plans.run_journal import RunJournal
from services.executor.plans.run_state import Pause, Progress, results_of
from services.executor.plans.saying import Text
from services.executor.plans.settings import PlanSettings
from services.executor.plans.table import kind_of

_log = structlog.get_logger(__name__)

_RETRY_SECONDS = 0.25
_LONG_AT_THE_GATE_SECONDS = 1.0
PROMPT_SECONDS = 0.05
"""A permit that has not come by then is waited for."""


class _Forbidden(NotSent):
    """Whoever asked may not do this any more."""


class Attempts:
    """Makes attempts, and remembers what came of them."""

    def __init__(
        self,
        progress: Progress,
        *,
        performer: Performer,
        journal: RunJournal,
        settings: PlanSettings,
        clock: Clock,
        latencies: Latencies,
        refused: Callable[[Operation], Awaitable[str]],
        why: str,
        polite: bool,
        text: Text,
    ) -> None:
        self._text = text
        self._progress = progress
        self._performer = performer
        self._journal = journal
        self._settings = settings
        self._clock = clock
        self._latencies = latencies
        self._refused = refused
        self._why = why
        most = settings.concurrency_polite if polite else settings.concurrency_max
        self._ahead = 0 if polite else settings.concurrency_ahead
        self._gate = Gate(most if polite else settings.concurrency_start, most)
        self._asking: dict[str, float] = {}
        self.holdback = Holdback(settings)
        """What keeps operations back."""
        self._looking: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self.engaged: set[str] = set()
        """Operations that travel or are looked for: they are seen through."""
        self.pause: Pause | None = None
        """Why nothing more shall be begun."""

    def may_begin(self, operation: Operation, now: float) -> bool:
        """Whether its time has come, and Discord is not known to be in trouble with it."""
        if not self.holdback.may_begin(operation, now):
            return False
        wait = self.holdback.wait(operation, now)
        self._progress.waiting_for = max(self._progress.waiting_for, wait)
        return wait <= 0

    def at_once(self, operation: Operation) -> int:
        """How many that share its bucket may be begun: until one was answered the bucket lets no other through."""
        return self._settings.concurrency_max if self._latencies.knows(operation.kind) else 1

    async def make(self, operation: Operation) -> None:
        """One attempt. Raises `LeaseLost`, `Unauthorized`."""
        outcome = self._progress.outcomes[operation.id]
        if outcome.status is not Status.PENDING and must_be_sought(operation):
            self.engaged.add(operation.id)
            try:
                if await self._was_made(operation, outcome, patient=True):
                    return
                # It has not happened and cannot any more, so the next attempt is like the first.
                outcome = Outcome(error=outcome.error)
                self.settle(operation, outcome)
            finally:
                self.engaged.discard(operation.id)
        await self._call(operation, outcome)

    def settle(self, operation: Operation, outcome: Outcome) -> None:
        """Notes an outcome; it is on disk before what relies on it."""
        self._journal.note(operation.id, outcome)
        self._progress.outcomes[operation.id] = outcome

    async def _call(self, operation: Operation, before: Outcome) -> None:
        results = results_of(self._progress.outcomes)
        passage = Passage(self, operation, before)
        self._asking[operation.id] = time.monotonic()
        try:
            made, _ = await self._performer.make(operation, results, self._why, passage)
        except _Forbidden as refusal:
            self._fail(operation, str(refusal))
        except NotSent:
            # Its breaker opened while it waited; its turn comes again.
            return
        except Refused as refusal:
            self._latencies.add(passage.seconds, operation.kind)
            self.holdback.breaker(operation).succeeded()
            self._fail(operation, str(refusal))
        except NotPermitted as refusal:
            self._no_permit(operation, refusal)
        except (OutcomeUnknown, Unreachable) as error:
            self.holdback.failures[operation.id] += 1
            await self._trouble(operation, passage, error)
        else:
            self._latencies.add(passage.seconds, operation.kind)
            self._latencies.add_overhead(passage.beside)
            self.holdback.breaker(operation).succeeded()
            self._gate.succeeded()
            extra = resolved(operation.path, results).get("channel_id")
            update = {"status": Status.DONE, "result": made, "seconds": passage.seconds, "extra": extra, "error": ""}
            self.settle(operation, passage.outcome.model_copy(update=update))
        finally:
            self._asking.pop(operation.id, None)

    def crowd(self, now: float) -> int:
        """How many places are taken or will be in a moment: who waits longer for a permit than permits take is not
        among them, so that one bucket's queue leaves the others their places."""
        return self._gate.travelling + self._gate.waiting + self._asking_since(now - PROMPT_SECONDS)

    @property
    def places(self) -> int:
        """How many may ask, wait or travel at once: some more than travel, so that permits and intents are ready when a
        place comes free."""
        return int(self._gate.limit) + self._ahead

    def asks_promptly(self, now: float) -> bool:
        """Whether somebody has just asked for a permit: soon it is known whether they take a place."""
        return self._asking_since(now - PROMPT_SECONDS) > 0

    def _asking_since(self, moment: float) -> int:
        return sum(1 for asked in self._asking.values() if asked >= moment)

    async def intend(self, operation: Operation, before: Outcome) -> Outcome:
        """What comes between a permit and its call: a last look at rights and breaker, and the intent on disk."""
        self._asking.pop(operation.id, None)
        text = await self._refused(operation)
        if text:
            raise _Forbidden(text)
        if self.holdback.wait(operation, time.monotonic()) > 0:
            raise NotSent("the breaker has opened")
        now = self._clock.now()
        outcome = before.model_copy(
            update={"status": Status.INTENT, "intended": before.intended or now, "begun": now, "error": ""}
        )
        try:
            await self._journal.put(operation.id, outcome)
        except asyncio.CancelledError:
            self.settle(operation, before)
            raise
        self._progress.outcomes[operation.id] = outcome
        return outcome

    async def enter(self, operation: Operation, intent: Outcome, before: Outcome) -> tuple[int, Outcome]:
        """Takes a place among those that travel; gives the gate's ticket, and the outcome with the moment of it."""
        try:
            ticket = await self._gate.enter()
        except asyncio.CancelledError:
            # It was taken back before it travelled.
            self.settle(operation, before)
            raise
        if self.holdback.wait(operation, time.monotonic()) > 0:
            # Who went before met trouble, or tries whether it is over: that is one call's matter.
            self._gate.leave()
            self.settle(operation, before)
            raise NotSent("the breaker has opened")
        self.holdback.breaker(operation).begin()
        self.engaged.add(operation.id)
        now = self._clock.now()
        outcome = intent.model_copy(update={"begun": now})
        self._progress.outcomes[operation.id] = outcome
        if now - intent.begun > _LONG_AT_THE_GATE_SECONDS:
            # Whoever looks for it after a crash shall not give up too early.
            self._journal.note(operation.id, outcome)
        return ticket, outcome

    def left(self, operation: Operation) -> None:
        """Its call has been answered, or never will be."""
        self._gate.leave()
        self.engaged.discard(operation.id)

    def _no_permit(self, operation: Operation, refusal: NotPermitted) -> None:
        """A quota of hours pauses the run and is said; anything shorter is waited for."""
        if self._progress.outcomes[operation.id].status is Status.INTENT:
            # Discord itself has refused it (429): it has not happened.
            self.settle(operation, Outcome())
        if refusal.quota or refusal.retry_after > self._settings.wait_at_most_seconds:
            self.pause = Pause(operation.kind, self._clock.now() + refusal.retry_after)
            return
        self.holdback.until(operation, time.monotonic() + refusal.retry_after)

    async def _trouble(self, operation: Operation, passage: Passage, error: DiscordError) -> None:
        """Discord failed, or the answer was lost."""
        outcome = passage.outcome
        now = time.monotonic()
        breaker = self.holdback.breaker(operation)
        pause = breaker.failed(now)
        self._gate.failed(passage.ticket)
        _log.warning(
            "plan.trouble", operation=operation.id, kind=operation.kind, error=str(error), breaker_pause=round(pause, 1)
        )
        if must_be_sought(operation) and isinstance(error, OutcomeUnknown):
            self.settle(operation, outcome.model_copy(update={"status": Status.UNKNOWN, "error": str(error)}))
            self.engaged.add(operation.id)
            try:
                if await self._was_made(operation, self._progress.outcomes[operation.id], patient=not _answered(error)):
                    return
            finally:
                self.engaged.discard(operation.id)
            # It has not happened and cannot any more, so the next attempt is like the first.
            self.settle(operation, Outcome(error=str(error)))
        if breaker.open_until is not None:
            # While nothing of this class gets through, the fault is not this operation's.
            self.holdback.failures[operation.id] -= 1
            if breaker.since is not None and now - breaker.since > self._settings.outage_seconds:
                self.pause = Pause("")
            return
        if self.holdback.failures[operation.id] >= self._settings.call_attempts:
            given_up = self._text("plan.skipped.given_up", attempts=self.holdback.failures[operation.id], error=error)
            self._fail(operation, given_up)
            return
        # At once the first time: most faults are alone. Then each time later.
        self.holdback.until(operation, now + _RETRY_SECONDS * (2.0 ** (self.holdback.failures[operation.id] - 1) - 1))

    async def _was_made(self, operation: Operation, outcome: Outcome, *, patient: bool) -> bool:
        """Whether a creation of unknown outcome has happened after all, or nothing can be said yet."""
        results = results_of(self._progress.outcomes)
        # Two equal things can be told apart by listing only one after the other.
        async with self._looking[same_thing(operation)]:
            try:
                found = await self._performer.find(
                    operation,
                    results,
                    intended=outcome.intended,
                    until=outcome.begun + self._settings.settle_seconds if patient else 0.0,
                    taken=self._taken,
                )
            except (OutcomeUnknown, Unreachable, NotPermitted) as error:
                _log.warning("plan.not_reconciled", operation=operation.id, error=str(error))
                self.holdback.until(operation, time.monotonic() + self._settings.settle_poll_seconds)
                self.settle(operation, outcome.model_copy(update={"status": Status.UNKNOWN}))
                return True
            if found is None:
                return False
            self.holdback.breaker(operation).succeeded()
            self.settle(operation, outcome.model_copy(update={"status": Status.DONE, "result": found, "error": ""}))
            return True

    def _taken(self) -> set[str]:
        return {outcome.result for outcome in self._progress.outcomes.values() if outcome.result}

    def _fail(self, operation: Operation, error: str) -> None:
        outcome = self._progress.outcomes[operation.id]
        self.settle(operation, outcome.model_copy(update={"status": Status.FAILED, "error": error}))


def _answered(error: DiscordError) -> bool:
    """Whether Discord has answered the call, so that nothing is under way any more."""
    return isinstance(error, OutcomeUnknown | Unreachable) and error.answered


def must_be_sought(operation: Operation) -> bool:
    """Whether a repeat could make a second thing. Of messages Discord itself makes none twice."""
    return kind_of(operation).effect is Effect.CREATE and operation.kind != "thread.message"
