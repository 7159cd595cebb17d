"""executor's contracts: protobuf in, domain out."""

from __future__ import annotations

import json
from collections.abc import Awaitable

import grpc
from google.protobuf.timestamp_pb2 import Timestamp
from guildhall.executor.v1 import notice_pb2, notice_pb2_grpc, reply_pb2, reply_pb2_grpc

from chassis.caller import current_caller
from chassis.errors import InvalidArgument
from chassis.scoped import Place, ScopedSettings
from services.executor.guild_settings import LOG_CHANNEL
from services.executor.replies import image_job
from services.executor.replies.actions import ReplyActions
from services.executor.replies.edits import Change
from services.executor.replies.image_job import ImageOrder
from services.executor.replies.notice_job import Notice
from services.executor.replies.question import Asker, Attached, Interaction, Question, prompt_problem, visible
from services.executor.replies.record import ReplyRecord
from services.executor.replies.submission import Submission

REPLY_METHODS = (
    "SubmitReply",
    "StopReply",
    "RegenerateReply",
    "FindConversation",
    "GetReply",
    "ShowReplyVersion",
    "ForkReply",
    "ReportReply",
    "OfferReplyAgain",
    "ContinueReplyPrivately",
    "SubmitImage",
)


class ReplyServicer(reply_pb2_grpc.ReplyServiceServicer):
    """Answers people."""

    def __init__(
        self, submission: Submission, actions: ReplyActions, settings: ScopedSettings, *, max_prompt_chars: int
    ) -> None:
        self._submission = submission
        self._actions = actions
        self._settings = settings
        self._max_prompt_chars = max_prompt_chars

    async def SubmitReply(
        self,
        request: reply_pb2.SubmitReplyRequest,
        context: grpc.aio.ServicerContext[reply_pb2.SubmitReplyRequest, Awaitable[reply_pb2.SubmitReplyResponse]],
    ) -> reply_pb2.SubmitReplyResponse:
        """Takes over one question durably."""
        submitted = await self._submission.submit(_question(request))
        return reply_pb2.SubmitReplyResponse(job_id=submitted.job_id, duplicate=submitted.duplicate)

    async def StopReply(self, request: reply_pb2.StopReplyRequest, context: object) -> reply_pb2.StopReplyResponse:
        """Ends an answer that is being given."""
        await self._actions.stop(request.job_id)
        return reply_pb2.StopReplyResponse(stopping=True)

    async def RegenerateReply(
        self, request: reply_pb2.RegenerateReplyRequest, context: object
    ) -> reply_pb2.RegenerateReplyResponse:
        """Takes over to answer again."""
        submitted = await self._actions.regenerate(
            request.job_id,
            request.event_id,
            _actor(),
            interaction=_interaction(request.interaction) if request.HasField("interaction") else None,
            model=request.model,
            prompt=request.prompt,
            edited=request.edited,
        )
        return reply_pb2.RegenerateReplyResponse(job_id=submitted.job_id, duplicate=submitted.duplicate)

    async def FindConversation(
        self, request: reply_pb2.FindConversationRequest, context: object
    ) -> reply_pb2.FindConversationResponse:
        """Says which conversation stands somewhere."""
        return reply_pb2.FindConversationResponse(
            conversation_id=await self._submission.conversation_in(request.channel_id)
        )

    async def GetReply(self, request: reply_pb2.GetReplyRequest, context: object) -> reply_pb2.GetReplyResponse:
        """Gives an answer with its versions."""
        return reply_pb2.GetReplyResponse(reply=_reply(await self._actions.record(request.job_id)))

    async def ShowReplyVersion(
        self, request: reply_pb2.ShowReplyVersionRequest, context: object
    ) -> reply_pb2.ShowReplyVersionResponse:
        """Takes over to show another version."""
        await self._actions.show(request.job_id, request.event_id, request.version, _actor())
        return reply_pb2.ShowReplyVersionResponse()

    async def ForkReply(self, request: reply_pb2.ForkReplyRequest, context: object) -> reply_pb2.ForkReplyResponse:
        """Takes over to go on elsewhere."""
        submitted = await self._actions.fork(request.job_id, request.event_id, _actor())
        return reply_pb2.ForkReplyResponse(job_id=submitted.job_id)

    async def ReportReply(
        self, request: reply_pb2.ReportReplyRequest, context: object
    ) -> reply_pb2.ReportReplyResponse:
        """Takes over to show an answer to those who run the guild."""
        actor = _actor()
        channel = await self._settings.value(Place(guild_id=actor.guild_id), LOG_CHANNEL)
        await self._actions.report(
            request.job_id, request.event_id, actor, reason=request.reason, log_channel_id=int(str(channel or 0))
        )
        return reply_pb2.ReportReplyResponse()

    async def OfferReplyAgain(
        self, request: reply_pb2.OfferReplyAgainRequest, context: object
    ) -> reply_pb2.OfferReplyAgainResponse:
        """Takes over what a question was changed to."""
        problem = prompt_problem(request.prompt, self._max_prompt_chars)
        if problem:
            raise InvalidArgument("this is no question", reason=problem, fields={"prompt": problem})
        change = Change(request.prompt, request.event_id, _actor().locale)
        return reply_pb2.OfferReplyAgainResponse(known=await self._actions.changed(request.message_id, change))

    async def ContinueReplyPrivately(
        self, request: reply_pb2.ContinueReplyPrivatelyRequest, context: object
    ) -> reply_pb2.ContinueReplyPrivatelyResponse:
        """Takes over to open a private thread."""
        submitted = await self._actions.go_on_privately(
            request.job_id, request.event_id, _actor(), _interaction(request.interaction)
        )
        return reply_pb2.ContinueReplyPrivatelyResponse(job_id=submitted.job_id)

    async def SubmitImage(
        self, request: reply_pb2.SubmitImageRequest, context: object
    ) -> reply_pb2.SubmitImageResponse:
        """Takes over to make a picture."""
        if not visible(request.prompt):
            raise InvalidArgument("there is nothing to show", reason="EMPTY_PROMPT", fields={"prompt": "is empty"})
        order = ImageOrder(
            event_id=request.event_id,
            interaction=_interaction(request.interaction) if request.HasField("interaction") else None,
            guild_id=request.guild_id,
            channel_id=request.channel_id,
            prompt=request.prompt,
            size=request.size,
            asker=_actor(),
        )
        submitted = await self._actions.submit(
            image_job.KIND, f"image/{request.channel_id}", order.model_dump_json(), request.event_id
        )
        return reply_pb2.SubmitImageResponse(job_id=submitted.job_id, duplicate=submitted.duplicate)


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
    return Question(
        event_id=request.event_id,
        interaction=_interaction(request.interaction) if origin == "interaction" else None,
        message_id=request.message.message_id,
        guild_id=request.guild_id,
        channel_id=request.channel_id,
        in_conversation=request.in_conversation,
        parent_channel_id=request.parent_channel_id,
        prompt=request.prompt,
        attachments=tuple(
            Attached(
                attachment_id=a.attachment_id, filename=a.filename, content_type=a.content_type, size=a.size, url=a.url
            )
            for a in request.attachments
        ),
        model=request.model,
        prompt_name=request.prompt_name,
        quoted_author=request.quoted.author_name,
        quoted_text=request.quoted.text,
        quoted_message_id=request.quoted.message_id,
        reply_to=request.reply_to_message_id,
        command_prefix=request.command_prefix,
        pictures=request.pictures,
        event_time=request.event_time.ToNanoseconds() / 1e9,
        asker=Asker.of(person),
        conversation_id="",
    )


