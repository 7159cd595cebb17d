"""A guild of 50,000 members for the board to copy, as executor's mirror would tell it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from guildhall.admin.v1 import admin_pb2, admin_pb2_grpc
from guildhall.executor.v1 import mirror_pb2, mirror_pb2_grpc

from benchmarks.board_data import GUILD
from chassis.caller import acting_for
from chassis.caller_keys import FolderKeyRing
from chassis.caller_signing import Verifier
from chassis.clock import SystemClock
from chassis.rpc.channel import Channel
from chassis.rpc.health import Health
from chassis.rpc.server import Server
from chassis.settings.shared import Rpc
from tests.support.waiting import eventually

COUNT = 50_000
_PAGE = 5_000


class Mirror(mirror_pb2_grpc.MirrorServiceServicer):
    """Tells of one guild that never changes."""

    async def ListMembers(
        self, request: mirror_pb2.ListMembersRequest, context: object
    ) -> mirror_pb2.ListMembersResponse:
        """A page."""
        first = int(request.page_token or 1)
        last = min(COUNT, first + _PAGE - 1) if request.guild_id == GUILD else 0
        return mirror_pb2.ListMembersResponse(
            members=[mirror_pb2.Member(user_id=user, role_ids=(user % 7 + 1, 100)) for user in range(first, last + 1)],
            next_page_token=str(last + 1) if 0 < last < COUNT else "",
            certainty=mirror_pb2.Certainty(guild=True, members=True, generation=1),
        )

    async def WatchMembers(
        self, request: mirror_pb2.WatchMembersRequest, context: object
    ) -> AsyncIterator[mirror_pb2.WatchMembersResponse]:
        """Nothing happens."""
        yield mirror_pb2.WatchMembersResponse(revision="b.0-0", reset=mirror_pb2.WatchReset())
        yield mirror_pb2.WatchMembersResponse(revision="b.0-0", current=mirror_pb2.WatchCurrent())
        await asyncio.Event().wait()


@asynccontextmanager
async def mirror(keys: Path) -> AsyncIterator[str]:
    """Serves the mirror as executor does; gives its address."""
    health = Health()
    server = Server(Rpc(), Verifier("executor", FolderKeyRing(keys), SystemClock(), 5.0), health)
    server.registrar.add(
        mirror_pb2_grpc.add_MirrorServiceServicer_to_server,
        Mirror(),  # type: ignore[abstract]  # the board calls no other method
        {"ListMembers": ("board",), "WatchMembers": ("board",)},
    )
    await server.start(0)
    health.started(tuple(server.registrar.services))
    await health.publish()
    try:
        yield f"127.0.0.1:{server.port}"
    finally:
        await server.stop(0)


async def copied(channel: Channel) -> None:
    """Waits until the board has its copy."""
    admin = admin_pb2_grpc.AdminServiceStub(channel)

    async def known() -> bool:
        with acting_for(None):
            answer: Any = await admin.GetStatus(admin_pb2.GetStatusRequest(), timeout=30)
        return bool(answer.facts["board"].fields["members_known"].number_value >= COUNT)

    await eventually(known, timeout=60, interval=0.2)
