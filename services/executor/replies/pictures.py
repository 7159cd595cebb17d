"""Having pictures made by llm: one at a time, taken as bytes, under an id that makes a repeat recognisable."""

from __future__ import annotations

import grpc
from guildhall.llm.v1 import generation_pb2, image_pb2, image_pb2_grpc

from chassis.errors import from_rpc_error
from services.executor.discord.bodies import File

_SECONDS = 150.0
_EXTENSIONS = {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp"}


class PictureDenied(Exception):
    """A limit stands against it."""

    def __init__(self, denied: generation_pb2.Denied) -> None:
        super().__init__(denied.limit)
        self.denied = denied


class Pictures:
    """Makes pictures for whoever the calls are made for (`acting_for`)."""

    def __init__(self, llm: image_pb2_grpc.ImageServiceStub) -> None:
        self._llm = llm

    async def make(self, prompt: str, *, size: str, guild_id: int, request_id: str) -> File:
        """Makes one. Raises PictureDenied and what llm means."""
        request = image_pb2.GenerateImageRequest(prompt=prompt, size=size, guild_id=guild_id, request_id=request_id)
        content, kind = bytearray(), "image/png"
        try:
            async for event in self._llm.GenerateImage(request, timeout=_SECONDS):
                match event.WhichOneof("event"):
                    case "started":
                        kind = event.started.content_type or kind
                    case "chunk":
                        content += event.chunk
                    case "denied":
                        raise PictureDenied(event.denied)
        except grpc.aio.AioRpcError as error:
            raise from_rpc_error(error) from error
        return File(f"image.{_EXTENSIONS.get(kind, 'png')}", bytes(content), kind)
