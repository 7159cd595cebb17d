"""AttachmentService."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from guildhall.llm.v1 import attachment_pb2, attachment_pb2_grpc

from chassis.errors import InvalidArgument
from chassis.settings import Live
from services.llm.access import Access
from services.llm.conversation import clean
from services.llm.reading import Upload, read, too_large
from services.llm.redis_materials import RedisMaterials
from services.llm.servicers.common import asker, identifier
from services.llm.settings import LlmSettings

_KINDS = {"image": attachment_pb2.ATTACHMENT_KIND_IMAGE, "text": attachment_pb2.ATTACHMENT_KIND_TEXT}


class AttachmentServicer(attachment_pb2_grpc.AttachmentServiceServicer):
    """Attachments."""

    def __init__(self, settings: Live[LlmSettings], store: RedisMaterials, access: Access) -> None:
        self._settings = settings
        self._store = store
        self._access = access

    async def PutAttachment(
        self, request_iterator: AsyncIterator[attachment_pb2.PutAttachmentRequest], context: Any
    ) -> attachment_pb2.PutAttachmentResponse:
        """See the contract."""
        await self._access.require_feature(asker(), "attachments")
        settings = self._settings.current.attachments
        header: attachment_pb2.AttachmentHeader | None = None
        data = bytearray()
        async for part in request_iterator:
            if part.HasField("header") and header is None:
                header = part.header
                continue
            if header is None or part.HasField("header"):
                raise InvalidArgument("The header comes first, and once.", reason="ATTACHMENT_UNREADABLE")
            data += part.chunk
            if len(data) > settings.max_bytes:
                raise too_large(header.filename, settings.max_bytes)
        if header is None:
            raise InvalidArgument("There is no attachment.", reason="ATTACHMENT_UNREADABLE")
        name = " ".join(clean(header.filename).split())[:100] or "file"
        upload = Upload(identifier("attachment_id", header.attachment_id), name, header.content_type, bytes(data))
        material = await asyncio.to_thread(read, upload, settings)
        await self._store.save(material)
        return attachment_pb2.PutAttachmentResponse(
            attachment_id=material.attachment_id, kind=_KINDS[material.kind], cut=material.cut
        )
