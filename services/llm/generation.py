"""Answers one turn of a conversation.

The order matters: everything that can refuse comes before a reservation, the reservation before the provider is called,
and the answer is in the store before its end is announced. What a cancelled or broken call used is recorded all the
same.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace

from chassis.clock import Clock
from chassis.ids import new_id
from chassis.settings import Live
from services.llm.access import Access
from services.llm.catalogue import Catalogue, Model
from services.llm.chat import (
    ChatRequest,
    Finish,
    Finished,
    Message,
    TextDelta,
    ThinkingDelta,
    ToolCall,
    ToolCallEvent,
    ToolSpec,
    Usage,
)
from services.llm.coalescing import coalesce
from services.llm.context import PromptTooLongError, fit
from services.llm.conversation import (
    Conversation,
    ConversationStore,
    ConversationTurn,
    Input,
    ToolExchange,
    authors,
    clean,
    messages_of,
)
from services.llm.limits import Asker, Denial, Limits, Reservation, Spending
from services.llm.locks import KeyedLocks
from services.llm.materials import Material, Materials
from services.llm.preferences import Choice, Preferences
from services.llm.pricing import cost_nanos
from services.llm.problems import (
    empty_prompt,
    from_search,
    model_unknown,
    no_model,
    prompt_too_long,
    too_long_for,
    unknown_conversation,
)
from services.llm.router import Chosen, NoModelAnsweredError, RoutedEvent, Router
from services.llm.settings import LlmSettings
from services.llm.tasks import Background
from services.llm.usage import CallRecord, Ledger


@dataclass(frozen=True, slots=True)
class Ask:
    """A request for an answer."""

    conversation_id: str
    turn_id: str
    inputs: tuple[Input, ...]
    guild_id: int = 0
    channel_id: int = 0
    choice: Choice = field(default_factory=Choice)
    """What the request itself chooses, above all settings."""
    max_output_tokens: int = 0
    tools: tuple[ToolSpec, ...] = ()
    exchanges: tuple[ToolExchange, ...] = ()
    """Tool calls of this turn that were run, with their results."""
    replaces_turn_id: str = ""
    """A turn that this one takes the place of; with everything that came after it."""
    follow_up: bool = False
    """Whether there must be a conversation already."""
    history: tuple[ConversationTurn, ...] = ()
    """The conversation as Discord has it, for one that expired here."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A model begins to answer."""

    model: Model
    dropped_turns: int
    context_tokens: int
    rebuilt: bool = False
    downgraded_from: str = ""
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Denied:
    """A limit stands against the answer."""

    denial: Denial


@dataclass(frozen=True, slots=True)
class Ended:
    """The answer is over."""

    finish: Finish
    usage: Usage
    seconds: float
    interruption: str = ""


ReplyEvent = Begun | TextDelta | ThinkingDelta | ToolCallEvent | Denied | Ended


@dataclass(slots=True)
class _Answer:
    """An answer as it comes."""

    model: Model
    context_tokens: int
    text: list[str] = field(default_factory=list)
    thinking: list[str] = field(default_factory=list)
    calls: list[ToolCall] = field(default_factory=list)
    end: Finished | None = None
    begun: bool = False

    def usage(self, settings: LlmSettings) -> Usage:
        """What was used: as the provider said, else as counted here."""
        usage = self.end.usage if self.end is not None else None
        if usage is None:
            counter = self.model.counter
            thought = counter.text("".join(self.thinking))
            written = counter.text("".join(self.text)) + sum(counter.text(call.arguments) for call in self.calls)
            usage = Usage(self.context_tokens, thought + written, reasoning_tokens=thought, estimated=True)
        return usage.priced(cost_nanos(self.model, usage, settings))


@dataclass(frozen=True, slots=True)
class _Plan:
    """Everything that is known before a model is called."""

    conversation: Conversation
    turn: ConversationTurn
    removed: tuple[str, ...]
    system: tuple[Message, ...]
    materials: dict[str, Material]
    choice: Choice
    several: bool


