"""Statistics, history, files and events: protobuf in, the board's domain, protobuf out."""

from collections.abc import AsyncIterator
from typing import Any

import grpc
from google.protobuf.duration_pb2 import Duration
from guildhall.board.v1 import (
    event_pb2,
    event_pb2_grpc,
    history_pb2,
    history_pb2_grpc,
    request_pb2,
    statistics_pb2,
    statistics_pb2_grpc,
)

from chassis.clock import Clock
from chassis.errors import InvalidArgument
from services.board import convert
from services.board.audit import Audit
from services.board.files import Files
from services.board.finishing import finishing
from services.board.guild_professions import GuildProfessions
from services.board.model import State
from services.board.servicer import Acting
from services.board.statistics import Statistics
from services.board.storable import check, checked
from services.board.store.statistics import Span
from services.board.watch import Event, Watches

Context = grpc.aio.ServicerContext[Any, Any]
_LEADERS, _MOST_LEADERS = 10, 100
_PIECE = 256 * 1024
_LARGEST_FILE = 16 * 1024 * 1024


@finishing
@checked
class StatisticsServicer(statistics_pb2_grpc.StatisticsServiceServicer):
    """guildhall.board.v1.StatisticsService."""

    def __init__(self, statistics: Statistics, professions: GuildProfessions, acting: Acting, clock: Clock) -> None:
        self._statistics = statistics
        self._professions = professions
        self._acting = acting
        self._clock = clock

    async def GetStatistics(
        self, request: statistics_pb2.GetStatisticsRequest, context: Context
    ) -> statistics_pb2.GetStatisticsResponse:
        """Gives the numbers of a period."""
        await self._acting.reader(request.guild_id)
        start = convert.milliseconds(request.start_time) if request.HasField("start_time") else 0
        # To the full minute, so that asking again within it finds what was counted.
        now = round(self._clock.now()) // 60 * 60_000 + 60_000
        end = convert.milliseconds(request.end_time) if request.HasField("end_time") else now
        if end <= start or start < 0:
            raise InvalidArgument(
                "the period ends before it begins", reason="PERIOD_INVALID", fields={"end_time": "after start_time"}
            )
        numbers = await self._statistics.numbers(
            Span(request.guild_id, request.profession, start, end), min(request.leaders or _LEADERS, _MOST_LEADERS)
        )
        message = statistics_pb2.GetStatisticsResponse(
            created=numbers.created,
            completed=numbers.closed.get(State.COMPLETED, (0, 0))[0],
            cancelled=numbers.closed.get(State.CANCELLED, (0, 0))[0],
            expired=numbers.closed.get(State.EXPIRED, (0, 0))[0],
            quantity=numbers.closed.get(State.COMPLETED, (0, 0))[1],
            crafters=[
                statistics_pb2.Leader(user_id=one.user_id, name=one.name, requests=one.requests, quantity=one.quantity)
                for one in numbers.crafters
            ],
            requesters=[
                statistics_pb2.Leader(user_id=one.user_id, name=one.name, requests=one.requests, quantity=one.quantity)
                for one in numbers.requesters
            ],
            fairness=[
                statistics_pb2.Fairness(
                    profession=one.profession,
                    completions_gini=one.completions_gini,
                    wait_gini=one.wait_gini,
                    crafters=one.crafters,
                    requesters=one.requesters,
                )
                for one in numbers.fairness
            ],
            weeks=[
                statistics_pb2.Week(start_time=convert.timestamp(monday), created=created, completed=completed)
                for monday, created, completed in numbers.weeks
            ],
        )
        for name, wait in (("wait_median", numbers.wait_median), ("wait_p90", numbers.wait_p90)):
            if wait is not None:
                duration = Duration()
                duration.FromMilliseconds(round(wait))
                getattr(message, name).CopyFrom(duration)
        return message

    async def GetCoverage(
        self, request: statistics_pb2.GetCoverageRequest, context: Context
    ) -> statistics_pb2.GetCoverageResponse:
        """Says what nobody can make."""
        await self._acting.reader(request.guild_id)
        gaps, items = await self._statistics.coverage(
            request.guild_id, request.profession, await self._professions.of(request.guild_id)
        )
        return statistics_pb2.GetCoverageResponse(
            gaps=[
                statistics_pb2.Gap(
                    profession=gap.profession,
                    item=gap.item,
                    level=gap.level,
                    speciality=gap.speciality,
                    best_level=gap.best_level,
                    open_requests=gap.open_requests,
                )
                for gap in gaps
            ],
            items=items,
        )


