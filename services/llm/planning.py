"""What is known before a model is called: the conversation with the new turn in it, and the request that each model
would get.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from chassis.clock import Clock
from chassis.settings import Live
from services.llm.asks import Ask
from services.llm.catalogue import Model
from services.llm.chat import ChatRequest, Message
from services.llm.context import PromptTooLongError, fit
from services.llm.conversation import (
    NOBODY,
    Conversation,
    ConversationStore,
    ConversationTurn,
    authors,
    clean,
    messages_of,
    unburied,
    without,
)
from services.llm.counting import OFF_LOOP_CHARS
from services.llm.limits import Asker
from services.llm.materials import Material, Materials
from services.llm.preferences import Choice, Preferences
from services.llm.problems import (
    empty_prompt,
    prompt_too_long,
    too_long_for,
    too_many_attachments,
    unknown_conversation,
)
from services.llm.settings import LlmSettings


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request for one model, with what it took to make it fit."""

    request: ChatRequest
    tokens: int
    dropped_turns: int
    notices: tuple[str, ...]


@dataclass(slots=True)
class TurnPlan:
    """Everything about one turn that does not depend on the model, and the requests made so far for those that do."""

    ask: Ask
    conversation: Conversation
    turn: ConversationTurn
    removed: tuple[str, ...]
    choice: Choice
    system: tuple[Message, ...]
    materials: dict[str, Material]
    rebuilt: bool
    """Whether the conversation was brought back from Discord for this turn."""
    withheld: frozenset[int] = frozenset()
    """People in it who keep their words out of other people's contexts."""
    prepared: dict[str, Prepared] = field(default_factory=dict)

    @property
    def written(self) -> list[ConversationTurn]:
        """What is written down before the answer: the question, and turns that were brought back."""
        return [turn for turn in self.conversation.turns if self.rebuilt or turn.turn_id == self.turn.turn_id]


