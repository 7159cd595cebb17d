"""Answers one turn of a conversation.

The order matters: everything that can refuse comes before a reservation, the reservation before the provider is called,
and the answer is in the store before its end is announced. What a cancelled or broken call used is recorded all the
same.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace

import structlog

from chassis.clock import Clock
from chassis.ids import new_id
from chassis.settings import Live
from services.llm.access import Access
from services.llm.asks import Ask, Begun, Denied, Ended, ReplyEvent
from services.llm.cache import CachedAnswer, ResponseCache, request_key
from services.llm.catalogue import Catalogue, Model
from services.llm.chat import ChatRequest, Finish, Finished, TextDelta, ThinkingDelta, ToolCall, ToolCallEvent, Usage
from services.llm.coalescing import coalesce
from services.llm.conversation import ConversationStore
from services.llm.limits import Asker, Denial, Free, Hold, Limits, Reservation, Spending
from services.llm.locks import KeyedLocks
from services.llm.planning import Planner, TurnPlan
from services.llm.preferences import Preferences
from services.llm.pricing import cost_nanos
from services.llm.problems import from_search, model_unknown, no_model
from services.llm.router import Chosen, NoModelAnsweredError, RoutedEvent, Router
from services.llm.settings import LlmSettings
from services.llm.tasks import Background
from services.llm.usage import CallRecord, Ledger

log = structlog.get_logger(__name__)
CUT_SHARE = 0.6
"""A prompt of which a provider counts a smaller share than this was probably cut."""
SMALL = 1_000
"""Tokens below which counts differ for other reasons."""


@dataclass(slots=True)
class _Answer:
    """An answer as it comes."""

    call_id: str
    asker: Asker
    began_at: float
    model: Model
    held: Hold
    context_tokens: int
    text: list[str] = field(default_factory=list)
    thinking: list[str] = field(default_factory=list)
    calls: list[ToolCall] = field(default_factory=list)
    end: Finished | None = None
    begun: bool = False
    billed: bool = True
    """Whether this request pays for the answer, and not an equal one that it joined."""

    def note(self, event: RoutedEvent) -> None:
        """Takes in an event."""
        if isinstance(event, TextDelta):
            self.text.append(event.text)
        elif isinstance(event, ThinkingDelta):
            self.thinking.append(event.text)
        elif isinstance(event, ToolCallEvent):
            self.calls.append(event.call)
        elif isinstance(event, Finished):
            self.end = event

    def usage(self, settings: LlmSettings) -> Usage:
        """What was used: as the provider said, else as counted here."""
        if not self.billed or not self.begun:
            return Usage(cost_nanos=0)
        usage = self.end.usage if self.end is not None else None
        if usage is None:
            counter = self.model.counter
            thought = counter.text("".join(self.thinking))
            written = counter.text("".join(self.text)) + sum(counter.text(call.arguments) for call in self.calls)
            usage = Usage(self.context_tokens, thought + written, reasoning_tokens=thought, estimated=True)
        return usage.priced(cost_nanos(self.model, usage, settings))


def _warn_of_a_cut_prompt(answer: _Answer, usage: Usage) -> None:
    """Some servers cut prompts to a window of their own and say nothing; it shows in the tokens that they report."""
    if not usage.estimated and answer.billed and SMALL < usage.input_tokens < answer.context_tokens * CUT_SHARE:
        log.warning(
            "the provider seems to have cut the prompt; raise its window or lower context_window",
            model=answer.model.name,
            counted=answer.context_tokens,
            reported=usage.input_tokens,
        )


class Generator:
    """Answers turns."""

    def __init__(
        self,
        settings: Live[LlmSettings],
        clock: Clock,
        *,
        store: ConversationStore,
        planner: Planner,
        preferences: Preferences,
        access: Access,
        limits: Limits,
        router: Router,
        cache: ResponseCache,
        ledger: Ledger,
        background: Background,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._store = store
        self._planner = planner
        self._preferences = preferences
        self._access = access
        self._limits = limits
        self._router = router
        self._cache = cache
        self._ledger = ledger
        self._background = background
        self._locks = KeyedLocks()

    async def generate(
        self, ask: Ask, asker: Asker, catalogue: Catalogue, budget: float
    ) -> AsyncGenerator[ReplyEvent, None]:
        """The events of one answer: a Denied alone, or Begun, deltas and one Ended.

        Args:
            ask: What is asked.
            asker: For whom.
            catalogue: The models there are.
            budget: Seconds for everything.

        Raises GuildhallError before the first event where there can be no answer.
        """
        self._planner.check(ask)
        ends = self._clock.monotonic() + budget
        choice = await self._preferences.choose(asker, ask.choice)
        model = await self.pick(catalogue, asker, choice.model, self._settings.current.default_models)
        async with self._locks.hold(ask.conversation_id):
            plan = await self._planner.plan(ask, asker, choice)
            await self._planner.prepare_first(plan, model)
            async with aclosing(self._answer(plan, asker, catalogue, model, ends)) as events:
                async for event in events:
                    yield event

    async def pick(self, catalogue: Catalogue, asker: Asker, name: str, preferred: Sequence[str]) -> Model:
        """The model that was named, else the first preferred one that the asker may use, else the first of all.

        Raises NotFound (MODEL_UNKNOWN), PermissionDenied (MODEL_FORBIDDEN), Unavailable (NO_MODEL).
        """
        if name:
            model = catalogue.find(name)
            if model is None:
                raise model_unknown(name)
            await self._access.require_model(asker, model.name)
            return model
        candidates = [*(found for each in preferred if (found := catalogue.find(each))), *catalogue.all()]
        for model in candidates:
            if await self._access.may_use_model(asker, model.name):
                return model
        if not candidates:
            raise no_model()
        await self._access.require_model(asker, candidates[0].name)
        return candidates[0]

    async def _answer(
        self, plan: TurnPlan, asker: Asker, catalogue: Catalogue, wished: Model, ends: float
    ) -> AsyncGenerator[ReplyEvent, None]:
        """The answer: from the cache, with an equal request that is under way, or from a model."""
        began_at = self._clock.monotonic()
        key = ""
        if self._cache.enabled and plan.ask.cacheable and not plan.ask.tools:
            key = request_key(wished, plan.prepared[wished.name].request, asker.guild_id)
            if (cached := await self._cache.get(key)) is not None:
                async for event in self._replay(plan, cached, catalogue, wished, began_at):
                    yield event
                return
        call_id = new_id(self._clock.now())
        if key and self._cache.under_way(key):
            answer = _Answer(
                call_id,
                asker,
                began_at,
                wished,
                Hold(self._limits, call_id, asker, wished.name, Free()),
                0,
                billed=False,
            )
            source = self._cache.join(key)
        else:
            model, held = await self._reserve(plan, call_id, asker, catalogue, wished, ends)
            if isinstance(held, Denial):
                yield Denied(held)
                return
            hold = Hold(self._limits, call_id, asker, model.name, held)
            answer = _Answer(call_id, asker, began_at, model, hold, plan.prepared[model.name].tokens)
            source = await self._ask_models(plan, answer, catalogue, ends, key if model is wished else "")
        async with aclosing(self._stream(plan, answer, source, wished, key)) as events:
            async for event in events:
                yield event

    async def _reserve(  # noqa: PLR0917 - each is a part of the request
        self, plan: TurnPlan, call_id: str, asker: Asker, catalogue: Catalogue, model: Model, ends: float
    ) -> tuple[Model, Reservation | Denial]:
        """What is held for the answer; at the end of a budget for a cheaper model, if one is configured."""
        settings = self._settings.current
        seconds = ends - self._clock.monotonic()
        held = await self._hold(call_id, asker, model, plan, seconds)
        if not isinstance(held, Denial) or not held.budget or settings.limits.when_exhausted != "cheaper":
            return model, held
        cheaper = catalogue.find(model.profile.cheaper) if model.profile.cheaper else None
        if cheaper is None or not await self._access.may_use_model(asker, cheaper.name):
            return model, held
        await self._planner.prepare_first(plan, cheaper)
        instead = await self._hold(f"{call_id}c", asker, cheaper, plan, seconds)
        return (model, held) if isinstance(instead, Denial) else (cheaper, instead)

    async def _hold(
        self, call_id: str, asker: Asker, model: Model, plan: TurnPlan, seconds: float
    ) -> Reservation | Denial:
        return await self._limits.reserve(call_id, asker, model.name, self._estimate(plan, model), seconds)

    def _estimate(self, plan: TurnPlan, model: Model) -> Spending:
        """The most that a model can use for a turn."""
        prepared = plan.prepared[model.name]
        output = prepared.request.max_output_tokens
        worst = cost_nanos(model, Usage(prepared.tokens, output), self._settings.current) or 0
        return Spending(prepared.tokens + output, worst)

    async def _ask_models(
        self, plan: TurnPlan, answer: _Answer, catalogue: Catalogue, ends: float, key: str
    ) -> AsyncIterator[RoutedEvent]:
        fallbacks = catalogue.route(answer.model)[1:]
        allowed = [each for each in fallbacks if await self._access.may_use_model(answer.asker, each.name)]
        candidates = [answer.model, *allowed]

        async def prepare(model: Model) -> ChatRequest:
            prepared = await self._planner.prepare(plan, model)
            await answer.held.cover(model.name, self._estimate(plan, model), ends - self._clock.monotonic())
            return prepared.request

        source = self._router.stream(candidates, prepare, ends - self._clock.monotonic())
        if not key:
            return source
        guild_id = answer.asker.guild_id
        return self._cache.lead(key, source, lambda model, request: request_key(model, request, guild_id))

    async def _stream(
        self, plan: TurnPlan, answer: _Answer, source: AsyncIterator[RoutedEvent], wished: Model, key: str
    ) -> AsyncGenerator[ReplyEvent, None]:
        """The events of a source, with the conversation, the reservation and the ledger kept in step."""
        # The question is written down while the model already thinks.
        opening = self._background.start(self._store.save(plan.conversation, plan.written, plan.removed))
        settled = False
        try:
            async with aclosing(coalesce(source, self._settings.current.coalesce)) as batches:
                async for batch in batches:
                    for event in batch:
                        answer.note(event)
                        if isinstance(event, Chosen):
                            yield await self._begun(plan, answer, event, wished)
                        elif not isinstance(event, Finished):
                            yield event
            await opening
            assert answer.end is not None
            usage = answer.usage(self._settings.current)
            _warn_of_a_cut_prompt(answer, usage)
            await self._keep(plan, answer, usage)
            settled = True
            self._account(answer, usage)
            yield Ended(answer.end.finish, usage, self._clock.monotonic() - answer.began_at, answer.end.interruption)
        except NoModelAnsweredError as error:
            settled = True
            self._background.start(answer.held.settle(None))
            raise from_search(error) from error
        finally:
            if not settled:
                # The caller left. What had come by then is kept and charged.
                self._background.start(self._abandon(opening, plan, answer, key))

    async def _begun(self, plan: TurnPlan, answer: _Answer, event: Chosen, wished: Model) -> Begun:
        prepared = await self._planner.prepare(plan, event.model)
        answer.model, answer.context_tokens, answer.begun = event.model, prepared.tokens, True
        downgraded = wished.name if event.model.name == wished.profile.cheaper and event.model is not wished else ""
        return Begun(
            event.model, prepared.dropped_turns, prepared.tokens, plan.rebuilt, downgraded, prepared.notices,
            cached=not answer.billed,
        )  # fmt: skip

    async def _replay(
        self, plan: TurnPlan, cached: CachedAnswer, catalogue: Catalogue, wished: Model, began_at: float
    ) -> AsyncIterator[ReplyEvent]:
        """An answer from the cache, kept in the conversation like any other."""
        model = catalogue.find(cached.model) or wished
        prepared = plan.prepared[wished.name]
        yield Begun(model, prepared.dropped_turns, prepared.tokens, plan.rebuilt, "", prepared.notices, cached=True)
        if cached.thinking:
            yield ThinkingDelta(cached.thinking)
        yield TextDelta(cached.text)
        usage = Usage(cost_nanos=0)
        turn = replace(plan.turn, answer=cached.text, model=model.name, complete=True, usage=usage)
        written = [each for each in plan.written if each.turn_id != turn.turn_id]
        await self._store.save(plan.conversation, [*written, turn], plan.removed)
        yield Ended(cached.finish, usage, self._clock.monotonic() - began_at)

    async def _keep(self, plan: TurnPlan, answer: _Answer, usage: Usage) -> None:
        end = answer.end
        complete = end is not None and end.finish not in (Finish.INTERRUPTED, Finish.TOOL_CALLS)
        turn = replace(plan.turn, answer="".join(answer.text), model=answer.model.name, complete=complete, usage=usage)
        await self._store.save(plan.conversation, [turn], indexed=True)

    async def _abandon(self, opening: asyncio.Task[None], plan: TurnPlan, answer: _Answer, key: str) -> None:
        if key and answer.billed and self._cache.listeners(key):
            # Others still listen to the same answer, so it goes on, and this request pays for all of it.
            answer.text, answer.thinking, answer.calls = [], [], []
            try:
                async for event in self._cache.join(key):
                    answer.note(event)
            except NoModelAnsweredError:
                answer.begun = False
        usage = answer.usage(self._settings.current)
        self._account(answer, usage)
        await opening
        if answer.text:
            await self._keep(plan, answer, usage)

    def _account(self, answer: _Answer, usage: Usage) -> None:
        """Charges what was used, in the background: the answer need not wait, and the process does at its end."""
        spent = Spending(usage.input_tokens + usage.output_tokens, usage.cost_nanos or 0)
        self._background.start(answer.held.settle(spent if answer.begun else None))
        if answer.begun and answer.billed:
            finish = answer.end.finish if answer.end is not None else Finish.INTERRUPTED
            record = CallRecord(
                answer.call_id, self._clock.now(), answer.asker.guild_id, answer.asker.user_id, answer.model.name,
                "chat", usage, self._clock.monotonic() - answer.began_at, finish.value,
            )  # fmt: skip
            self._background.start(self._ledger.record(record))
