"""What people attach, fetched from Discord at once and handed to llm in chunks.

Discord's addresses are signed and expire, so a file is fetched before anything else. Only the hosts that Discord serves
files from are asked, only over https, without following redirects, and no more is read than may be taken: an address
comes from Discord's own event, yet nothing is fetched on its word alone. The one exception is the very origin of the
configured API, so that a Discord elsewhere serves its own files.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import aiohttp
import grpc
import structlog
from guildhall.llm.v1 import attachment_pb2, attachment_pb2_grpc

from chassis.caller import acting_for
from chassis.errors import GuildhallError, from_rpc_error
from services.executor.replies.question import Attached, Question
from services.executor.replies.settings import AttachmentSettings

_log = structlog.get_logger(__name__)


class NotFetched(Exception):
    """The file can't be had; `reason` is UPPER_SNAKE."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


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
        api = urlsplit(api_base)
        self._origin = (api.scheme, api.netloc)
        self._session: aiohttp.ClientSession | None = None

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

    async def close(self) -> None:
        """Closes connections."""
        if self._session is not None:
            await self._session.close()

    async def _take(self, attached: Attached) -> str:
        if attached.size > self._settings.max_bytes:
            raise NotFetched("ATTACHMENT_TOO_LARGE")
        self._require_allowed(attached.url)
        content = await self._fetch(attached.url)
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

    def _require_allowed(self, url: str) -> None:
        address = urlsplit(url)
        if (address.scheme, address.netloc) == self._origin:
            return
        if address.scheme != "https" or address.hostname not in self._settings.hosts or address.port not in (None, 443):
            raise NotFetched("ATTACHMENT_FOREIGN")

    async def _fetch(self, url: str) -> bytes:
        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=self._settings.fetch_seconds)
            self._session = aiohttp.ClientSession(timeout=timeout)
        try:
            async with self._session.get(url, allow_redirects=False) as response:
                if response.status != 200:
                    raise NotFetched("ATTACHMENT_GONE")
                content = await response.content.read(self._settings.max_bytes + 1)
                while len(content) <= self._settings.max_bytes:
                    more = await response.content.read(self._settings.max_bytes + 1 - len(content))
                    if not more:
                        return content
                    content += more
        except (aiohttp.ClientError, TimeoutError) as error:
            raise NotFetched("ATTACHMENT_GONE") from error
        raise NotFetched("ATTACHMENT_TOO_LARGE")
