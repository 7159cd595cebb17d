"""GenerationService."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

from guildhall.llm.v1 import generation_pb2, generation_pb2_grpc

from chassis.errors import InvalidArgument
from chassis.settings import Live
from services.llm.access import Access
from services.llm.asks import Ask, Begun, Denied, Ended, ReplyEvent
from services.llm.chat import Finish, TextDelta, ThinkingDelta, ToolCall, ToolSpec
from services.llm.conversation import ConversationTurn, ToolExchange
from services.llm.generation import Generator
from services.llm.pool import ProviderPool
from services.llm.preferences import Choice
from services.llm.schemas import parse_schema
from services.llm.servicers.common import asker, budget, denied_message, duration, identifier, input_of, usage_message
from services.llm.settings import LlmSettings
from services.llm.titles import Titles

DISCORD_THREAD_NAME = 100
SMALLEST_TITLE = 8
_TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
FINISHES = {
    Finish.STOP: generation_pb2.FINISH_REASON_STOP,
    Finish.LENGTH: generation_pb2.FINISH_REASON_LENGTH,
    Finish.CONTENT_FILTER: generation_pb2.FINISH_REASON_CONTENT_FILTER,
    Finish.TOOL_CALLS: generation_pb2.FINISH_REASON_TOOL_CALLS,
    Finish.INTERRUPTED: generation_pb2.FINISH_REASON_INTERRUPTED,
}
EFFORTS = {
    generation_pb2.THINKING_EFFORT_UNSPECIFIED: "",
    generation_pb2.THINKING_EFFORT_OFF: "off",
    generation_pb2.THINKING_EFFORT_LOW: "low",
    generation_pb2.THINKING_EFFORT_MEDIUM: "medium",
    generation_pb2.THINKING_EFFORT_HIGH: "high",
    generation_pb2.THINKING_EFFORT_MAX: "max",
}


class GenerationServicer(generation_pb2_grpc.GenerationServiceServicer):
    """Answers and titles."""

    def __init__(
        self, settings: Live[LlmSettings], pool: ProviderPool, generator: Generator, titles: Titles, access: Access
    ) -> None:
        self._settings = settings
        self._pool = pool
        self._generator = generator
        self._titles = titles
        self._access = access

    async def Generate(
        self, request: generation_pb2.GenerateRequest, context: Any
    ) -> AsyncIterator[generation_pb2.GenerateResponse]:
        """See the contract."""
        settings = self._settings.current
        ask = ask_of(request)
        who = asker(
            request.guild_id,
            channel_id=request.channel_id,
            category_id=request.category_id,
            thread_id=request.thread_id,
        )
        await self._access.require_feature(who, "ask")
        if any(entry.attachment_ids for entry in ask.inputs):
            await self._access.require_feature(who, "attachments")
        await self._pool.discovered(settings.discovery_wait)
        async with aclosing(self._generator.generate(ask, who, self._pool.catalogue, budget(settings))) as events:
            async for event in events:
                yield response(event)

    async def Title(self, request: generation_pb2.TitleRequest, context: Any) -> generation_pb2.TitleResponse:
        """See the contract."""
        longest = max(SMALLEST_TITLE, min(request.max_length or DISCORD_THREAD_NAME, DISCORD_THREAD_NAME))
        settings = self._settings.current
        time = budget(settings)
        await self._pool.discovered(min(settings.discovery_wait, time / 2))
        title = await self._titles.title(request.text, longest, asker(request.guild_id), self._pool.catalogue, time)
        return generation_pb2.TitleResponse(title=title.text, fallback=title.fallback)


def ask_of(request: generation_pb2.GenerateRequest) -> Ask:
    """What is asked. Raises InvalidArgument."""
    inputs = tuple(input_of(each) for each in request.inputs)
    if not 0 <= request.temperature <= 2:
        raise InvalidArgument(
            "A temperature is between 0 and 2.", reason="INVALID_TEMPERATURE", fields={"temperature": "0 to 2"}
        )
    return Ask(
        identifier("conversation_id", request.conversation_id),
        identifier("turn_id", request.turn_id),
        inputs,
        request.guild_id,
        request.thread_id or request.channel_id,
        Choice(
            request.model,
            request.prompt,
            request.temperature if request.HasField("temperature") else None,
            EFFORTS.get(request.thinking, ""),
        ),
        request.max_output_tokens,
        tuple(_tool(each) for each in request.tools),
        tuple(_round(each) for each in request.tool_rounds),
        request.replaces_turn_id,
        request.follow_up,
        _history(request),
        request.cacheable,
    )


def _tool(message: generation_pb2.Tool) -> ToolSpec:
    if not _TOOL_NAME.fullmatch(message.name):
        raise InvalidArgument("That is no name for a tool.", reason="INVALID_TOOL", fields={"tools.name": "invalid"})
    return ToolSpec(message.name, message.description, parse_schema(message.parameters_json or '{"type": "object"}'))


def _round(message: generation_pb2.ToolRound) -> ToolExchange:
    calls = tuple(ToolCall(each.id, each.name, each.arguments_json) for each in message.calls)
    results = tuple((each.call_id, each.content) for each in message.results)
    # A call without its result, or a result without its call, is a request that providers refuse for good.
    if not calls or {call.id for call in calls} != {call_id for call_id, _ in results}:
        raise InvalidArgument(
            "Every call needs its result.", reason="INVALID_TOOL", fields={"tool_rounds": "incomplete"}
        )
    return ToolExchange(calls, results, message.text)


def _history(request: generation_pb2.GenerateRequest) -> tuple[ConversationTurn, ...]:
    """The turns that Discord remembers, in their order, older than anything that is said now."""
    return tuple(
        ConversationTurn(
            identifier("history.turn_id", each.turn_id),
            tuple(input_of(entry) for entry in each.inputs),
            0.0,  # the planner gives it its place
            each.answer,
            complete=bool(each.answer),
            rebuilt=True,
        )
        for each in request.history
    )


def response(event: ReplyEvent) -> generation_pb2.GenerateResponse:
    """One event of an answer."""
    if isinstance(event, TextDelta):
        return generation_pb2.GenerateResponse(text_delta=event.text)
    if isinstance(event, ThinkingDelta):
        return generation_pb2.GenerateResponse(thinking_delta=event.text)
    if isinstance(event, Begun):
        started = generation_pb2.Started(
            model=event.model.name,
            dropped_turns=event.dropped_turns,
            context_tokens=event.context_tokens,
            context_tokens_estimated=event.model.counter.estimated,
            rebuilt=event.rebuilt,
            downgraded_from=event.downgraded_from,
            notices=event.notices,
            cached=event.cached,
        )
        return generation_pb2.GenerateResponse(started=started)
    if isinstance(event, Ended):
        end = generation_pb2.End(
            finish_reason=FINISHES[event.finish],
            usage=usage_message(event.usage),
            duration=duration(event.seconds),
            interruption=event.interruption,
        )
        return generation_pb2.GenerateResponse(end=end)
    if isinstance(event, Denied):
        return generation_pb2.GenerateResponse(denied=denied_message(event.denial))
    call = generation_pb2.ToolCall(id=event.call.id, name=event.call.name, arguments_json=event.call.arguments)
    return generation_pb2.GenerateResponse(tool_call=call)
