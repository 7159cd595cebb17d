"""How a question is put to llm, and what the end of a stream means."""

from __future__ import annotations

from dataclasses import dataclass

import grpc
from guildhall.llm.v1 import generation_pb2

from chassis.errors import Unavailable, from_rpc_error
from services.executor.replies.question import Question

# What a stream ends with when its server is killed or told to stop; everything else is an answer of the server's.
_BROKEN = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)
_BY_PROVIDER = frozenset({"PROVIDER_UNAVAILABLE", "PROVIDER_RATE_LIMITED"})
"""What llm itself says of a provider, having tried all there is to try: to ask again at once would change nothing."""


@dataclass(frozen=True)
class Lost(Exception):
    """The connection to llm broke; the turn can be asked for again."""

    why: str


def request_for(question: Question, turn_id: str) -> generation_pb2.GenerateRequest:
    """The question as llm's turn of that id; what the model is reminded of and offered is added by whoever asks."""
    place = question.place
    return generation_pb2.GenerateRequest(
        conversation_id=question.conversation_id,
        turn_id=turn_id,
        inputs=[
            generation_pb2.Input(
                text=question.text_for_model(),
                author_name=question.asker.display_name,
                author_id=question.asker.user_id,
                attachment_ids=question.attachment_ids,
            ),
            *(
                generation_pb2.Input(
                    text=said.text,
                    author_name=said.asker.display_name,
                    author_id=said.asker.user_id,
                    attachment_ids=said.attachment_ids,
                )
                for said in question.burst
            ),
        ],
        model=question.model,
        prompt=question.prompt_name,
        replaces_turn_id=question.replaces_turn,
        guild_id=question.guild_id,
        channel_id=place.channel_id,
        thread_id=place.thread_id,
    )


def translated(error: grpc.aio.AioRpcError | Unavailable) -> Exception:
    """A broken connection becomes `Lost`, a passed deadline TimeoutError; the rest is what llm meant."""
    if isinstance(error, Unavailable):
        return error if error.reason in _BY_PROVIDER else Lost(error.reason)
    if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
        return TimeoutError()
    known = from_rpc_error(error)
    if error.code() in _BROKEN and known.reason not in _BY_PROVIDER:
        return Lost(error.details() or error.code().name)
    return known
