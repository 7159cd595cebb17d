"""Answers one turn of a conversation.

The order matters: everything that can refuse comes before a reservation, the reservation before the provider is called.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing

from chassis.clock import Clock
from chassis.settings import Live
from services.llm.access import Access
from services.llm.accounts import Accounts, Call
from services.llm.asks import Ask, Denied, ReplyEvent
from services.llm.cache import CachedAnswer, ResponseCache, Shareable
from services.llm.catalogue import Catalogue, Model
from services.llm.chat import ChatRequest
from services.llm.delivery import Delivery
from services.llm.limits import Asker, Denial
from services.llm.locks import KeyedLocks
from services.llm.planning import Planner, TurnPlan
from services.llm.preferences import Preferences
from services.llm.problems import model_unknown, no_model
from services.llm.router import RoutedEvent, Router
from services.llm.settings import LlmSettings


class Generator:
    """Answers turns."""

    def __init__(
        self,
        settings: Live[LlmSettings],
        clock: Clock,
        *,
        planner: Planner,
        preferences: Preferences,
        access: Access,
        accounts: Accounts,
        router: Router,
        cache: ResponseCache,
        delivery: Delivery,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._planner = planner
        self._preferences = preferences
        self._access = access
        self._accounts = accounts
        self._router = router
        self._cache = cache
        self._delivery = delivery
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
        """The answer: from the cache, with an equal request that is under way, or from a model.

        What comes from the cache or from an equal request uses nothing, so nothing is reserved for it; how often people
        may ask at all is decided before a question comes here.
        """
        began_at = self._clock.monotonic()
        candidates = [wished, *await self._allowed(asker, catalogue.route(wished)[1:])]
        shared: Shareable | None = None
        if self._cache.enabled and plan.ask.cacheable and not plan.ask.tools:
            shared = Shareable.of(plan.prepared[wished.name].request, candidates, asker.guild_id)
        found = await self._cache.find(shared) if shared else None
        call = self._accounts.joined(asker, "chat", wished)
        if found is None:
            opened = await self._open(plan, asker, catalogue, wished, ends)
            if isinstance(opened, Denial):
                yield Denied(opened)
                return
            if opened.model is not wished:
                candidates = [opened.model, *await self._allowed(asker, catalogue.route(opened.model)[1:])]
                shared = None
            # While the reservation was made an equal request may have begun, or ended.
            found = self._cache.find_here(shared) if shared else None
            if found is None:
                call = opened
            else:
                self._accounts.drop(opened)
        call.began_at = began_at
        if isinstance(found, CachedAnswer):
            events = self._delivery.replay(plan, found, call, catalogue)
        else:
            source = found or self._source(plan, call, candidates, shared, ends)
            events = self._delivery.stream(plan, call, source, wished)
        async with aclosing(events):
            async for event in events:
                yield event

    async def _allowed(self, asker: Asker, models: Sequence[Model]) -> list[Model]:
        return [model for model in models if await self._access.may_use_model(asker, model.name)]

    async def _open(
        self, plan: TurnPlan, asker: Asker, catalogue: Catalogue, model: Model, ends: float
    ) -> Call | Denial:
        """What is held for the answer; at the end of a budget for a cheaper model, if one is configured."""
        settings = self._settings.current
        opened = await self._hold(plan, asker, model, ends)
        if not isinstance(opened, Denial) or not opened.budget or settings.limits.when_exhausted != "cheaper":
            return opened
        cheaper = catalogue.find(model.profile.cheaper) if model.profile.cheaper else None
        if cheaper is None or not await self._access.may_use_model(asker, cheaper.name):
            return opened
        await self._planner.prepare_first(plan, cheaper)
        instead = await self._hold(plan, asker, cheaper, ends)
        return opened if isinstance(instead, Denial) else instead

    async def _hold(self, plan: TurnPlan, asker: Asker, model: Model, ends: float) -> Call | Denial:
        prepared = plan.prepared[model.name]
        output = prepared.request.max_output_tokens
        return await self._accounts.open(asker, "chat", model, prepared.tokens, output, ends - self._clock.monotonic())

    def _source(
        self, plan: TurnPlan, call: Call, candidates: Sequence[Model], shared: Shareable | None, ends: float
    ) -> AsyncIterator[RoutedEvent]:
        """The events of the models, for all equal requests where others may share them."""

        async def prepare(model: Model) -> ChatRequest:
            prepared = await self._planner.prepare(plan, model)
            estimate = self._accounts.estimate(model, prepared.tokens, prepared.request.max_output_tokens)
            await call.hold.cover(model.name, estimate, ends - self._clock.monotonic())
            return prepared.request

        source = self._router.stream(candidates, prepare, ends - self._clock.monotonic())
        return self._cache.lead(shared, source) if shared else source
