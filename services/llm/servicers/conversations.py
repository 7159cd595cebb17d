"""ConversationService."""

from __future__ import annotations

from typing import Any, Literal

from guildhall.llm.v1 import conversation_pb2, conversation_pb2_grpc

from services.llm.conversation import Conversation, ConversationTurn, clean
from services.llm.conversations import Conversations, export, total_usage
from services.llm.servicers.common import asker, identifier, input_message, timestamp, usage_message

OPENING = 100
"""Characters of a first question in a list."""


class ConversationServicer(conversation_pb2_grpc.ConversationServiceServicer):
    """Conversations as they are kept."""

    def __init__(self, conversations: Conversations) -> None:
        self._conversations = conversations

    async def GetConversation(
        self, request: conversation_pb2.GetConversationRequest, context: Any
    ) -> conversation_pb2.GetConversationResponse:
        """See the contract."""
        found = await self._conversations.get(identifier("conversation_id", request.conversation_id), asker())
        return conversation_pb2.GetConversationResponse(conversation=conversation_message(found))

    async def ListConversations(
        self, request: conversation_pb2.ListConversationsRequest, context: Any
    ) -> conversation_pb2.ListConversationsResponse:
        """See the contract."""
        page = await self._conversations.list(
            request.user_id, request.guild_id, request.page_size, request.page_token, asker(request.guild_id)
        )
        summaries = [_summary(conversation, changed) for conversation, changed in page.conversations]
        return conversation_pb2.ListConversationsResponse(conversations=summaries, next_page_token=page.next_token)

    async def ClearConversation(
        self, request: conversation_pb2.ClearConversationRequest, context: Any
    ) -> conversation_pb2.ClearConversationResponse:
        """See the contract."""
        cleared = await self._conversations.clear(identifier("conversation_id", request.conversation_id), asker())
        return conversation_pb2.ClearConversationResponse(cleared_turns=cleared)

    async def ForkConversation(
        self, request: conversation_pb2.ForkConversationRequest, context: Any
    ) -> conversation_pb2.ForkConversationResponse:
        """See the contract."""
        forked = await self._conversations.fork(
            identifier("conversation_id", request.conversation_id),
            request.turn_id,
            identifier("new_conversation_id", request.new_conversation_id),
            request.channel_id,
            asker(),
        )
        return conversation_pb2.ForkConversationResponse(conversation=conversation_message(forked))

    async def ExportConversation(
        self, request: conversation_pb2.ExportConversationRequest, context: Any
    ) -> conversation_pb2.ExportConversationResponse:
        """See the contract."""
        found = await self._conversations.get(identifier("conversation_id", request.conversation_id), asker())
        form: Literal["json", "markdown"] = (
            "json" if request.format == conversation_pb2.EXPORT_FORMAT_JSON else "markdown"
        )
        content, filename, content_type = export(found, form)
        return conversation_pb2.ExportConversationResponse(
            content=content, filename=filename, content_type=content_type
        )

    async def DeletePersonData(
        self, request: conversation_pb2.DeletePersonDataRequest, context: Any
    ) -> conversation_pb2.DeletePersonDataResponse:
        """See the contract."""
        forgotten = await self._conversations.forget_person(request.user_id, asker())
        return conversation_pb2.DeletePersonDataResponse(
            deleted_turns=forgotten.turns, deleted_conversations=forgotten.conversations
        )


def conversation_message(conversation: Conversation) -> conversation_pb2.Conversation:
    """A conversation."""
    return conversation_pb2.Conversation(
        conversation_id=conversation.conversation_id,
        guild_id=conversation.guild_id,
        turns=[_turn(turn) for turn in conversation.turns],
        expire_time=timestamp(conversation.expires),
        channel_id=conversation.channel_id,
        create_time=timestamp(conversation.created),
        forked_from=conversation.forked_from,
        usage=usage_message(total_usage(conversation)),
    )


def _turn(turn: ConversationTurn) -> conversation_pb2.Turn:
    return conversation_pb2.Turn(
        turn_id=turn.turn_id,
        inputs=[input_message(each) for each in turn.inputs],
        answer=turn.answer,
        model=turn.model,
        complete=turn.complete,
        create_time=timestamp(turn.created),
        usage=usage_message(turn.usage) if turn.usage is not None else None,
        rebuilt=turn.rebuilt,
    )


def _summary(conversation: Conversation, changed: float) -> conversation_pb2.ConversationSummary:
    first = next((entry.text for turn in conversation.turns for entry in turn.inputs), "")
    return conversation_pb2.ConversationSummary(
        conversation_id=conversation.conversation_id,
        guild_id=conversation.guild_id,
        channel_id=conversation.channel_id,
        turns=len(conversation.turns),
        opening=" ".join(clean(first).split())[:OPENING],
        update_time=timestamp(changed),
    )