class Generator:
    """Answers turns."""

    def __init__(
        self,
        settings: Live[LlmSettings],
        clock: Clock,
        *,
        store: ConversationStore,
        router: Router,
        limits: Limits,
        ledger: Ledger,
        access: Access,
        preferences: Preferences,
        materials: Materials,
        background: Background,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._store = store
        self._router = router
        self._limits = limits
        self._ledger = ledger
        self._access = access
        self._preferences = preferences
        self._materials = materials
        self._background = background
        self._locks = KeyedLocks()

    async def generate(
        self, ask: Ask, asker: Asker, catalogue: Catalogue, budget: float
    ) -> AsyncGenerator[ReplyEvent, None]:
        """The events of one answer: a Denied alone, or Begun, deltas and one Ended.

        Raises GuildhallError before the first event where there can be no answer.
        """
        _check(ask, self._settings.current)
        began_at = self._clock.monotonic()
        choice = await self._preferences.choose(asker, ask.choice)
        model = await self.pick(catalogue, asker, choice.model, self._settings.current.default_models)
        async with self._locks.hold(ask.conversation_id):
            plan = await self._plan(ask, asker, choice)
            async for event in self._answer(plan, ask, asker, catalogue, model, began_at, budget):
                yield event

    async def pick(self, catalogue: Catalogue, asker: Asker, name: str, preferred: Sequence[str]) -> Model:
        """The model that was named, else the first preferred one that the asker may use. Raises NotFound,
        PermissionDenied.
        """
        if name:
            model = catalogue.find(name)
            if model is None:
                raise model_unknown(name)
            await self._access.require_model(asker, model.name)
            return model
        candidates = [found for each in preferred if (found := catalogue.find(each))] or catalogue.all()
        for model in candidates:
            if await self._access.may_use_model(asker, model.name):
                return model
        for model in catalogue.all():
            if await self._access.may_use_model(asker, model.name):
                return model
        if not candidates:
            raise no_model()
        await self._access.require_model(asker, candidates[0].name)
        return candidates[0]

    async def _plan(self, ask: Ask, asker: Asker, choice: Choice) -> _Plan:
        conversation = await self._store.load(ask.conversation_id)
        now = self._clock.now()
        if conversation is None:
            if ask.follow_up and not ask.history:
                raise unknown_conversation(ask.conversation_id)
            conversation = Conversation(ask.conversation_id, ask.guild_id, ask.channel_id, now, turns=ask.history)
        removed: tuple[str, ...] = ()
        turn = conversation.turn(ask.turn_id)
        inputs = ask.inputs
        if ask.replaces_turn_id and (old := conversation.turn(ask.replaces_turn_id)) is not None:
            removed = tuple(
                each.turn_id for each in conversation.turns if each.order >= old.order and each.turn_id != ask.turn_id
            )
            inputs = inputs or old.inputs
            conversation = replace(
                conversation, turns=tuple(each for each in conversation.turns if each.turn_id not in removed)
            )
        if not inputs and turn is not None:
            inputs = turn.inputs
        if not inputs:
            raise empty_prompt()
        latest = max((each.created for each in conversation.turns), default=0.0)
        created = turn.created if turn is not None else max(now, latest + 1e-3)
        turn = ConversationTurn(ask.turn_id, inputs, created, exchanges=ask.exchanges)
        conversation = conversation.with_turn(turn)
        system = await self._preferences.instructions(asker, choice)
        ids = [each for other in conversation.turns for entry in other.inputs for each in entry.attachment_ids]
        new_ids = {each for entry in inputs for each in entry.attachment_ids}
        materials = await self._materials.load(ids, required=new_ids) if ids else {}
        several = len(authors(conversation.turns)) > 1
        return _Plan(
            conversation, turn, removed, (Message("system", system),) if system else (), materials, choice, several
        )

    async def _answer(
        self, plan: _Plan, ask: Ask, asker: Asker, catalogue: Catalogue, model: Model, began_at: float, budget: float
    ) -> AsyncGenerator[ReplyEvent, None]:
        prepared: dict[str, tuple[int, int, tuple[str, ...]]] = {}

        async def prepare(candidate: Model) -> ChatRequest:
            request, tokens, dropped, notices = await self._request(plan, ask, candidate)
            prepared[candidate.name] = (tokens, dropped, notices)
            return request

        try:
            first = await prepare(model)
        except PromptTooLongError as error:
            raise too_long_for(model, error) from error
        call_id = new_id(self._clock.now())
        wished = model
        held = await self._reserve(call_id, asker, model, prepared[model.name][0], first)
        if isinstance(held, Denial) and held.budget and self._settings.current.limits.when_exhausted == "cheaper":
            cheaper = catalogue.find(model.profile.cheaper) if model.profile.cheaper else None
            if cheaper is not None and await self._access.may_use_model(asker, cheaper.name):
                model = cheaper
                first = await prepare(model)
                held = await self._reserve(f"{call_id}-cheaper", asker, model, prepared[model.name][0], first)
        if isinstance(held, Denial):
            yield Denied(held)
            return
        candidates = [model]
        for fallback in catalogue.route(model)[1:]:
            if await self._access.may_use_model(asker, fallback.name):
                candidates.append(fallback)
        # The question is written down while the model already thinks.
        opening = self._background.start(self._store.save_turn(plan.conversation, plan.turn, plan.removed))
        answer = _Answer(model, prepared[model.name][0])
        finished = False
        try:
            left = budget - (self._clock.monotonic() - began_at)
            routed = self._router.stream(candidates, prepare, left)
            async with aclosing(coalesce(routed, self._settings.current.coalesce)) as batches:
                async for batch in batches:
                    for event in batch:
                        if isinstance(event, Chosen):
                            tokens, dropped, notices = prepared[event.model.name]
                            answer.model, answer.context_tokens, answer.begun = event.model, tokens, True
                            rebuilt = any(turn.rebuilt for turn in plan.conversation.turns)
                            downgraded = wished.name if wished is not model else ""
                            yield Begun(event.model, dropped, tokens, rebuilt, downgraded, notices)
                        elif isinstance(event, Finished):
                            answer.end = event
                        else:
                            _note(answer, event)
                            yield event
            await opening
            assert answer.end is not None
            usage = answer.usage(self._settings.current)
            await self._keep(plan, answer, usage)
            finished = True
            self._account(call_id, asker, answer, usage, held, began_at, answer.end.finish)
            yield Ended(answer.end.finish, usage, self._clock.monotonic() - began_at, answer.end.interruption)
        except NoModelAnsweredError as error:
            finished = True
            self._background.start(held.settle(Spending()))
            raise from_search(error) from error
        finally:
            if not finished:
                # The caller left. The provider's stream is closed by now; what it had given is kept and charged.
                usage = answer.usage(self._settings.current) if answer.begun else Usage(cost_nanos=0)
                self._background.start(self._abandon(opening, plan, answer, usage))
                self._account(call_id, asker, answer, usage, held, began_at, Finish.INTERRUPTED)

    async def _request(self, plan: _Plan, ask: Ask, model: Model) -> tuple[ChatRequest, int, int, tuple[str, ...]]:
        """The request for a model, its tokens, the turns that did not fit, and what to tell the person about it."""
        profile = model.profile
        output = min(
            ask.max_output_tokens or self._settings.current.answer_tokens,
            profile.max_output_tokens,
            profile.context_window // 2,
        )
        tools = ask.tools if profile.tools else ()
        turns = []
        notices: dict[str, None] = {}
        for turn in plan.conversation.turns:
            if turn.order > plan.turn.order:
                continue
            texts, images, said = self._materials.arrange(turn, plan.materials, vision=profile.vision)
            if turn is plan.turn or turn.turn_id == plan.turn.turn_id:
                notices.update(dict.fromkeys(said))
            turns.append(messages_of(turn, several=plan.several, texts=texts, images=images))

        def arrange() -> tuple[ChatRequest, int, int]:
            context = fit(
                plan.system, turns, counter=model.counter, window=profile.context_window, output=output, tools=tools
            )
            choice = plan.choice
            request = ChatRequest(
                context.messages,
                output,
                choice.temperature,
                choice.effort or self._settings.current.default_effort,
                tools,
            )
            return request, context.tokens, context.dropped_turns

        heavy = sum(len(message.text) for turn in turns for message in turn) > OFF_LOOP_CHARS
        request, tokens, dropped = await asyncio.to_thread(arrange) if heavy else arrange()
        return request, tokens, dropped, tuple(notices)

    async def _reserve(
        self, call_id: str, asker: Asker, model: Model, tokens: int, request: ChatRequest
    ) -> Reservation | Denial:
        usage = Usage(tokens, request.max_output_tokens)
        estimate = Spending(tokens + request.max_output_tokens, cost_nanos(model, usage, self._settings.current) or 0)
        return await self._limits.reserve(call_id, asker, model.provider, model.name, estimate)

    async def _keep(self, plan: _Plan, answer: _Answer, usage: Usage) -> None:
        end = answer.end
        complete = end is not None and end.finish not in (Finish.INTERRUPTED, Finish.TOOL_CALLS)
        turn = replace(plan.turn, answer="".join(answer.text), model=answer.model.name, complete=complete, usage=usage)
        await self._store.save_turn(plan.conversation, turn)

    async def _abandon(self, opening: asyncio.Task[None], plan: _Plan, answer: _Answer, usage: Usage) -> None:
        await opening
        if answer.text:
            await self._keep(plan, answer, usage)

    def _account(
        self,
        call_id: str,
        asker: Asker,
        answer: _Answer,
        usage: Usage,
        held: Reservation,
        began_at: float,
        finish: Finish,
    ) -> None:
        """Charges what was used. In the background: the answer need not wait for it, and the process does at its end."""
        self._background.start(held.settle(Spending(usage.input_tokens + usage.output_tokens, usage.cost_nanos or 0)))
        if answer.begun:
            record = CallRecord(
                call_id, self._clock.now(), asker.guild_id, asker.user_id, answer.model.name, "chat", usage,
                self._clock.monotonic() - began_at, finish.value,
            )  # fmt: skip
            self._background.start(self._ledger.record(record))


OFF_LOOP_CHARS = 20_000
"""Contexts above this length are counted in a thread."""


def _check(ask: Ask, settings: LlmSettings) -> None:
    """Refuses what no model need see."""
    said = any(clean(entry.text) or entry.attachment_ids for entry in ask.inputs)
    if not said and not ask.replaces_turn_id and not ask.exchanges:
        raise empty_prompt()
    length = sum(len(entry.text) for entry in ask.inputs)
    if length > settings.conversations.max_prompt_chars:
        raise prompt_too_long(length, settings.conversations.max_prompt_chars)


def _note(answer: _Answer, event: RoutedEvent) -> None:
    if isinstance(event, TextDelta):
        answer.text.append(event.text)
    elif isinstance(event, ThinkingDelta):
        answer.thinking.append(event.text)
    elif isinstance(event, ToolCallEvent):
        answer.calls.append(event.call)
