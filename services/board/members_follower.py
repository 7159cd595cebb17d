"""Keeps the board's copy of members: filled at the start or when somebody asks, then told of every change by executor.

Nothing waits for it. When executor is away the copy counts as uncertain until the watch goes on; a watch that cannot go
on where it was reads again what is kept.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable

import grpc
import structlog
from guildhall.executor.v1 import mirror_pb2, mirror_pb2_grpc

from chassis.caller import acting_for
from chassis.errors import GuildhallError, NotFound, from_rpc_error
from chassis.settings import Live
from services.board.members import Members, Roles
from services.board.settings import BoardSettings

_log = structlog.stdlib.get_logger(__name__)
_WATCH_SECONDS = 310.0
_CALL_SECONDS = 15.0
_CONFIRM_SECONDS = 1.0
_MAX_PAUSE = 5.0
_PAGE = 5_000


class MembersFollower:
    """Fills the copy and keeps it."""

    def __init__(
        self,
        channel: grpc.aio.Channel,
        members: Members,
        settings: Live[BoardSettings],
        guilds: Callable[[], Awaitable[Iterable[int]]],
    ) -> None:
        self._stub = mirror_pb2_grpc.MirrorServiceStub(channel)
        self._members = members
        self._settings = settings
        self._guilds = guilds
        self._revision = ""
        self._wanted: dict[int, None] = {}
        self._changed = asyncio.Event()

    async def left(self, guild_id: int, user_id: int) -> bool:
        """Whether somebody certainly is no member. What the copy does not know is asked for; doubt is no."""
        known = self._members.is_member(guild_id, user_id)
        if known is None and guild_id not in self._members.guilds:
            self._want([guild_id])
        if known is not False:
            return False
        request = mirror_pb2.GetMemberRequest(guild_id=guild_id, user_id=user_id, ask_discord=True)
        try:
            with acting_for(None):
                await self._stub.GetMember(request, timeout=_CONFIRM_SECONDS)
        except grpc.aio.AioRpcError as error:
            failure = from_rpc_error(error)
            return isinstance(failure, NotFound) and failure.metadata.get("certain") == "true"
        return False

    async def follow(self) -> None:
        """Watches, and watches again; runs for as long as the process does."""
        pause = 0.1
        while True:
            if self._settings.current.members.fill == "off":
                await asyncio.sleep(_MAX_PAUSE)
                continue
            try:
                with acting_for(None):
                    await self._watch()
                pause = 0.1
            except (grpc.aio.AioRpcError, GuildhallError) as error:
                self._members.up_to_date(False)
                _log.info("members.not_told", error=type(error).__name__)
                await asyncio.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311  (spreads load, hides nothing)
                pause = min(pause * 2, _MAX_PAUSE)

    async def load(self) -> None:
        """Reads the guilds that are wanted, one after another; runs for as long as the process does."""
        while True:
            if not self._wanted:
                await self._wait()
            try:
                if self._wanted:
                    guild_id = next(iter(self._wanted))
                    del self._wanted[guild_id]
                    await self._load(guild_id)
                else:
                    await self._look_again()
            except (grpc.aio.AioRpcError, GuildhallError) as error:
                failure = error if isinstance(error, GuildhallError) else from_rpc_error(error)
                _log.info("members.not_read", reason=failure.reason)
                await asyncio.sleep(_MAX_PAUSE * random.uniform(0.5, 1.0))  # noqa: S311  (as above)

    async def _wait(self) -> None:
        self._changed.clear()
        try:
            async with asyncio.timeout(self._settings.current.members.look_again):
                await self._changed.wait()
        except TimeoutError:
            return

    async def _look_again(self) -> None:
        """Guilds that got a board meanwhile; and copies that were uncertain only because gateway was silent: changes
        were told all along, so they are whole once it speaks."""
        if self._settings.current.members.fill == "start":
            missing = sorted(set(await self._guilds()) - set(self._members.guilds))
            self._want(missing[: self._members.room])
        for guild_id in self._members.doubtful:
            with acting_for(None):
                page = await self._stub.ListMembers(
                    mirror_pb2.ListMembersRequest(guild_id=guild_id, page_size=1), timeout=_CALL_SECONDS
                )
            if page.certainty.members:
                self._members.confirm(guild_id, page.certainty.generation)

    async def _watch(self) -> None:
        request = mirror_pb2.WatchMembersRequest(revision=self._revision)
        async for event in self._stub.WatchMembers(request, timeout=_WATCH_SECONDS):
            match event.WhichOneof("event"):
                case "reset":
                    self._members.up_to_date(False)
                    known = set(self._members.guilds)
                    if self._settings.current.members.fill == "start":
                        known.update(sorted(set(await self._guilds()) - known)[: self._members.room])
                    self._want(sorted(known))
                case "changed":
                    changed = event.changed
                    members = {member.user_id: tuple(member.role_ids) for member in changed.members}
                    self._members.changed(changed.guild_id, members, changed.removed_user_ids)
                case "refilled":
                    await self._refilled(event.refilled.guild_id, event.refilled.generation)
                case "current":
                    self._revision = event.revision
                    self._members.up_to_date(True)

    async def _refilled(self, guild_id: int, generation: int) -> None:
        if not generation:
            self._members.forget(guild_id)
        elif guild_id in self._members.guilds or (
            self._settings.current.members.fill == "start" and guild_id in set(await self._guilds())
        ):
            self._want([guild_id])

    async def _load(self, guild_id: int) -> None:
        loading = self._members.begin(guild_id)
        token = ""
        try:
            while True:
                request = mirror_pb2.ListMembersRequest(guild_id=guild_id, page_size=_PAGE, page_token=token)
                with acting_for(None):
                    page = await self._stub.ListMembers(request, timeout=_CALL_SECONDS)
                loading.add(_roles(page.members))
                token = page.next_page_token
                if not token:
                    break
        except BaseException:
            self._members.give_up(guild_id, loading)
            self._want([guild_id])
            raise
        self._members.finish(
            guild_id, loading, generation=page.certainty.generation, whole=page.certainty.members
        )  # fmt: skip

    def _want(self, guild_ids: Iterable[int]) -> None:
        self._wanted.update(dict.fromkeys(guild_ids))
        self._changed.set()


def _roles(members: Iterable[mirror_pb2.Member]) -> dict[int, Roles]:
    return {member.user_id: tuple(member.role_ids) for member in members}