class Planner:
    """Plans turns."""

    def __init__(
        self,
        settings: Live[LlmSettings],
        clock: Clock,
        store: ConversationStore,
        *,
        preferences: Preferences,
        materials: Materials,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._store = store
        self._preferences = preferences
        self._materials = materials

    def check(self, ask: Ask) -> None:
        """Refuses what no model sees. Raises InvalidArgument (EMPTY_PROMPT, PROMPT_TOO_LONG, TOO_MANY_…)."""
        settings = self._settings.current
        said = any(clean(entry.text) or entry.attachment_ids for entry in ask.inputs)
        if not said and not ask.replaces_turn_id and not ask.exchanges:
            raise empty_prompt()
        length = sum(len(entry.text) for entry in ask.inputs)
        if length > settings.conversations.max_prompt_chars:
            raise prompt_too_long(length, settings.conversations.max_prompt_chars)
        attached = sum(len(entry.attachment_ids) for entry in ask.inputs)
        if attached > settings.attachments.max_per_turn:
            raise too_many_attachments(attached, settings.attachments.max_per_turn)

    async def plan(self, ask: Ask, asker: Asker, choice: Choice) -> TurnPlan:
        """The conversation with the turn in it. Raises NotFound, InvalidArgument, PermissionDenied."""
        conversation = await self._store.load(ask.conversation_id)
        now = self._clock.now()
        rebuilt = False
        if conversation is None:
            if ask.follow_up and not ask.history:
                raise unknown_conversation(ask.conversation_id)
            history = await self._remembered(ask, asker)
            rebuilt = bool(history)
            conversation = _brought_back(ask, history, now)
        conversation, removed, replaced = _without_replaced(conversation, ask)
        existing = conversation.turn(ask.turn_id)
        inputs = ask.inputs or (replaced.inputs if replaced else ()) or (existing.inputs if existing else ())
        if not inputs:
            raise empty_prompt()
        latest = max((each.created for each in conversation.turns), default=0.0)
        created = existing.created if existing is not None else max(now, latest + 1e-3)
        turn = ConversationTurn(ask.turn_id, inputs, created, exchanges=ask.exchanges)
        conversation = conversation.with_turn(turn)
        instructions = await self._preferences.instructions(asker, choice)
        others = authors(conversation.before(turn)) - {asker.user_id}
        return TurnPlan(
            ask,
            conversation,
            turn,
            removed,
            choice,
            (Message("system", instructions),) if instructions else (),
            await self._attached(conversation, turn),
            rebuilt,
            await self._preferences.withholding(others),
        )

    async def prepare(self, plan: TurnPlan, model: Model) -> Prepared:
        """The request that a model gets. Raises PromptTooLongError where the turn does not fit by itself."""
        if model.name in plan.prepared:
            return plan.prepared[model.name]
        profile, settings = model.profile, self._settings.current
        output = min(
            plan.ask.max_output_tokens or settings.answer_tokens, profile.max_output_tokens, profile.context_window // 2
        )
        tools = plan.ask.tools if profile.tools else ()
        earlier = (without(turn, plan.withheld) for turn in plan.conversation.before(plan.turn))
        before = [*(turn for turn in earlier if turn is not None), plan.turn]
        several = len(authors(before)) > 1
        turns = []
        notices: tuple[str, ...] = ()
        for turn in before:
            texts, images, said = self._materials.arrange(turn, plan.materials, vision=profile.vision)
            notices = tuple(dict.fromkeys(said)) if turn is plan.turn else notices
            turns.append(messages_of(turn, several=several, texts=texts, images=images))

        def arrange() -> Prepared:
            context = fit(
                plan.system, turns, counter=model.counter, window=profile.context_window, output=output, tools=tools
            )
            effort = plan.choice.effort or settings.default_effort
            request = ChatRequest(context.messages, output, plan.choice.temperature, effort, tools)
            return Prepared(request, context.tokens, context.dropped_turns, notices)

        heavy = sum(len(message.text) for turn in turns for message in turn) > OFF_LOOP_CHARS
        plan.prepared[model.name] = await asyncio.to_thread(arrange) if heavy else arrange()
        return plan.prepared[model.name]

    async def prepare_first(self, plan: TurnPlan, model: Model) -> Prepared:
        """As `prepare`, for the model that was meant: raises InvalidArgument (PROMPT_TOO_LONG) in a person's words."""
        try:
            return await self.prepare(plan, model)
        except PromptTooLongError as error:
            raise too_long_for(model, error) from error

    async def _remembered(self, ask: Ask, asker: Asker) -> tuple[ConversationTurn, ...]:
        """What Discord remembers of the conversation, without the words of people who had themselves forgotten."""
        if not ask.history:
            return ()
        people = authors(ask.history) | ({asker.user_id} - {NOBODY})
        return unburied(ask.history, await self._store.buried(people))

    async def _attached(self, conversation: Conversation, turn: ConversationTurn) -> dict[str, Material]:
        ids = [each for other in conversation.turns for entry in other.inputs for each in entry.attachment_ids]
        new_ids = {each for entry in turn.inputs for each in entry.attachment_ids}
        return await self._materials.load(ids, required=new_ids) if ids else {}


def _brought_back(ask: Ask, history: Sequence[ConversationTurn], now: float) -> Conversation:
    """A new conversation, with what Discord remembers of it in its order."""
    count = len(history)
    turns = tuple(replace(turn, created=now - (count - index) * 1e-3) for index, turn in enumerate(history))
    return Conversation(ask.conversation_id, ask.guild_id, ask.channel_id, now, turns=turns)


def _without_replaced(
    conversation: Conversation, ask: Ask
) -> tuple[Conversation, tuple[str, ...], ConversationTurn | None]:
    """The conversation without the replaced turn and all after it; the ids that go; the turn that is replaced."""
    old = conversation.turn(ask.replaces_turn_id) if ask.replaces_turn_id else None
    if old is None:
        return conversation, (), None
    removed = tuple(
        each.turn_id for each in conversation.turns if each.order >= old.order and each.turn_id != ask.turn_id
    )
    kept = tuple(each for each in conversation.turns if each.turn_id not in removed)
    return replace(conversation, turns=kept), removed, old
