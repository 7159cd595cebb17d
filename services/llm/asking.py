"""One short question to a model outside of any conversation: for titles, plans and recommendations.

It goes the same way as an answer (limits, router, ledger), but it comes whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass

from chassis.clock import Clock
from chassis.ids import new_id
from chassis.settings import Live
from services.llm.catalogue import Model
from services.llm.chat import ChatRequest, DocumentFormat, Finish, Finished, Message, TextDelta, Usage
from services.llm.limits import Asker, Denial, Limits, Spending
from services.llm.pricing import cost_nanos
from services.llm.router import Chosen, Router
from services.llm.settings import LlmSettings
from services.llm.tasks import Background
from services.llm.usage import CallRecord, Ledger


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked."""

    messages: tuple[Message, ...]
    operation: str
    """What the ledger calls it."""
    max_output_tokens: int
    temperature: float | None = None
    effort: str = "off"
    document: DocumentFormat | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer."""

    text: str
    model: Model
    usage: Usage
    finish: Finish
    interruption: str = ""


class Desk:
    """Asks a model and brings the whole answer."""

    def __init__(
        self,
        settings: Live[LlmSettings],
        clock: Clock,
        router: Router,
        limits: Limits,
        ledger: Ledger,
        background: Background,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._router = router
        self._limits = limits
        self._ledger = ledger
        self._background = background

    async def ask(self, question: Question, candidates: Sequence[Model], asker: Asker, budget: float) -> Reply | Denial:
        """The answer, or the limit that stands against it. Raises NoModelAnsweredError."""
        began_at = self._clock.monotonic()
        model = candidates[0]
        counted = model.counter.messages(question.messages)
        call_id = new_id(self._clock.now())
        worst = Usage(counted, question.max_output_tokens)
        estimate = Spending(counted + question.max_output_tokens, cost_nanos(model, worst, self._settings.current) or 0)
        held = await self._limits.reserve(call_id, asker, model.provider, model.name, estimate)
        if isinstance(held, Denial):
            return held

        async def prepare(candidate: Model) -> ChatRequest:
            output = min(question.max_output_tokens, candidate.profile.max_output_tokens)
            return ChatRequest(
                question.messages, output, question.temperature, question.effort, document=question.document
            )

        text: list[str] = []
        end: Finished | None = None
        usage: Usage | None = None
        try:
            async with aclosing(self._router.stream(candidates, prepare, budget)) as events:
                async for event in events:
                    if isinstance(event, Chosen):
                        model = event.model
                    elif isinstance(event, TextDelta):
                        text.append(event.text)
                    elif isinstance(event, Finished):
                        end = event
            assert end is not None
        finally:
            if end is not None or text:
                counter = model.counter
                said = end.usage if end is not None else None
                usage = said or Usage(counter.messages(question.messages), counter.text("".join(text)), estimated=True)
                usage = usage.priced(cost_nanos(model, usage, self._settings.current))
                outcome = (end.finish if end is not None else Finish.INTERRUPTED).value
                record = CallRecord(
                    call_id, self._clock.now(), asker.guild_id, asker.user_id, model.name, question.operation, usage,
                    self._clock.monotonic() - began_at, outcome,
                )  # fmt: skip
                self._background.start(self._ledger.record(record))
            spent = Spending(usage.input_tokens + usage.output_tokens, usage.cost_nanos or 0) if usage else Spending()
            self._background.start(held.settle(spent))
        assert usage is not None
        return Reply("".join(text), model, usage, end.finish, end.interruption)
