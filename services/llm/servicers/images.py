"""ImageService."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from guildhall.llm.v1 import image_pb2, image_pb2_grpc

from chassis.errors import PermissionDenied
from chassis.settings import Live
from services.llm.limits import Denial
from services.llm.pictures import Pictures
from services.llm.scoped import GuildSettings
from services.llm.servicers.common import asker, budget, denied_message, duration, identifier, usage_message
from services.llm.settings import LlmSettings


class ImageServicer(image_pb2_grpc.ImageServiceServicer):
    """Pictures."""

    def __init__(self, settings: Live[LlmSettings], pictures: Pictures, guilds: GuildSettings) -> None:
        self._settings = settings
        self._pictures = pictures
        self._guilds = guilds

    async def GenerateImage(
        self, request: image_pb2.GenerateImageRequest, context: Any
    ) -> AsyncIterator[image_pb2.GenerateImageResponse]:
        """See the contract."""
        settings = self._settings.current
        who = asker(request.guild_id)
        request_id = identifier("request_id", request.request_id) if request.request_id else ""
        if not await self._guilds.pictures_allowed(who):
            raise PermissionDenied(
                "Pictures are switched off here.", reason="FEATURE_FORBIDDEN", metadata={"feature": "image"}
            )
        picture = await self._pictures.make(
            request.prompt, request.size, request.model, request_id, who, budget(settings)
        )
        if isinstance(picture, Denial):
            yield image_pb2.GenerateImageResponse(denied=denied_message(picture))
            return
        image = picture.image
        started = image_pb2.ImageStarted(
            model=picture.model,
            content_type=image.media_type,
            size=len(image.data),
            revised_prompt=image.revised_prompt,
        )
        yield image_pb2.GenerateImageResponse(started=started)
        step = settings.images.chunk_bytes
        for start in range(0, len(image.data), step):
            yield image_pb2.GenerateImageResponse(chunk=image.data[start : start + step])
        end = image_pb2.ImageEnd(usage=usage_message(picture.usage), duration=duration(picture.seconds))
        yield image_pb2.GenerateImageResponse(end=end)
