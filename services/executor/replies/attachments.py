"""What people attach, fetched from Discord at once and handed to llm in chunks.

Discord's addresses are signed and expire, so a file is fetched before anything else.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import grpc
import structlog
from guildhall.llm.v1 import attachment_pb2, attachment_pb2_grpc

from chassis.caller import acting_for
from chassis.errors import GuildhallError, from_rpc_error
from services.executor.discord.api import DiscordApi, Scope
from services.executor.discord.errors import Refused
from services.executor.discord.files import FileFetcher, NotFetched
from services.executor.replies.question import Asker, Attached, Question
from services.executor.replies.settings import AttachmentSettings

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Taken:
    """What became of a question's attachments."""

    question: Question
    """The question with the ids of what llm holds; what it does not hold is still named in it."""
    reasons: tuple[str, ...] = ()
    """Why some could not be taken."""


class Attachments:
    """Fetches and hands over."""

    def __init__(
        self, stub: attachment_pb2_grpc.AttachmentServiceStub, settings: AttachmentSettings, *, api_base: str
    ) -> None:
        self._stub = stub
        self._settings = settings
        self._fetcher = FileFetcher(hosts=settings.hosts, seconds=settings.fetch_seconds, api_base=api_base)

    async def take(self, question: Question) -> Taken:
        """Takes a question's attachments to llm, those that can be taken."""
        if not question.attachments:
            return Taken(question)
        ids: list[str] = []
        left: list[Attached] = []
        reasons: list[str] = []
        with acting_for(question.asker.person()):
            for attached in question.attachments:
                try:
                    ids.append(await self._take(attached))
                except (NotFetched, GuildhallError) as error:
                    _log.info("attachment.not_taken", reason=error.reason, size=attached.size)
                    left.append(attached)
                    reasons.append(error.reason)
        taken = question.model_copy(update={"attachments": tuple(left), "attachment_ids": tuple(ids)})
        return Taken(taken, tuple(reasons))

    async def look_up(self, api: DiscordApi, scope: Scope, question: Question) -> Question:
        """The question with what is attached to the message that it is about; where that can't be read, as it is."""
        if not question.quoted_message_id:
            return question
        try:
            quoted = await api.message(scope, question.channel_id, question.quoted_message_id)
        except Refused as refusal:
            _log.info("attachment.not_looked_up", why=str(refusal))
            return question
        attached = (*question.attachments, *map(Attached.of, quoted.get("attachments") or ()))
        return question.model_copy(update={"attachments": attached, "quoted_message_id": 0})

    async def bring(self, attached: Sequence[Attached], asker: Asker) -> None:
        """Takes what was attached earlier in a conversation to llm again; what can't be had is shown as missing."""
        with acting_for(asker.person()):
            for each in attached:
                try:
                    await self._take(each)
                except (NotFetched, GuildhallError) as error:
                    _log.info("attachment.not_brought", reason=error.reason, size=each.size)

    async def close(self) -> None:
        """Closes connections."""
        await self._fetcher.close()

    async def _take(self, attached: Attached) -> str:
        if attached.size > self._settings.max_bytes:
            raise NotFetched("ATTACHMENT_TOO_LARGE")
        content = await self._fetcher.fetch(attached.url, self._settings.max_bytes)
        try:
            answer = await self._stub.PutAttachment(
                self._parts(attached, content), timeout=self._settings.hand_over_seconds
            )
        except grpc.aio.AioRpcError as error:
            raise from_rpc_error(error) from error
        return str(answer.attachment_id)

    async def _parts(self, attached: Attached, content: bytes) -> AsyncIterator[attachment_pb2.PutAttachmentRequest]:
        yield attachment_pb2.PutAttachmentRequest(
            header=attachment_pb2.AttachmentHeader(
                attachment_id=str(attached.attachment_id),
                filename=attached.filename,
                content_type=attached.content_type,
            )
        )
        for start in range(0, len(content), self._settings.chunk_bytes):
            yield attachment_pb2.PutAttachmentRequest(chunk=content[start : start + self._settings.chunk_bytes])
