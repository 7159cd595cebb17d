"""Runs a plan's operations: what is ready goes, as many at once as Discord bears, nothing twice.

Concurrency begins low, grows by one with each success and halves with each failure (AIMD). An intent is on disk before
its call, the outcome after it. What an operation needs and does not get skips it. Between two operations the run looks
whether it shall pause or end, and whether the requester may still do what the next one does.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from chassis.clock import Clock
from services.executor.discord.errors import (
    DiscordError,
    NotPermitted,
    OutcomeUnknown,
    Refused,
    Unauthorized,
    Unreachable,
)
from services.executor.plans.breaker import Breaker
from services.executor.plans.estimate import Latencies
from services.executor.plans.operation import Operation, Outcome, Status, resolved
from services.executor.plans.perform import Performer, same_thing
from services.executor.plans.record import Wish
from services.executor.plans.run_journal import RunJournal
from services.executor.plans.settings import PlanSettings
from services.executor.plans.table import Effect, kind_of

_log = structlog.get_logger(__name__)

_WAITED, _NOT_WAITED = 2.5, 1.5
"""A call waited for a permit if it took so many times the usual; it did not below the second."""
_OPEN = (Status.PENDING, Status.INTENT, Status.UNKNOWN)


@dataclass
class Pause:
    """Why a run stands still."""

    reason: str
    until: float = 0.0
    """When it could go on, in Unix seconds; 0 where that is for people to say."""


@dataclass
class Progress:
    """How far a run is; read by whoever shows it."""

    outcomes: dict[str, Outcome]
    waiting_for: str = ""
    """What holds it up just now, for people."""
    failures: list[str] = field(default_factory=list)


class Conductor:
    """One run of one plan."""

    def __init__(
        self,
        operations: Sequence[Operation],
        outcomes: dict[str, Outcome],
        *,
        performer: Performer,
        journal: RunJournal,
        settings: PlanSettings,
        clock: Clock,
        latencies: Latencies,
        refused: Callable[[Operation], Awaitable[str]],
        wish: Callable[[], Wish],
        why: str,
        polite: bool,
    ) -> None:
        self._operations = list(operations)
        self._performer = performer
        self._journal = journal
        self._settings = settings
        self._clock = clock
        self._latencies = latencies
        self._refused = refused
        self._wish = wish
        self._why = why
        self._polite = polite
        self.progress = Progress(outcomes)
        self._limit = float(settings.concurrency_polite if polite else settings.concurrency_start)
        self._running: dict[str, asyncio.Task[None]] = {}
        self._not_before: dict[str, float] = {}
        self._attempts: dict[str, int] = defaultdict(int)
        self._breakers: dict[str, Breaker] = {}
        self._looking: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._next_polite = 0.0
        self._pause: Pause | None = None
        self._losses = -1
        self._caps: dict[str, float] = {}
        self._by_id = {operation.id: operation for operation in operations}
        for operation in operations:
            outcomes.setdefault(operation.id, Outcome())

    async def run(self) -> Pause | None:
        """Runs to the end, or gives why it stands still. Raises `LeaseLost`, `Unauthorized`."""
        try:
            while True:
                if self._losses != self._known_losses():
                    self._skip_hopeless()
                if self._pause is None and self._wish() is Wish.RUN:
                    self._start_ready()
                if not self._running:
                    if self._pause is not None or self._wish() is not Wish.RUN:
                        return self._pause
                    if not self._open():
                        return None
                await self._wait()
        finally:
            for task in self._running.values():
                task.cancel()
            await asyncio.gather(*self._running.values(), return_exceptions=True)

    async def skip_rest(self, why: str) -> None:
        """Marks what was not begun as skipped."""
        for operation in self._open():
            await self._settle(operation, Outcome(status=Status.SKIPPED, error=why))

    def _open(self) -> list[Operation]:
        return [operation for operation in self._operations if self._outcome(operation).status in _OPEN]

    def _outcome(self, operation: Operation) -> Outcome:
        return self.progress.outcomes[operation.id]

    async def _wait(self) -> None:
        """Until a call has ended, or something may be begun that waits for its time."""
        if self._running:
            await asyncio.wait(
                self._running.values(), timeout=self._settings.control_seconds, return_when=asyncio.FIRST_COMPLETED
            )
        else:
            await asyncio.sleep(min(self._settings.control_seconds, max(0.01, self._soonest() - time.monotonic())))
        for number, task in list(self._running.items()):
            if task.done():
                del self._running[number]
                task.result()

    def _soonest(self) -> float:
        times = [self._not_before.get(operation.id, 0.0) for operation in self._open()]
        now = time.monotonic()
        times += [now + breaker.wait(now) for breaker in self._breakers.values() if breaker.open_until is not None]
        return min(times, default=now + self._settings.control_seconds)

    def _start_ready(self) -> None:
        now = time.monotonic()
        ready = [
            operation for operation in self._open() if operation.id not in self._running and self._is_ready(operation)
        ]
        ready.sort(key=lambda operation: (kind_of(operation).stage, int(operation.id)))
        held_back = ""
        for operation in ready:
            if len(self._running) >= int(self._limit):
                break
            if self._not_before.get(operation.id, 0.0) > now:
                continue
            breaker = self._breaker(operation)
            if breaker.wait(now) > 0:
                held_back = f"Discord has trouble; next try in {breaker.wait(now):.0f} s"
                continue
            if self._polite:
                if now < self._next_polite:
                    break
                self._next_polite = now + self._settings.polite_interval_seconds
            if self._crowded(operation):
                continue
            breaker.begin()
            self._running[operation.id] = asyncio.create_task(self._do(operation), name=f"operation {operation.id}")
        self.progress.waiting_for = held_back

    def _crowded(self, operation: Operation) -> bool:
        """Whether as many calls of its bucket are under way as that bucket lets travel at once."""
        kind = operation.kind
        under_way = sum(1 for number in self._running if self._by_id[number].kind == kind)
        return under_way >= int(self._caps.get(kind, self._settings.concurrency_max))

    def _learn(self, operation: Operation, seconds: float) -> None:
        """A call that took far longer than calls do has waited for its bucket's permit: fewer of that kind, so that
        other kinds do not wait behind it."""
        usual, _ = self._latencies.quantiles()
        cap = self._caps.get(operation.kind, float(self._settings.concurrency_max))
        if seconds > usual * _WAITED:
            self._caps[operation.kind] = max(1.0, cap / 2)
        elif seconds < usual * _NOT_WAITED:
            self._caps[operation.kind] = min(cap + 0.5, self._settings.concurrency_max)

    def _is_ready(self, operation: Operation) -> bool:
        states = {
            self.progress.outcomes[need].status for need in operation.references if need in self.progress.outcomes
        }
        if states - {Status.DONE}:
            return False
        order = {self.progress.outcomes[need].status for need in operation.needs if need in self.progress.outcomes}
        return not order & set(_OPEN)

    def _known_losses(self) -> int:
        lost = (Status.FAILED, Status.SKIPPED)
        return sum(1 for outcome in self.progress.outcomes.values() if outcome.status in lost)

    def _skip_hopeless(self) -> None:
        """Skips what refers to something that will not be there; what is skipped can be told anew from the rest."""
        self._losses = self._known_losses()
        for operation in self._open():
            for need in operation.references:
                outcome = self.progress.outcomes.get(need)
                if outcome is not None and outcome.status in (Status.FAILED, Status.SKIPPED):
                    error = f"step {need}, which it needs, was not done"
                    self.progress.outcomes[operation.id] = Outcome(status=Status.SKIPPED, error=error)
                    break

    async def _do(self, operation: Operation) -> None:
        """One attempt at one operation, from its intent to its outcome."""
        outcome = self._outcome(operation)
        if outcome.status is Status.PENDING:
            text = await self._refused(operation)
            if text:
                self._breaker(operation).succeeded()
                await self._fail(operation, text)
                return
            outcome = Outcome(intended=self._clock.now())
        elif must_be_sought(operation) and await self._was_made(operation, outcome, patient=True):
            return
        await self._call(operation, outcome)

    async def _call(self, operation: Operation, outcome: Outcome) -> None:
        results = results_of(self.progress.outcomes)
        begun = time.monotonic()
        self._attempts[operation.id] += 1
        outcome = outcome.model_copy(update={"status": Status.INTENT, "begun": self._clock.now()})
        await self._record(operation, outcome)
        try:
            made, _ = await self._performer.make(operation, results, self._why)
        except Refused as refusal:
            self._breaker(operation).succeeded()
            await self._fail(operation, str(refusal))
        except NotPermitted as refusal:
            self._breaker(operation).succeeded()
            self._no_permit(operation, refusal)
        except Unauthorized:
            raise
        except (OutcomeUnknown, Unreachable) as error:
            await self._trouble(operation, outcome, error)
        else:
            seconds = time.monotonic() - begun
            self._learn(operation, seconds)
            self._latencies.add(seconds)
            self._breaker(operation).succeeded()
            if not self._polite:
                self._limit = min(self._limit + 1, self._settings.concurrency_max)
            extra = resolved(operation.path, results).get("channel_id")
            done = outcome.model_copy(
                update={"status": Status.DONE, "result": made, "seconds": seconds, "extra": extra, "error": ""}
            )
            await self._settle(operation, done)

    def _no_permit(self, operation: Operation, refusal: NotPermitted) -> None:
        """A quota of hours pauses the run and is said; anything shorter is waited for."""
        if refusal.quota or refusal.retry_after > self._settings.wait_at_most_seconds:
            until = self._clock.now() + refusal.retry_after
            self._pause = Pause(f"A quota of Discord's for “{kind_of(operation).title}” is used up.", until)
            return
        self._not_before[operation.id] = time.monotonic() + refusal.retry_after

    async def _trouble(self, operation: Operation, outcome: Outcome, error: DiscordError) -> None:
        """Discord failed, or the answer was lost."""
        now = time.monotonic()
        pause = self._breaker(operation).failed(now)
        self._limit = max(1.0, self._limit / 2)
        _log.warning(
            "plan.trouble", operation=operation.id, kind=operation.kind, error=str(error), breaker_pause=round(pause, 1)
        )
        if must_be_sought(operation) and isinstance(error, OutcomeUnknown):
            await self._record(operation, outcome.model_copy(update={"status": Status.UNKNOWN, "error": str(error)}))
            patient = not _answered(error)
            if await self._was_made(operation, self._outcome(operation), patient=patient):
                return
            # It has not happened and cannot any more, so the next attempt is like the first.
            await self._record(operation, Outcome(error=str(error)))
        breaker = self._breaker(operation)
        if breaker.open_until is not None:
            # While nothing of this class gets through, the fault is not this operation's.
            self._attempts[operation.id] -= 1
            if breaker.since is not None and now - breaker.since > self._settings.outage_seconds:
                self._pause = Pause("Discord has had trouble with this for a long time.")
            return
        if self._attempts[operation.id] >= self._settings.call_attempts:
            await self._fail(operation, f"given up after {self._attempts[operation.id]} attempts: {error}")
            return
        self._not_before[operation.id] = max(
            self._not_before.get(operation.id, 0.0), now + 0.25 * self._attempts[operation.id]
        )

    async def _was_made(self, operation: Operation, outcome: Outcome, *, patient: bool) -> bool:
        """Whether a creation of unknown outcome has happened after all; then it is settled."""
        results = results_of(self.progress.outcomes)
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
                self._not_before[operation.id] = time.monotonic() + self._settings.settle_poll_seconds
                await self._record(operation, outcome.model_copy(update={"status": Status.UNKNOWN}))
                return True
            if found is None:
                return False
            self._breaker(operation).succeeded()
            done = outcome.model_copy(update={"status": Status.DONE, "result": found, "error": ""})
            await self._settle(operation, done)
            return True

    def _taken(self) -> set[str]:
        return {outcome.result for outcome in self.progress.outcomes.values() if outcome.result}

    async def _fail(self, operation: Operation, error: str) -> None:
        self.progress.failures.append(f"{kind_of(operation).title} {operation.label}: {error}")
        outcome = self._outcome(operation).model_copy(update={"status": Status.FAILED, "error": error})
        await self._settle(operation, outcome)

    async def _settle(self, operation: Operation, outcome: Outcome) -> None:
        await self._record(operation, outcome)

    async def _record(self, operation: Operation, outcome: Outcome) -> None:
        await self._journal.put(operation.id, outcome)
        self.progress.outcomes[operation.id] = outcome

    def _breaker(self, operation: Operation) -> Breaker:
        name = operation.kind
        if name not in self._breakers:
            self._breakers[name] = Breaker(
                failures=self._settings.breaker_failures,
                pause=self._settings.breaker_pause_seconds,
                max_pause=self._settings.breaker_max_pause_seconds,
            )
        return self._breakers[name]


def _answered(error: DiscordError) -> bool:
    """Whether Discord has answered the call, so that nothing is under way any more."""
    return isinstance(error, OutcomeUnknown | Unreachable) and error.answered


def must_be_sought(operation: Operation) -> bool:
    """Whether a repeat could make a second thing. Of messages Discord itself makes none twice."""
    return kind_of(operation).effect is Effect.CREATE and operation.kind != "thread.message"


def results_of(outcomes: Mapping[str, Outcome]) -> dict[str, str]:
    """The ids of what was created, by operation."""
    return {number: outcome.result for number, outcome in outcomes.items() if outcome.result}
