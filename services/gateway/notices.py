"""What people are told about a message that could not be taken on.

A message has no private answer, so executor posts a reply to it: once for each event, pinging nobody.
"""

import json
from functools import partial
from typing import Protocol

import grpc
import structlog
from guildhall.executor.v1 import notice_pb2, notice_pb2_grpc

from chassis.clock import Clock
from chassis.errors import GuildhallError
from services.gateway.handover import Denied, Question
from services.gateway.router import error_text
from views import limits
from views.catalogue import Catalogue
from views.markdown import relative_time
from views.messages import message

_log = structlog.get_logger(__name__)
_DEADLINE = 1.0


class Notices(Protocol):
    """Tells people in the channel where they wrote. Neither method raises."""

    async def denied(self, question: Question, denied: Denied) -> None:
        """A limit did not allow it."""

    async def failed(self, question: Question, error: GuildhallError) -> None:
        """It was refused for what it is."""


class ExecutorNotices:
    """Notices by executor."""

    def __init__(self, stub: notice_pb2_grpc.NoticeServiceStub, texts: Catalogue, clock: Clock) -> None:
        self._stub = stub
        self._texts = texts
        self._clock = clock

    async def denied(self, question: Question, denied: Denied) -> None:
        """See Notices."""
        when = relative_time(self._clock.now() + denied.retry_after)
        text = limits.denied(
            partial(self._texts.text, question.person.locale),
            denied.limit,
            remaining=denied.remaining,
            capacity=denied.capacity,
            when=when,
        )
        await self._post(question, text)

    async def failed(self, question: Question, error: GuildhallError) -> None:
        """See Notices."""
        await self._post(question, error_text(self._texts, question.person.locale, error, self._clock.now()))

    async def _post(self, question: Question, text: str) -> None:
        request = notice_pb2.PostNoticeRequest(
            event_id=question.event_id,
            guild_id=question.guild_id,
            channel_id=question.channel_id,
            reply_to_message_id=question.event_id,
            discord_json=json.dumps(message(text)).encode(),
        )
        try:
            await self._stub.PostNotice(request, timeout=_DEADLINE)
        except grpc.aio.AioRpcError as error:
            _log.warning("notice not posted", message_id=question.event_id, code=error.code().name)
