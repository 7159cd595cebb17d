"""A question on its way to executor: first the person's limits, then the durable hand-over.

Once `submit` returns Accepted, the question will be answered whatever process dies. Both calls carry the event's id,
so a repeat costs nothing and is answered once.
"""

from collections.abc import Awaitable
from dataclasses import dataclass, field
from typing import TypeVar

import grpc
from google.protobuf.timestamp_pb2 import Timestamp
from guildhall.executor.v1 import reply_pb2, reply_pb2_grpc
from guildhall.ratelimit.v1 import ratelimit_pb2, ratelimit_pb2_grpc

from chassis.caller import Person
from chassis.errors import from_rpc_error
from chassis.scoped import Place
from services.gateway.events import Attached, Interaction, Message, snowflake_time
from services.gateway.settings import Deadlines

AnswerT = TypeVar("AnswerT")


@dataclass(frozen=True, slots=True)
class Question:
    """What a person asks, and where it came from: an interaction, or else a message."""

    event_id: int
    person: Person = field(repr=False)
    guild_id: int
    channel_id: int
    in_conversation: bool
    prompt: str = field(repr=False)
    parent_channel_id: int = 0
    """The channel above, where it was asked in a thread."""
    attachments: tuple[Attached, ...] = field(default=(), repr=False)
    model: str = ""
    prompt_name: str = ""
    quoted_author: str = field(default="", repr=False)
    quoted_text: str = field(default="", repr=False)
    quoted_message_id: int = 0
    """The message that is asked about, where what is attached to it belongs to the question and is to be looked up."""
    interaction: Interaction | None = None
    private: bool = False
    reply_to: int = 0
    """The message that its own replies to."""
    command_prefix: str = ""
    """What text commands begin with where it was asked."""
    pictures: bool = False
    """Whether the model may answer with a picture."""
    draws: bool = False
    """Whether it asks for nothing but a picture."""
    replies_to_message: int = 0
    """For what is asked by neither command nor message: the message that it is asked at."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """The question is in durable hands."""

    job_id: str


@dataclass(frozen=True, slots=True)
class Denied:
    """A limit does not allow it now."""

    limit: str
    retry_after: float
    remaining: int
    capacity: int
    reset_after: float


def from_message(
    message: Message,
    place: Place,
    *,
    in_conversation: bool,
    prompt: str,
    model: str = "",
    quotes: bool = False,
    command_prefix: str = "",
) -> Question:
    """The question that a message asks. `quotes` says whether it is about the message that it replies to as well."""
    return Question(
        event_id=message.message_id,
        person=message.author,
        guild_id=message.guild_id,
        channel_id=message.channel_id,
        in_conversation=in_conversation,
        prompt=prompt,
        parent_channel_id=place.channel_id if place.thread_id else 0,
        attachments=message.attachments + (message.reply_attachments if quotes else ()),
        model=model,
        quoted_text=message.reply_text if quotes else "",
        reply_to=message.reply_to,
        command_prefix=command_prefix,
    )


class HandOver:
    """Hands questions over."""

    def __init__(
        self,
        limits: "ratelimit_pb2_grpc.RateLimitServiceStub",
        replies: "reply_pb2_grpc.ReplyServiceStub",
    ) -> None:
        self._limits = limits
        self._replies = replies

    async def submit(self, question: Question, charges: tuple[str, ...], deadlines: Deadlines) -> Accepted | Denied:
        """Takes from the limits and hands over. GuildhallError where either service can't."""
        denied = await self.charge(
            question.event_id, question.person, question.channel_id, charges=charges, deadline=deadlines.acquire
        )
        if denied is not None:
            return denied
        if question.draws:
            request = reply_pb2.SubmitImageRequest(
                event_id=question.event_id,
                guild_id=question.guild_id,
                channel_id=question.channel_id,
                prompt=question.prompt,
            )
            drawn = await called(self._replies.SubmitImage(request, timeout=deadlines.hand_over))
            return Accepted(drawn.job_id)
        response = await called(self._replies.SubmitReply(_submit(question), timeout=deadlines.hand_over))
        return Accepted(response.job_id)

    async def changed(self, question: Question, edit_id: int, deadline: float) -> None:
        """Hands over what a question was changed to. `edit_id` names the edit for good."""
        request = reply_pb2.OfferReplyAgainRequest(
            event_id=edit_id,
            message_id=question.event_id,
            guild_id=question.guild_id,
            channel_id=question.channel_id,
            prompt=question.prompt,
        )
        await called(self._replies.OfferReplyAgain(request, timeout=deadline))

    async def charge(
        self, event_id: int, person: Person, channel_id: int, *, charges: tuple[str, ...], deadline: float
    ) -> Denied | None:
        """Takes from a person's limits; None where they allow it."""
        if not charges:
            return None
        request = _acquire(event_id, person, channel_id, charges)
        answer = await called(self._limits.Acquire(request, timeout=deadline))
        return None if answer.allowed else _denied(answer)


