"""What follows when a member leaves a guild: the board is told, so that what they held is free again.

A departure is a durable job, deduplicated by the batch that told of it. One that was only found out (somebody stood in
the copy before and does not stand in the one that was filled anew) is confirmed by Discord first.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import grpc
import structlog
from guildhall.board.v1 import member_pb2, member_pb2_grpc
from pydantic import BaseModel, ConfigDict

from chassis.caller import acting_for
from chassis.clock import Clock
from chassis.errors import from_rpc_error
from chassis.ids import new_id
from chassis.telemetry import producer_span
from services.executor.jobs.model import Job, Journal
from services.executor.jobs.redis_store import JobStore
from services.executor.mirror.fetching import Fetching
from services.executor.mirror.reading import MirrorReader

_log = structlog.get_logger(__name__)

KIND = "mirror.departure"
_SECONDS = 10.0


class Departure(BaseModel):
    """The payload."""

    model_config = ConfigDict(frozen=True)

    guild_id: int
    user_id: int
    confirm: bool
    """Whether Discord is asked first."""


class Departures:
    """Submits departures."""

    def __init__(self, jobs: JobStore, clock: Clock) -> None:
        self._jobs = jobs
        self._clock = clock

    async def submit(self, guild_id: int, user_ids: Iterable[int], *, once: str, confirm: bool) -> None:
        """These left; `once` names what told of it."""
        for user_id in user_ids:
            now = self._clock.now()
            order = Departure(guild_id=guild_id, user_id=user_id, confirm=confirm)
            carrier: dict[str, str] = {}
            with producer_span(f"executor.{KIND}", carrier):
                job = Job(
                    new_id(now), KIND, f"departure/{guild_id}", order.model_dump_json().encode(), now, trace=carrier
                )
                await self._jobs.submit(job, event_id=_number(f"{once}/{guild_id}/{user_id}"))


class DepartureJobs:
    """Runs departures. Is a `JobKind`."""

    name = KIND

    def __init__(self, reader: MirrorReader, fetching: Fetching, board: grpc.aio.Channel) -> None:
        self._reader = reader
        self._fetching = fetching
        self._members = member_pb2_grpc.MemberServiceStub(board)

    async def run(self, job: Job, journal: Journal) -> None:
        """Has the board forget one member, unless they are back."""
        order = Departure.model_validate_json(job.payload)
        if await self._reader.members(order.guild_id, [order.user_id]):
            return
        if order.confirm and await self._fetching.member(order.guild_id, order.user_id) is not None:
            return
        request = member_pb2.ForgetMemberRequest(guild_id=order.guild_id, user_id=order.user_id)
        with acting_for(None):
            try:
                answer = await self._members.ForgetMember(request, timeout=_SECONDS)
            except grpc.aio.AioRpcError as error:
                raise from_rpc_error(error) from error
        if answer.released or answer.cancelled:
            _log.info(
                "board.member_left", guild_id=order.guild_id, released=answer.released, cancelled=answer.cancelled
            )

    async def give_up(self, job: Job, journal: Journal, reason: str) -> None:
        """Their claims grow stale and are released in time; the log says that nobody did it at once."""
        _log.error("departure.given_up", job_id=job.job_id, reason=reason)


def _number(name: str) -> int:
    return int.from_bytes(hashlib.blake2b(f"departure/{name}".encode(), digest_size=8).digest())
