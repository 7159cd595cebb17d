"""What one question to models took, and who pays for it.

A call is opened with a reservation and closed with what was really used: the reservation is settled and the ledger
written, in the background, because the answer need not wait for it and the process does at its end.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from chassis.clock import Clock
from chassis.ids import new_id
from chassis.settings import Live
from services.llm.catalogue import Model
from services.llm.chat import Finish, Finished, TextDelta, ThinkingDelta, ToolCall, ToolCallEvent, Usage
from services.llm.flights import Listener
from services.llm.limits import Asker, Denial, Free, Hold, Limits, Spending
from services.llm.pricing import cost_nanos
from services.llm.router import Chosen, NoModelAnsweredError, RoutedEvent
from services.llm.settings import LlmSettings
from services.llm.tasks import Background
from services.llm.usage import CallRecord, Ledger


@dataclass(slots=True)
class Call:
    """One question, and its answer as it comes."""

    call_id: str
    asker: Asker
    operation: str
    """What the ledger calls it."""
    began_at: float
    """On the monotonic clock."""
    model: Model
    """The model that answers; before one does, the one that was meant."""
    hold: Hold
    input_tokens: int
    """Tokens of the context, as counted here."""
    billed: bool = True
    """Whether this question pays for the answer, and not an equal one that it joined."""
    text: list[str] = field(default_factory=list)
    thinking: list[str] = field(default_factory=list)
    tools: list[ToolCall] = field(default_factory=list)
    end: Finished | None = None
    begun: bool = False
    recorded: bool = False
    """Whether it is in the ledger, or on its way there."""

    def note(self, event: RoutedEvent) -> None:
        """Takes in an event."""
        if isinstance(event, TextDelta):
            self.text.append(event.text)
        elif isinstance(event, ThinkingDelta):
            self.thinking.append(event.text)
        elif isinstance(event, Chosen):
            self.model, self.begun = event.model, True
        elif isinstance(event, ToolCallEvent):
            self.tools.append(event.call)
        elif isinstance(event, Finished):
            self.end = event

    async def hear_out(self, source: Listener[RoutedEvent]) -> None:
        """Takes in the whole of an answer that goes on for others, after the asker has left: it is still theirs to pay.

        What failed before its first delta has cost nothing.
        """
        self.text, self.thinking, self.tools, self.end = [], [], [], None
        try:
            async for event in source.observer():
                self.note(event)
        except NoModelAnsweredError:
            self.begun = False

    def usage(self, settings: LlmSettings) -> Usage:
        """What was used: as the provider said, else as counted here."""
        if not self.billed or not self.begun:
            return Usage(cost_nanos=0)
        usage = self.end.usage if self.end is not None else None
        if usage is None:
            counter = self.model.counter
            thought = counter.text("".join(self.thinking))
            written = counter.text("".join(self.text)) + sum(counter.text(call.arguments) for call in self.tools)
            usage = Usage(self.input_tokens, thought + written, reasoning_tokens=thought, estimated=True)
        return usage.priced(cost_nanos(self.model, usage, settings))


class Accounts:
    """Opens and closes calls."""

    def __init__(
        self, settings: Live[LlmSettings], clock: Clock, *, limits: Limits, ledger: Ledger, background: Background
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._limits = limits
        self._ledger = ledger
        self._background = background

    def estimate(self, model: Model, input_tokens: int, output_tokens: int) -> Spending:
        """The most that a model can use for a question."""
        worst = Usage(input_tokens, output_tokens)
        return Spending(input_tokens + output_tokens, cost_nanos(model, worst, self._settings.current) or 0)

    async def open(  # noqa: PLR0917 - each is a part of the question
        self, asker: Asker, operation: str, model: Model, input_tokens: int, output_tokens: int, seconds: float
    ) -> Call | Denial:
        """Holds what a question may use at most, for so many seconds, or says what stands against it."""
        began_at, call_id = self._clock.monotonic(), new_id(self._clock.now())
        estimate = self.estimate(model, input_tokens, output_tokens)
        held = await self._limits.reserve(call_id, asker, model.name, estimate, seconds)
        if isinstance(held, Denial):
            return held
        hold = Hold(self._limits, call_id, asker, model.name, held)
        return Call(call_id, asker, operation, began_at, model, hold, input_tokens)

    def joined(self, asker: Asker, operation: str, model: Model) -> Call:
        """A question that has part in an equal one's answer, and pays nothing."""
        began_at, call_id = self._clock.monotonic(), new_id(self._clock.now())
        hold = Hold(self._limits, call_id, asker, model.name, Free())
        return Call(call_id, asker, operation, began_at, model, hold, 0, billed=False)

    def drop(self, call: Call) -> None:
        """Gives back all that a call holds: nothing was asked, or nothing answered."""
        self._background.start(call.hold.settle(None))

    def close(self, call: Call, usage: Usage) -> None:
        """Charges what was used, and writes it down unless that was done."""
        spent = Spending(usage.input_tokens + usage.output_tokens, usage.cost_nanos or 0)
        self._background.start(call.hold.settle(spent if call.begun else None))
        self.record(call, usage)

    def record(self, call: Call, usage: Usage) -> None:
        """Writes down what was used, before the call is closed: together with whatever else is just being written."""
        if call.begun and call.billed and not call.recorded:
            call.recorded = True
            finish = call.end.finish if call.end is not None else Finish.INTERRUPTED
            record = CallRecord(
                call.call_id, self._clock.now(), call.asker.guild_id, call.asker.user_id, call.model.name,
                call.operation, usage, self._clock.monotonic() - call.began_at, finish.value,
            )  # fmt: skip
            self._background.start(self._ledger.record(record))