async def called(call: Awaitable[AnswerT]) -> AnswerT:
    """Awaits an RPC; a failure comes as the GuildhallError that the other side meant."""
    try:
        return await call
    except grpc.aio.AioRpcError as error:
        raise from_rpc_error(error) from error


def _acquire(event_id: int, person: Person, channel_id: int, charges: tuple[str, ...]) -> ratelimit_pb2.AcquireRequest:
    return ratelimit_pb2.AcquireRequest(
        request_id=str(event_id),
        subject=ratelimit_pb2.Subject(
            guild_id=person.guild_id,
            user_id=person.user_id,
            role_ids=person.role_ids,
            channel_id=channel_id,
        ),
        charges=[ratelimit_pb2.Charge(limit=name, cost=1) for name in charges],
    )


def _denied(answer: ratelimit_pb2.AcquireResponse) -> Denied:
    blocking = next((state for state in answer.limits if state.limit == answer.blocking_limit), None)
    return Denied(
        limit=answer.blocking_limit,
        retry_after=answer.retry_after.ToNanoseconds() / 1e9,
        remaining=blocking.remaining if blocking else 0,
        capacity=blocking.capacity if blocking else 0,
        reset_after=blocking.reset_after.ToNanoseconds() / 1e9 if blocking else 0.0,
    )


def _submit(question: Question) -> reply_pb2.SubmitReplyRequest:
    event_time = Timestamp()
    event_time.FromNanoseconds(round(snowflake_time(question.event_id) * 1e9))
    request = reply_pb2.SubmitReplyRequest(
        event_id=question.event_id,
        guild_id=question.guild_id,
        channel_id=question.channel_id,
        in_conversation=question.in_conversation,
        parent_channel_id=question.parent_channel_id,
        prompt=question.prompt,
        attachments=[
            reply_pb2.Attachment(
                attachment_id=file.attachment_id,
                filename=file.filename,
                content_type=file.content_type,
                size=file.size,
                url=file.url,
            )
            for file in question.attachments
        ],
        model=question.model,
        prompt_name=question.prompt_name,
        reply_to_message_id=question.reply_to,
        command_prefix=question.command_prefix,
        pictures=question.pictures,
        event_time=event_time,
    )
    if question.quoted_text or question.quoted_message_id:
        request.quoted.author_name = question.quoted_author
        request.quoted.text = question.quoted_text
        request.quoted.message_id = question.quoted_message_id
    if question.interaction is not None:
        request.interaction.CopyFrom(
            reply_pb2.InteractionOrigin(
                application_id=question.interaction.application_id,
                interaction_id=question.interaction.interaction_id,
                token=question.interaction.token,
                ephemeral=question.private,
                token_only=question.interaction.user_installed_only,
            )
        )
    else:
        request.message.CopyFrom(reply_pb2.MessageOrigin(message_id=question.replies_to_message or question.event_id))
    return request
