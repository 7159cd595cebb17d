"""Takes a file that an officer gave with a command to board, on that person's behalf."""

from __future__ import annotations

from collections.abc import AsyncIterator

import grpc
from guildhall.board.v1 import history_pb2, history_pb2_grpc

from chassis.errors import InvalidArgument, Unavailable, from_rpc_error
from services.executor.board.settings import BoardDeliverySettings
from services.executor.discord.files import FileFetcher, NotFetched


class Importer:
    """Fetches and hands over; board alone decides who may and what is right."""

    def __init__(self, channel: grpc.aio.Channel, fetcher: FileFetcher, settings: BoardDeliverySettings) -> None:
        self._history = history_pb2_grpc.HistoryServiceStub(channel)
        self._fetcher = fetcher
        self._settings = settings

    async def take(self, url: str, header: history_pb2.ImportHeader) -> history_pb2.ImportResponse:
        """What board says to the file at an address."""
        try:
            content = await self._fetcher.fetch(url, self._settings.import_bytes)
        except NotFetched as failure:
            if failure.reason == "ATTACHMENT_GONE":
                raise Unavailable("the file can't be had", reason=failure.reason, retry_after=1.0) from failure
            limit = {"limit": str(self._settings.import_bytes)}
            raise InvalidArgument("the file is not taken", reason=failure.reason, metadata=limit) from failure
        try:
            return await self._history.Import(self._parts(header, content), timeout=self._settings.import_timeout)
        except grpc.aio.AioRpcError as error:
            raise from_rpc_error(error) from error

    async def _parts(
        self, header: history_pb2.ImportHeader, content: bytes
    ) -> AsyncIterator[history_pb2.ImportRequest]:
        yield history_pb2.ImportRequest(header=header)
        for start in range(0, len(content), self._settings.import_chunk_bytes):
            yield history_pb2.ImportRequest(piece=content[start : start + self._settings.import_chunk_bytes])
