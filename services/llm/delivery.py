"""Delivers an answer: its events to whoever asked, its text into the conversation, its costs to the accounts.

The three are kept in step: the answer is in the store before its end is announced, and what a cancelled or broken call
used is kept and charged all the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import replace

import structlog

from chassis.clock import Clock
from chassis.settings import Live
from services.llm.accounts import Accounts, Call
from services.llm.asks import Begun, Ended, ReplyEvent
from services.llm.cache import CachedAnswer
from services.llm.catalogue import Catalogue, Model
from services.llm.chat import Finish, Finished, TextDelta, ThinkingDelta, Usage
from services.llm.coalescing import coalesce
from services.llm.conversation import ConversationStore, ConversationTurn
from services.llm.flights import Listener
from services.llm.keeping import TurnWriter
from services.llm.planning import Planner, TurnPlan
from services.llm.problems import from_search
from services.llm.router import Chosen, NoModelAnsweredError, RoutedEvent
from services.llm.settings import LlmSettings
from services.llm.tasks import Background

log = structlog.get_logger(__name__)
CUT_SHARE = 0.6
"""A prompt of which a provider counts a smaller share than this was probably cut."""
SMALL = 1_000
"""Tokens below which counts differ for other reasons."""


def _warn_of_a_cut_prompt(call: Call, usage: Usage) -> None:
    """Some servers cut prompts to a window of their own and say nothing; it shows in the tokens that they report."""
    if not usage.estimated and call.billed and SMALL < usage.input_tokens < call.input_tokens * CUT_SHARE:
        log.warning(
            "the provider seems to have cut the prompt; raise its window or lower context_window",
            model=call.model.name,
            counted=call.input_tokens,
            reported=usage.input_tokens,
        )


class Delivery:
    """Delivers answers."""

    def __init__(
        self,
        settings: Live[LlmSettings],
        clock: Clock,
        *,
        store: ConversationStore,
        planner: Planner,
        accounts: Accounts,
        background: Background,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._store = store
        self._planner = planner
        self._accounts = accounts
        self._background = background

    async def stream(
        self, plan: TurnPlan, call: Call, source: AsyncIterator[RoutedEvent], wished: Model
    ) -> AsyncGenerator[ReplyEvent, None]:
        """The events of a source, with the conversation, the reservation and the ledger kept in step."""
        writer = TurnWriter(self._store, self._background, plan)
        kept: asyncio.Task[None] | None = None
        settled = False
        try:
            async with aclosing(coalesce(source, self._settings.current.coalesce)) as batches:
                async for batch in batches:
                    told = [await self._noted(plan, call, event, wished) for event in batch]
                    if call.end is not None and kept is None:
                        usage = self._usage(call)
                        kept = self._background.start(writer.write(_answered(plan, call, usage)))
                        self._accounts.record(call, usage)
                        await _set_out()
                    for event in told:
                        if event is not None:
                            yield event
            assert kept is not None
            assert call.end is not None
            await kept
            usage = self._usage(call)
            _warn_of_a_cut_prompt(call, usage)
            settled = True
            try:
                yield Ended(call.end.finish, usage, self._clock.monotonic() - call.began_at, call.end.interruption)
            finally:
                self._accounts.close(call, usage)
        except NoModelAnsweredError as error:
            settled = True
            self._accounts.drop(call)
            # Whoever asks next finds this question in the conversation; that it can't be kept is no news for this one.
            await asyncio.wait({self._background.start(writer.write_question())})
            raise from_search(error) from error
        finally:
            if not settled:
                # The caller left. What had come by then is kept and charged.
                self._background.start(self._abandon(writer, plan, call, source))

    async def _noted(self, plan: TurnPlan, call: Call, event: RoutedEvent, wished: Model) -> ReplyEvent | None:
        """Takes in an event; gives what is told of it, if anything is."""
        call.note(event)
        if isinstance(event, Chosen):
            return await self._begun(plan, call, event, wished)
        return None if isinstance(event, Finished) else event

    def _usage(self, call: Call) -> Usage:
        return call.usage(self._settings.current)

    async def _begun(self, plan: TurnPlan, call: Call, event: Chosen, wished: Model) -> Begun:
        prepared = await self._planner.prepare(plan, event.model)
        call.input_tokens = prepared.tokens
        downgraded = wished.name if event.model.name == wished.profile.cheaper and event.model is not wished else ""
        return Begun(
            event.model, prepared.dropped_turns, prepared.tokens, plan.rebuilt, downgraded, prepared.notices,
            cached=not call.billed,
        )  # fmt: skip

    async def replay(
        self, plan: TurnPlan, cached: CachedAnswer, call: Call, catalogue: Catalogue
    ) -> AsyncGenerator[ReplyEvent, None]:
        """An answer from the cache, kept in the conversation like any other."""
        prepared = plan.prepared[call.model.name]
        model = catalogue.find(cached.model) or call.model
        usage = Usage(cost_nanos=0)
        turn = replace(plan.turn, answer=cached.text, model=model.name, complete=True, usage=usage)
        kept = self._background.start(TurnWriter(self._store, self._background, plan).write(turn))
        await _set_out()
        yield Begun(model, prepared.dropped_turns, prepared.tokens, plan.rebuilt, "", prepared.notices, cached=True)
        if cached.thinking:
            yield ThinkingDelta(cached.thinking)
        yield TextDelta(cached.text)
        await kept
        yield Ended(cached.finish, usage, self._clock.monotonic() - call.began_at)

    async def _abandon(
        self, writer: TurnWriter, plan: TurnPlan, call: Call, source: AsyncIterator[RoutedEvent]
    ) -> None:
        if call.billed and isinstance(source, Listener) and source.shared:
            # Others still listen to the same answer, so it goes on, and this request pays for all of it.
            await call.hear_out(source)
        usage = self._usage(call)
        self._accounts.close(call, usage)
        if call.text:
            await writer.write(_answered(plan, call, usage))
        else:
            await writer.write_question()


async def _set_out() -> None:
    """Lets what was just begun reach the store: while that takes its time, the last words are on their way.

    One turn of the loop begins the write and one sends it.
    """
    await asyncio.sleep(0)
    await asyncio.sleep(0)


def _answered(plan: TurnPlan, call: Call, usage: Usage) -> ConversationTurn:
    """The turn with what was answered."""
    complete = call.end is not None and call.end.finish not in (Finish.INTERRUPTED, Finish.TOOL_CALLS)
    return replace(plan.turn, answer="".join(call.text), model=call.model.name, complete=complete, usage=usage)
