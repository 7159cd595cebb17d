"""One short question to a model outside of any conversation: for titles, plans and recommendations.

It goes the same way as an answer (cache, limits, router, ledger), but it comes whole.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from chassis.clock import Clock
from chassis.ids import new_id
from chassis.settings import Live
from services.llm.cache import ResponseCache, request_key
from services.llm.catalogue import Model
from services.llm.chat import ChatRequest, DocumentFormat, Finish, Finished, Message, TextDelta, Usage
from services.llm.limits import Asker, Denial, Hold, Limits, Reservation, Spending
from services.llm.pricing import cost_nanos
from services.llm.router import Chosen, RoutedEvent, Router
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
    cacheable: bool = False
    """Whether an equal question of the same guild may have the same answer."""

    def request(self, model: Model) -> ChatRequest:
        """The question as a model gets it."""
        output = min(self.max_output_tokens, model.profile.max_output_tokens)
        return ChatRequest(self.messages, output, self.temperature, self.effort, document=self.document)


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
        *,
        router: Router,
        limits: Limits,
        cache: ResponseCache,
        ledger: Ledger,
        background: Background,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._router = router
        self._limits = limits
        self._cache = cache
        self._ledger = ledger
        self._background = background

    async def ask(self, question: Question, candidates: Sequence[Model], asker: Asker, budget: float) -> Reply | Denial:
        """The answer, or the limit that stands against it. Raises NoModelAnsweredError."""
        model = candidates[0]
        key = ""
        if question.cacheable and self._cache.enabled:
            key = request_key(model, question.request(model), asker.guild_id)
            if (cached := await self._cache.get(key)) is not None:
                return Reply(cached.text, model, Usage(cost_nanos=0), cached.finish)
            if self._cache.under_way(key):
                reply, _ = await self._gather(self._cache.join(key), model)
                return Reply(reply.text, reply.model, Usage(cost_nanos=0), reply.finish, reply.interruption)
        call_id = new_id(self._clock.now())
        held = await self._limits.reserve(call_id, asker, model.name, self._estimate(question, model), budget)
        if isinstance(held, Denial):
            return held
        return await self._ask(question, candidates, asker, budget, key, call_id, held)

    def _estimate(self, question: Question, model: Model) -> Spending:
        """The most that a model can use for a question."""
        counted = model.counter.messages(question.messages)
        worst = Usage(counted, question.max_output_tokens)
        return Spending(counted + question.max_output_tokens, cost_nanos(model, worst, self._settings.current) or 0)

    async def _ask(  # noqa: PLR0917 - each is a part of the question
        self,
        question: Question,
        candidates: Sequence[Model],
        asker: Asker,
        budget: float,
        key: str,
        call_id: str,
        held: Reservation,
    ) -> Reply:
        began_at = self._clock.monotonic()

        hold = Hold(self._limits, call_id, asker, candidates[0].name, held)

        async def prepare(candidate: Model) -> ChatRequest:
            await hold.cover(candidate.name, self._estimate(question, candidate), budget)
            return question.request(candidate)

        routed = self._router.stream(candidates, prepare, budget)
        source: AsyncIterator[RoutedEvent] = routed
        if key:
            source = self._cache.lead(key, routed, lambda each, request: request_key(each, request, asker.guild_id))
        spent: Spending | None = None
        try:
            reply, said = await self._gather(source, candidates[0])
            counter = reply.model.counter
            usage = said or Usage(counter.messages(question.messages), counter.text(reply.text), estimated=True)
            usage = usage.priced(cost_nanos(reply.model, usage, self._settings.current))
            spent = Spending(usage.input_tokens + usage.output_tokens, usage.cost_nanos or 0)
        finally:
            self._background.start(hold.settle(spent))
        record = CallRecord(
            call_id, self._clock.now(), asker.guild_id, asker.user_id, reply.model.name, question.operation, usage,
            self._clock.monotonic() - began_at, reply.finish.value,
        )  # fmt: skip
        self._background.start(self._ledger.record(record))
        return Reply(reply.text, reply.model, usage, reply.finish, reply.interruption)

    async def _gather(self, source: AsyncIterator[RoutedEvent], model: Model) -> tuple[Reply, Usage | None]:
        """The whole answer, and its usage as the provider said it."""
        text: list[str] = []
        end: Finished | None = None
        async for event in source:
            if isinstance(event, Chosen):
                model = event.model
            elif isinstance(event, TextDelta):
                text.append(event.text)
            elif isinstance(event, Finished):
                end = event
        assert end is not None
        return Reply("".join(text), model, Usage(), end.finish, end.interruption), end.usage
