"""One short question to a model outside of any conversation: for titles, plans and recommendations.

It goes the same way as an answer (cache, limits, router, ledger), but it comes whole.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from chassis.clock import Clock
from chassis.settings import Live
from services.llm.accounts import Accounts, Call
from services.llm.cache import CachedAnswer, ResponseCache, Shareable
from services.llm.catalogue import Model
from services.llm.chat import ChatRequest, DocumentFormat, Finish, Message, Usage
from services.llm.flights import Listener
from services.llm.limits import Asker, Denial
from services.llm.router import NoModelAnsweredError, RoutedEvent, Router
from services.llm.settings import LlmSettings
from services.llm.tasks import Background


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
        accounts: Accounts,
        router: Router,
        cache: ResponseCache,
        background: Background,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._accounts = accounts
        self._router = router
        self._cache = cache
        self._background = background

    async def ask(self, question: Question, candidates: Sequence[Model], asker: Asker, budget: float) -> Reply | Denial:
        """The answer, or the limit that stands against it. Raises NoModelAnsweredError."""
        model, ends = candidates[0], self._clock.monotonic() + budget
        shared: Shareable | None = None
        if question.cacheable and self._cache.enabled:
            shared = Shareable.of(question.request(model), candidates, asker.guild_id)
        found = await self._cache.find(shared) if shared else None
        call = self._accounts.joined(asker, question.operation, model)
        if found is None:
            counted, output = model.counter.messages(question.messages), question.max_output_tokens
            opened = await self._accounts.open(asker, question.operation, model, counted, output, budget)
            if isinstance(opened, Denial):
                return opened
            # While the reservation was made an equal question may have been asked, or answered.
            found = self._cache.find_here(shared) if shared else None
            if found is None:
                call = opened
            else:
                self._accounts.drop(opened)
        if isinstance(found, CachedAnswer):
            return Reply(found.text, model, Usage(cost_nanos=0), found.finish)
        return await self._gather(call, found or self._source(question, call, candidates, shared, ends))

    def _source(
        self, question: Question, call: Call, candidates: Sequence[Model], shared: Shareable | None, ends: float
    ) -> AsyncGenerator[RoutedEvent, None] | Listener[RoutedEvent]:
        """The events of the models, for all equal questions where others may share them."""

        async def prepare(model: Model) -> ChatRequest:
            counted = model.counter.messages(question.messages)
            estimate = self._accounts.estimate(model, counted, question.max_output_tokens)
            await call.hold.cover(model.name, estimate, ends - self._clock.monotonic())
            call.input_tokens = counted
            return question.request(model)

        source = self._router.stream(candidates, prepare, ends - self._clock.monotonic())
        return self._cache.lead(shared, source) if shared else source

    async def _gather(self, call: Call, source: AsyncGenerator[RoutedEvent, None] | Listener[RoutedEvent]) -> Reply:
        """The whole answer."""
        settled = False
        try:
            async with aclosing(source):
                async for event in source:
                    call.note(event)
            assert call.end is not None
            usage = call.usage(self._settings.current)
            settled = True
            self._accounts.close(call, usage)
            return Reply("".join(call.text), call.model, usage, call.end.finish, call.end.interruption)
        except NoModelAnsweredError:
            settled = True
            self._accounts.drop(call)
            raise
        finally:
            if not settled:
                # Whoever asked left. What had come by then is charged.
                self._background.start(self._abandon(call, source))

    async def _abandon(self, call: Call, source: AsyncGenerator[RoutedEvent, None] | Listener[RoutedEvent]) -> None:
        if call.billed and isinstance(source, Listener) and source.shared:
            await call.hear_out(source)
        self._accounts.close(call, call.usage(self._settings.current))
