"""What follows when a member leaves a guild: the board is told, so that what they held is free again.

Departures are durable jobs, deduplicated by the batch that told of them. One that was only found out (somebody stood in
the copy before and does not stand in the one that was filled anew) is confirmed by Discord first.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

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
_AT_ONCE = 500
_JOURNALLED = 50
_DONE = "done"


class Departure(BaseModel):
    """The payload."""

    model_config = ConfigDict(frozen=True)

    guild_id: int
    user_ids: tuple[int, ...]
    confirm: bool
    """Whether Discord is asked first."""


class Departures:
    """Submits departures."""

    def __init__(self, jobs: JobStore, clock: Clock) -> None:
        self._jobs = jobs
        self._clock = clock

    async def submit(self, guild_id: int, user_ids: Sequence[int], *, once: str, confirm: bool) -> None:
        """These left; `once` names what told of it."""
        for at in range(0, len(user_ids), _AT_ONCE):
            now = self._clock.now()
            order = Departure(guild_id=guild_id, user_ids=tuple(user_ids[at : at + _AT_ONCE]), confirm=confirm)
            carrier: dict[str, str] = {}
            with producer_span(f"executor.{KIND}", carrier):
                payload = order.model_dump_json().encode()
                job = Job(new_id(now), KIND, f"departure/{guild_id}", payload, now, trace=carrier)
                await self._jobs.submit(job, event_id=event_number(f"departure/{once}/{guild_id}/{at}"))


class DepartureJobs:
    """Runs departures. Is a `JobKind`."""

    name = KIND

    def __init__(self, reader: MirrorReader, fetching: Fetching, board: grpc.aio.Channel) -> None:
        self._reader = reader
        self._fetching = fetching
        self._members = member_pb2_grpc.MemberServiceStub(board)

    async def run(self, job: Job, journal: Journal) -> None:
        """Has the board forget members, except who is back."""
        order = Departure.model_validate_json(job.payload)
        done = int((await journal.read()).get(_DONE, b"0"))
        for at in range(done, len(order.user_ids)):
            await self._one(order, order.user_ids[at])
            if (at + 1) % _JOURNALLED == 0:
                await journal.write({_DONE: str(at + 1)})

    async def _one(self, order: Departure, user_id: int) -> None:
        if await self._reader.members(order.guild_id, [user_id]):
            return
        if order.confirm and await self._fetching.member(order.guild_id, user_id) is not None:
            return
        request = member_pb2.ForgetMemberRequest(guild_id=order.guild_id, user_id=user_id)
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


def event_number(name: str) -> int:
    """What a submission is deduplicated by: the same for the same name, always."""
    return int.from_bytes(hashlib.blake2b(f"mirror/{name}".encode(), digest_size=8).digest())