@finishing
@checked
class HistoryServicer(history_pb2_grpc.HistoryServiceServicer):
    """guildhall.board.v1.HistoryService."""

    def __init__(self, audit: Audit, files: Files, acting: Acting) -> None:
        self._audit = audit
        self._files = files
        self._acting = acting

    async def ListHistory(
        self, request: history_pb2.ListHistoryRequest, context: Context
    ) -> history_pb2.ListHistoryResponse:
        """Lists changes, the latest first."""
        actor = await self._acting.reader(request.guild_id)
        rows, token = await self._audit.page(
            request.guild_id,
            actor,
            request_id=request.request_id,
            actor_id=request.actor_id,
            size=request.page_size,
            token=request.page_token,
        )
        return history_pb2.ListHistoryResponse(
            entries=[
                history_pb2.HistoryEntry(
                    sequence=row["sequence"],
                    subject=row["subject"],
                    subject_id=row["subject_id"],
                    action=row["action"],
                    actor_id=row["actor_id"],
                    actor_name=row["actor_name"],
                    as_officer=row["actor_kind"] == "officer",
                    event_time=convert.timestamp(row["at"]),
                    before_json=row["before"],
                    after_json=row["after"],
                    detail=row["detail"],
                    number=row["number"] or 0,
                    part=row["part"] or 0,
                    item=row["item"] or "",
                )
                for row in rows
            ],
            next_page_token=token,
        )

    async def Export(
        self, request: history_pb2.ExportRequest, context: Context
    ) -> AsyncIterator[history_pb2.ExportResponse]:
        """Gives a file in pieces."""
        actor = await self._acting.person(request.guild_id)
        buffer = bytearray()
        async for text in self._files.export(
            request.guild_id,
            actor,
            requests=request.content != history_pb2.FILE_CONTENT_CHARACTERS,
            as_csv=request.format == history_pb2.FILE_FORMAT_CSV,
        ):
            buffer += text.encode()
            while len(buffer) >= _PIECE:
                yield history_pb2.ExportResponse(piece=bytes(buffer[:_PIECE]))
                del buffer[:_PIECE]
        yield history_pb2.ExportResponse(piece=bytes(buffer))

    async def Import(
        self, request_iterator: AsyncIterator[history_pb2.ImportRequest], context: Context
    ) -> history_pb2.ImportResponse:
        """Takes a file in pieces."""
        header: history_pb2.ImportHeader | None = None
        data = bytearray()
        async for message in request_iterator:
            if message.HasField("header"):
                if header is not None or data:
                    raise InvalidArgument("one header, at the beginning", reason="IMPORT_INVALID")
                header = message.header
            data += message.piece
            if len(data) > _LARGEST_FILE:
                raise InvalidArgument(
                    "the file is too large", reason="IMPORT_INVALID", fields={"file": "at most 16 MiB"}
                )
        if header is None:
            raise InvalidArgument("a header comes first", reason="IMPORT_INVALID")
        actor = await self._acting.person(header.guild_id)
        taken = await self._files.take(
            header.guild_id,
            actor,
            bytes(data),
            requests=header.content != history_pb2.FILE_CONTENT_CHARACTERS,
            as_csv=header.format == history_pb2.FILE_FORMAT_CSV,
            key=header.idempotency_key,
            preview=header.preview,
            expected=header.expected_digest,
        )
        return history_pb2.ImportResponse(
            created=taken.created,
            duplicate=taken.duplicate,
            digest=taken.digest,
            counts=[
                request_pb2.StateCount(profession=profession, state=convert.STATES[state], count=count)
                for (profession, state), count in sorted(taken.counts.items())
            ],
        )


class EventServicer(event_pb2_grpc.EventServiceServicer):
    """guildhall.board.v1.EventService."""

    def __init__(self, watches: Watches) -> None:
        self._watches = watches

    async def WatchEvents(
        self, request: event_pb2.WatchEventsRequest, context: Context
    ) -> AsyncIterator[event_pb2.WatchEventsResponse]:
        """Streams what happens."""
        check(request)
        cursors = {cursor.guild_id: cursor.sequence for cursor in request.cursors}
        async for event in self._watches.follow(cursors, request.all_guilds):
            yield event_pb2.WatchEventsResponse(event=_event_message(event))


def _event_message(event: Event) -> event_pb2.BoardEvent:
    message = event_pb2.BoardEvent(
        guild_id=event.guild_id,
        sequence=event.sequence,
        event_time=convert.timestamp(event.at),
        actor_id=event.actor_id,
        actor_name=event.actor_name,
        as_officer=event.as_officer,
        detail=event.detail,
    )
    request = event.request
    if event.action is None or request is None:
        return message
    message.action = convert.ACTIONS[event.action]
    message.request.CopyFrom(convert.request_message(request))
    if event.before:
        # What did not change is not among what was before.
        state = event.before.get("state", request.state.value)
        message.previous_state = convert.STATES[State(state)]
        now = None if request.claim is None else request.claim.crafter_id
        message.previous_crafter_id = event.before.get("crafter_id", now) or 0
    else:
        message.previous_state = request_pb2.REQUEST_STATE_UNSPECIFIED
    concerned: dict[int, event_pb2.Concern.ValueType] = {}
    for user_id in event.subscribers:
        concerned[user_id] = event_pb2.CONCERN_SUBSCRIBER
    for user_id in (message.previous_crafter_id, message.request.claim.crafter_id):
        concerned[user_id] = event_pb2.CONCERN_CRAFTER
    concerned[request.requester_id] = event_pb2.CONCERN_REQUESTER
    for user_id, concern in sorted(concerned.items()):
        if user_id not in (0, event.actor_id):
            message.audience.add(user_id=user_id, concern=concern)
    return message