def _interaction(origin: reply_pb2.InteractionOrigin) -> Interaction:
    return Interaction(
        application_id=origin.application_id,
        interaction_id=origin.interaction_id,
        token=origin.token,
        ephemeral=origin.ephemeral,
        token_only=origin.token_only,
    )


def _actor() -> Asker:
    """The person who pressed a button. Raises InvalidArgument for the system's own calls."""
    person = current_caller().person
    if person is None:
        raise InvalidArgument("somebody has to ask for this", reason="INCOMPLETE_REQUEST")
    return Asker.of(person)


def _reply(record: ReplyRecord) -> reply_pb2.Reply:
    return reply_pb2.Reply(
        job_id=record.job_id,
        conversation_id=record.question.conversation_id,
        guild_id=record.question.guild_id,
        channel_id=record.channel_id,
        asker_id=record.question.asker.user_id,
        prompt=record.question.prompt,
        message_ids=record.message_ids,
        versions=[
            reply_pb2.ReplyVersion(
                text=version.text,
                model=version.model,
                create_time=_timestamp(version.created),
                failed=version.failed,
            )
            for version in record.versions
        ],
        shown_version=record.shown,
    )


def _timestamp(unix_seconds: float) -> Timestamp:
    stamp = Timestamp()
    stamp.FromNanoseconds(round(unix_seconds * 1e9))
    return stamp


class NoticeServicer(notice_pb2_grpc.NoticeServiceServicer):
    """Posts notices."""

    def __init__(self, actions: ReplyActions) -> None:
        self._actions = actions

    async def PostNotice(self, request: notice_pb2.PostNoticeRequest, context: object) -> notice_pb2.PostNoticeResponse:
        """Takes one notice over."""
        try:
            body = json.loads(request.discord_json)
        except ValueError as error:
            raise InvalidArgument("not JSON", reason="NOTICE_INVALID", fields={"discord_json": "not JSON"}) from error
        if not isinstance(body, dict) or not request.channel_id or not request.event_id:
            raise InvalidArgument("the notice is incomplete", reason="NOTICE_INVALID")
        notice = Notice(
            guild_id=request.guild_id,
            channel_id=request.channel_id,
            reply_to=request.reply_to_message_id,
            body=body,
        )
        return notice_pb2.PostNoticeResponse(duplicate=await self._actions.notify(request.event_id, notice))
