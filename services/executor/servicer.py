"""executor's contracts: protobuf in, domain out."""

from __future__ import annotations

from collections.abc import Awaitable

import grpc
from guildhall.executor.v1 import reply_pb2, reply_pb2_grpc

from chassis.caller import current_caller
from chassis.errors import InvalidArgument
from services.executor.replies.question import Asker, Attached, Interaction, Question
from services.executor.replies.submission import Submission


class ReplyServicer(reply_pb2_grpc.ReplyServiceServicer):
    """Answers people."""

    def __init__(self, submission: Submission) -> None:
        self._submission = submission

    async def SubmitReply(
        self,
        request: reply_pb2.SubmitReplyRequest,
        context: grpc.aio.ServicerContext[reply_pb2.SubmitReplyRequest, Awaitable[reply_pb2.SubmitReplyResponse]],
    ) -> reply_pb2.SubmitReplyResponse:
        """Takes over one question durably."""
        submitted = await self._submission.submit(_question(request))
        return reply_pb2.SubmitReplyResponse(job_id=submitted.job_id, duplicate=submitted.duplicate)


def _question(request: reply_pb2.SubmitReplyRequest) -> Question:
    person = current_caller().person
    origin = request.WhichOneof("origin")
    missing = {
        name: "must be set"
        for name, given in (
            ("event_id", request.event_id),
            ("channel_id", request.channel_id),
            ("origin", origin),
            ("caller.person", person),
        )
        if not given
    }
    if missing or person is None:
        raise InvalidArgument("the question is incomplete", reason="INCOMPLETE_REQUEST", fields=missing)
    interaction = None
    if origin == "interaction":
        interaction = Interaction(
            application_id=request.interaction.application_id,
            interaction_id=request.interaction.interaction_id,
            token=request.interaction.token,
            ephemeral=request.interaction.ephemeral,
        )
    return Question(
        event_id=request.event_id,
        interaction=interaction,
        message_id=request.message.message_id,
        guild_id=request.guild_id,
        channel_id=request.channel_id,
        in_conversation=request.in_conversation,
        prompt=request.prompt,
        attachments=tuple(
            Attached(filename=a.filename, content_type=a.content_type, size=a.size, url=a.url)
            for a in request.attachments
        ),
        model=request.model,
        event_time=request.event_time.ToNanoseconds() / 1e9,
        asker=Asker.of(person),
        conversation_id="",
    )
