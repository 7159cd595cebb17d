"""Asks Discord for all members of guilds whose members executor wants whole, one guild after another.

A request is answered by chunks of up to 1,000 members
(https://discord.com/developers/docs/events/gateway-events#request-guild-members). It must not hold up anything: nobody
waits for it, and while what came is not told yet no more is asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import structlog
from guildhall.executor.v1 import mirror_pb2

from chassis.clock import Clock
from chassis.ids import new_id
from chassis.settings import Live
from services.gateway.settings import GatewaySettings

_log = structlog.get_logger(__name__)

_ATTEMPTS = 5
_LOOK = 0.05
RequestMembers = Callable[[int, str], Awaitable[bool]]


class MemberFill:
    """The requests of one shard."""

    def __init__(
        self, request: RequestMembers, settings: Live[GatewaySettings], clock: Clock, *, ready: Callable[[], bool]
    ) -> None:
        self._request = request
        self._settings = settings
        self._clock = clock
        self._ready = ready
        self._wanted: dict[int, int] = {}
        """Guilds with the attempts that were made."""
        self._guild_id = 0
        self._nonce = ""
        self._next_page = 0
        self._heard = 0.0
        self._not_before = 0.0
        self._changed = asyncio.Event()
        self._complete = asyncio.Event()

    def want(self, guild_ids: Iterable[int]) -> None:
        """These guilds' members are wanted."""
        for guild_id in guild_ids:
            if guild_id != self._guild_id:
                self._wanted.setdefault(guild_id, 0)
        self._changed.set()

    def forget(self) -> None:
        """The session is over, and with it every request."""
        self._wanted.clear()
        self._nonce = ""
        self._complete.set()

    def takes(self, guild_id: int, page: mirror_pb2.MemberPage) -> bool:
        """Whether a page is the next one that was asked for."""
        if not self._nonce or page.nonce != self._nonce or guild_id != self._guild_id:
            return False
        if page.index != self._next_page:
            # One was lost or comes twice; the copy would not be whole.
            _log.info("mirror.page_out_of_order", guild_id=guild_id, index=page.index)
            self._nonce = ""
            self._complete.set()
            return False
        self._next_page += 1
        self._heard = self._clock.monotonic()
        if self._next_page >= page.count:
            self._wanted.pop(guild_id, None)
            self._nonce = ""
            self._complete.set()
        return True

    def limited(self, data: Any) -> None:
        """Discord says that it was asked too often."""
        if data.get("opcode") == 8:
            self._not_before = self._clock.monotonic() + float(data.get("retry_after") or 1.0)
            self._nonce = ""
            self._complete.set()

    async def run(self) -> None:
        """Asks until cancelled."""
        while True:
            if not self._wanted:
                self._changed.clear()
                await self._changed.wait()
            await asyncio.sleep(
                max(self._settings.current.mirror.fill_pause, self._not_before - self._clock.monotonic())
            )
            if self._wanted and self._ready():
                await self._ask(next(iter(self._wanted)))

    async def _ask(self, guild_id: int) -> None:
        attempts = self._wanted.pop(guild_id)
        if attempts >= _ATTEMPTS:
            _log.warning("mirror.members_not_learned", guild_id=guild_id, attempts=attempts)
            return
        # At the end of the line, so that one guild that is not answered holds up no other.
        self._wanted[guild_id] = attempts + 1
        self._guild_id, self._nonce, self._next_page = guild_id, new_id(self._clock.now()), 0
        self._heard = self._clock.monotonic()
        self._complete.clear()
        if not await self._request(guild_id, self._nonce):
            self._wanted[guild_id] = attempts
            self._nonce, self._guild_id = "", 0
            return
        while not self._complete.is_set():
            if self._clock.monotonic() - self._heard > self._settings.current.mirror.fill_patience:
                break
            try:
                async with asyncio.timeout(_LOOK):
                    await self._complete.wait()
            except TimeoutError:
                continue
        self._nonce, self._guild_id = "", 0
