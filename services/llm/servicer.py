"""GenerationService and ConversationService: protobuf in, domain out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from grpc.aio import ServicerContext
from guildhall.llm.v1 import conversation_pb2, conversation_pb2_grpc, generation_pb2, generation_pb2_grpc

from chassis.caller import current_caller
from chassis.deadline import remaining
from chassis.errors import InvalidArgument
from chassis.settings import Live
from services.llm.chat import Finish, TextDelta, ThinkingDelta, Usage
from services.llm.conversation import Conversation, ConversationStore, ConversationTurn, Input
from services.llm.generation import Ask, Begun, Ended, Generator, ReplyEvent
from services.llm.limits import Asker
from services.llm.pool import ProviderPool
from services.llm.preferences import Choice
from services.llm.problems import unknown_conversation
from services.llm.settings import LlmSettings
from services.llm.titles import Titles

LONGEST_ID = 100
DISCORD_THREAD_NAME = 100
_FINISHES = {
    Finish.STOP: generation_pb2.FINISH_REASON_STOP,
    Finish.LENGTH: generation_pb2.FINISH_REASON_LENGTH,
    Finish.CONTENT_FILTER: generation_pb2.FINISH_REASON_CONTENT_FILTER,
    Finish.TOOL_CALLS: generation_pb2.FINISH_REASON_TOOL_CALLS,
    Finish.INTERRUPTED: generation_pb2.FINISH_REASON_INTERRUPTED,
}


class GenerationServicer(generation_pb2_grpc.GenerationServiceServicer):
    """Answers and titles."""

    def __init__(self, settings: Live[LlmSettings], pool: ProviderPool, generator: Generator, titles: Titles) -> None:
        self._settings = settings
        self._pool = pool
        self._generator = generator
        self._titles = titles

    async def Generate(
        self,
        request: generation_pb2.GenerateRequest,
        context: ServicerContext[generation_pb2.GenerateRequest, generation_pb2.GenerateResponse],
    ) -> AsyncIterator[generation_pb2.GenerateResponse]:
        """See the contract."""
        ask = Ask(
            identifier("conversation_id", request.conversation_id),
            identifier("turn_id", request.turn_id),
            tuple(input_of(each) for each in request.inputs),
            request.guild_id,
            request.channel_id,
            Choice(model=request.model),
        )
        settings = self._settings.current
        await self._pool.discovered(settings.discovery_wait)
        events = self._generator.generate(
            ask, asker(request.guild_id, request.channel_id), self._pool.catalogue, budget(settings)
        )
        async with aclosing(events):
            async for event in events:
                yield response(event)

    async def Title(
        self,
        request: generation_pb2.TitleRequest,
        context: ServicerContext[generation_pb2.TitleRequest, generation_pb2.TitleResponse],
    ) -> generation_pb2.TitleResponse:
        """See the contract."""
        longest = min(request.max_length or DISCORD_THREAD_NAME, DISCORD_THREAD_NAME)
        settings = self._settings.current
        await self._pool.discovered(settings.discovery_wait)
        # What is left after the model must still carry the answer back.
        time = max(0.0, budget(settings) - 0.25)
        title = await self._titles.title(request.text, longest, asker(request.guild_id), self._pool.catalogue, time)
        return generation_pb2.TitleResponse(title=title.text, fallback=title.fallback)


class ConversationServicer(conversation_pb2_grpc.ConversationServiceServicer):
    """Conversations as they are kept."""

    def __init__(self, store: ConversationStore) -> None:
        self._store = store

    async def GetConversation(
        self,
        request: conversation_pb2.GetConversationRequest,
        context: ServicerContext[conversation_pb2.GetConversationRequest, conversation_pb2.GetConversationResponse],
    ) -> conversation_pb2.GetConversationResponse:
        """See the contract."""
        conversation_id = identifier("conversation_id", request.conversation_id)
        conversation = await self._store.load(conversation_id)
        if conversation is None:
            raise unknown_conversation(conversation_id)
        return conversation_pb2.GetConversationResponse(conversation=conversation_message(conversation))


def asker(guild_id: int = 0, channel_id: int = 0) -> Asker:
    """For whom the RPC being served is made. Its guild is the person's own, whatever the request says."""
    caller = current_caller()
    person = caller.person
    if person is None:
        return Asker(guild_id=guild_id, channel_id=channel_id, service=caller.service)
    return Asker(person.user_id, person.guild_id, person.role_ids, person.permissions, channel_id, caller.service)


def budget(settings: LlmSettings) -> float:
    """Seconds there are for the RPC being served."""
    left = remaining()
    return settings.provider_budget if left is None else left


def identifier(field: str, value: str) -> str:
    """An id that may be part of a key. Raises InvalidArgument."""
    if (
        not value
        or len(value) > LONGEST_ID
        or not value.isascii()
        or not value.isprintable()
        or any(sign in value for sign in "{} ")
    ):
        raise InvalidArgument(
            f"{field} is not an id.", reason="INVALID_ID", fields={field: "1 to 100 printable ASCII characters"}
        )
    return value


def input_of(message: generation_pb2.Input) -> Input:
    """What a person said."""
    return Input(message.text, message.author_id, message.author_name)


def usage_message(usage: Usage) -> generation_pb2.Usage:
    """What was used."""
    return generation_pb2.Usage(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cached_input_tokens=usage.cached_input_tokens,
        reasoning_tokens=usage.reasoning_tokens,
        estimated=usage.estimated,
        cost_nanos=usage.cost_nanos,
    )


def response(event: ReplyEvent) -> generation_pb2.GenerateResponse:
    """One event of an answer."""
    if isinstance(event, TextDelta):
        return generation_pb2.GenerateResponse(text_delta=event.text)
    if isinstance(event, ThinkingDelta):
        return generation_pb2.GenerateResponse(thinking_delta=event.text)
    if isinstance(event, Begun):
        started = generation_pb2.Started(
            model=event.model.name, dropped_turns=event.dropped_turns, context_tokens=event.context_tokens
        )
        return generation_pb2.GenerateResponse(started=started)
    if isinstance(event, Ended):
        duration = Duration()
        duration.FromNanoseconds(round(event.seconds * 1e9))
        end = generation_pb2.End(
            finish_reason=_FINISHES[event.finish],
            usage=usage_message(event.usage),
            duration=duration,
            interruption=event.interruption,
        )
        return generation_pb2.GenerateResponse(end=end)
    raise TypeError(f"no message for {type(event).__name__}")


def timestamp(seconds: float) -> Timestamp:
    """A moment."""
    moment = Timestamp()
    moment.FromNanoseconds(round(seconds * 1e9))
    return moment


def turn_message(turn: ConversationTurn) -> conversation_pb2.Turn:
    """One question and its answer."""
    return conversation_pb2.Turn(
        turn_id=turn.turn_id,
        inputs=[
            generation_pb2.Input(text=each.text, author_name=each.author_name, author_id=each.author_id)
            for each in turn.inputs
        ],
        answer=turn.answer,
        model=turn.model,
        complete=turn.complete,
        create_time=timestamp(turn.created),
    )


def conversation_message(conversation: Conversation) -> conversation_pb2.Conversation:
    """A conversation."""
    return conversation_pb2.Conversation(
        conversation_id=conversation.conversation_id,
        guild_id=conversation.guild_id,
        turns=[turn_message(turn) for turn in conversation.turns],
        expire_time=timestamp(conversation.expires),
    )
