"""The contract's methods about the board's messages: protobuf in, jobs out."""

from __future__ import annotations

from typing import Any

import grpc
from guildhall.board.v1 import history_pb2, request_pb2
from guildhall.executor.v1 import board_pb2, board_pb2_grpc
from redis.exceptions import RedisError

from chassis.caller import current_caller
from chassis.clock import Clock
from chassis.enums import short_name
from chassis.errors import InvalidArgument, PermissionDenied, Unavailable
from chassis.ids import new_id
from chassis.telemetry.propagation import producer_span
from services.executor.board import clean_job
from services.executor.board.importing import Importer
from services.executor.board.settings import BoardDeliverySettings
from services.executor.jobs.model import Job
from services.executor.jobs.redis_store import JobStore

_MANAGE_MESSAGES = 1 << 13
_ADMINISTRATOR = 1 << 3


class BoardMessageServicer(board_pb2_grpc.BoardMessageServiceServicer):
    """guildhall.executor.v1.BoardMessageService."""

    def __init__(self, store: JobStore, importer: Importer, settings: BoardDeliverySettings, clock: Clock) -> None:
        self._importer = importer
        self._store = store
        self._settings = settings
        self._clock = clock

    async def CleanUp(
        self, request: board_pb2.CleanUpRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> board_pb2.CleanUpResponse:
        """Takes a clean-up over."""
        person = current_caller().person
        if person is None or person.guild_id != request.guild_id:
            raise PermissionDenied("only where one is", reason="OTHER_GUILD")
        if request.guild_id and not person.permissions & (_MANAGE_MESSAGES | _ADMINISTRATOR):
            raise PermissionDenied("this takes Manage Messages", reason="MANAGE_MESSAGES_REQUIRED")
        if not request.event_id or not request.channel_id:
            raise InvalidArgument("which channel?", reason="REQUEST_INVALID", fields={"channel_id": "a snowflake"})
        order = clean_job.Clean(
            guild_id=request.guild_id,
            channel_id=request.channel_id,
            before=request.event_id,
            count=min(request.count or self._settings.clean_most, self._settings.clean_most),
        )
        now = self._clock.now()
        carrier: dict[str, str] = {}
        with producer_span(f"executor.{clean_job.KIND}", carrier):
            job = Job(
                job_id=new_id(now),
                kind=clean_job.KIND,
                key=f"board-clean:{request.channel_id}",
                payload=order.model_dump_json().encode(),
                created=now,
                trace=carrier,
            )
            try:
                job_id, duplicate = await self._store.submit(job, event_id=request.event_id)
            except RedisError as error:
                raise Unavailable(
                    "the job store does not answer", reason="STORE_UNAVAILABLE", retry_after=1.0
                ) from error
        return board_pb2.CleanUpResponse(job_id=job_id, duplicate=duplicate)

    async def ImportFile(
        self, request: board_pb2.ImportFileRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> board_pb2.ImportFileResponse:
        """Has board take a file in, or say what it would do."""
        person = current_caller().person
        if person is None or person.guild_id != request.guild_id:
            raise PermissionDenied("only where one is", reason="OTHER_GUILD")
        answer = await self._importer.take(
            request.url,
            history_pb2.ImportHeader(
                guild_id=request.guild_id,
                format=history_pb2.FILE_FORMAT_CSV if request.csv else history_pb2.FILE_FORMAT_JSON,
                content=(
                    history_pb2.FILE_CONTENT_CHARACTERS if request.characters else history_pb2.FILE_CONTENT_REQUESTS
                ),
                idempotency_key=request.idempotency_key,
                preview=request.preview,
                expected_digest=request.expected_digest,
            ),
        )
        return board_pb2.ImportFileResponse(
            created=answer.created,
            duplicate=answer.duplicate,
            digest=answer.digest,
            counts=[
                board_pb2.ImportCount(
                    profession=count.profession,
                    state=short_name(request_pb2.RequestState.DESCRIPTOR, count.state),
                    count=count.count,
                )
                for count in answer.counts
            ],
        )
