"""One shard's life: connect, RESUME where that is possible, else IDENTIFY, and again whenever the connection ends.

Discord's rules, which this follows (https://discord.com/developers/docs/events/gateway#connections):
- closing with 1000 or 1001 ends the session, so we close with 4000 and find it again;
- a session is resumed at the address that came with it; where that one is gone, the general one knows the session too;
- Invalid Session that can't be resumed is followed by a pause of one to five seconds, then IDENTIFY;
- 4004 and 4010 to 4014 after an IDENTIFY are mistakes that no new try can cure.
"""

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import disnake
import structlog
from disnake.gateway import DiscordWebSocket, ReconnectWebSocket

from services.gateway.client import Client, Misconfigured, Recommended, open_socket
from services.gateway.journal import Journal, Session
from services.gateway.permits import INVALID_SESSION, LOST, READY, Permits

_log = structlog.get_logger(__name__)

RESUMABLE_CLOSE, FINAL_CLOSE = 4000, 1000
_DISALLOWED_INTENTS = 4014
_FATAL = {
    4004: "Discord does not accept DISCORD_TOKEN: copy the bot's token from the developer portal (Bot, Reset Token).",
    4010: "Discord does not know this shard: check gateway.shards against the number of shards of the bot.",
    4011: "The bot is in too many servers for this many shards: raise gateway.shards.count.",
    4012: "Discord does not speak this version of its gateway any more: update Guildhall.",
    4013: "Discord does not know an intent that was asked for: check gateway.intents.",
    4014: (
        "Discord does not allow this bot a privileged intent that gateway.intents asks for: turn it on in the "
        "developer portal (Bot, Privileged Gateway Intents), or set it to off."
    ),
}
_CONNECT_TIMEOUT, _HANG_UP_TIMEOUT, FAREWELL_TIMEOUT = 30.0, 1.0, 5.0
_FIRST_RETRY, _LONGEST_RETRY = 0.5, 30.0
_TRIES_WHERE_IT_WAS = 2
"""How often the address that came with a session is tried in a row before the general one."""

Deliver = Callable[["Shard", str, Any, int], None]


class Shard:
    """Keeps one shard connected until it is closed or Discord refuses for good."""

    def __init__(
        self,
        shard_id: int,
        shard_count: int,
        *,
        client: Client,
        journal: Journal,
        permits: Permits,
        where: Callable[[], Awaitable[Recommended]],
        deliver: Deliver,
        rng: random.Random,
        without_privileged: Callable[[], tuple[str, ...]] = tuple,
    ) -> None:
        """`without_privileged` takes off the intents that Discord does not allow any more and says what to do about
        each; where it takes none off, their refusal is final.
        """
        self._without_privileged = without_privileged
        self.shard_id = shard_id
        self.shard_count = shard_count
        self.journal = journal
        self.ready = asyncio.Event()
        self.replaying = False
        """Whether Discord is repeating what happened while we were away."""
        self._client = client
        self._permits = permits
        self._where = where
        self._deliver_to = deliver
        self._rng = rng
        self._socket: DiscordWebSocket | None = None
        self._permit = ""
        self._closing, self._close_code = False, RESUMABLE_CLOSE
        self._attempts = 0
        self._reports: set[asyncio.Task[None]] = set()
        self._may_identify = asyncio.Event()
        self._may_identify.set()
        self._acquiring: asyncio.Task[str] | None = None
        self._untold: set[int] = set()

    @property
    def connected(self) -> bool:
        """Whether a session is established."""
        return self.ready.is_set()

    def is_told_of(self, guild_id: int) -> bool:
        """Whether a guild is this shard's. https://discord.com/developers/docs/events/gateway#sharding-sharding-formula"""
        return (guild_id >> 22) % self.shard_count == self.shard_id

    @property
    def whole(self) -> bool:
        """Whether it is told everything of its guilds: each of them was seen since the session began."""
        return self.connected and not self._untold

    @property
    def latency(self) -> float:
        """Seconds between a heartbeat and its acknowledgement; infinite where there was none."""
        return float("inf") if self._socket is None else self._socket.latency

    async def run(self) -> None:
        """Runs until `close`. Raises Misconfigured where trying again is of no use."""
        while not self._closing:
            try:
                pause = await self._one_connection()
                await self._hang_up()
            finally:
                self.ready.clear()
            if self._permit:
                await self._permits.report(self._permit, LOST)
                self._permit = ""
            if not self._closing:
                await asyncio.sleep(pause)

    async def close(self, *, for_good: bool = False) -> None:
        """Ends the connection so that the session can be resumed by whoever comes next, or by nobody."""
        self._closing = True
        self._may_identify.set()
        if self._acquiring is not None:
            self._acquiring.cancel()
        if for_good:
            self._close_code = FINAL_CLOSE
        if self._socket is not None:
            await self._socket.close(code=self._close_code)

    def only_resume(self, only: bool = True) -> None:
        """Whether it goes on for as long as its session does and begins none of its own: others take its place."""
        if only:
            self._may_identify.clear()
        else:
            self._may_identify.set()

    async def change_presence(self, text: str) -> None:
        """Changes what stands under the bot's name in this shard's guilds."""
        if self._socket is None or not self.connected:
            return
        try:
            await self._socket.change_presence(activity=disnake.CustomActivity(text) if text else None)
        except (disnake.DiscordException, OSError, aiohttp.ClientError) as error:
            _log.info("presence not changed", shard=self.shard_id, error=repr(error))

    async def request_members(self, guild_id: int, nonce: str) -> bool:
        """Asks for all members of a guild, which come as events; False where the shard is not connected."""
        if self._socket is None or not self.connected:
            return False
        try:
            await self._socket.request_chunks(guild_id, "", limit=0, nonce=nonce)
        except (disnake.DiscordException, OSError, aiohttp.ClientError) as error:
            _log.info("members not asked for", shard=self.shard_id, error=repr(error))
            return False
        return True

    async def _one_connection(self) -> float:
        """Lives one connection; gives the seconds to wait before the next."""
        session = self._resumable()
        try:
            if session is None and not await self._permitted():
                return 0.0
            await self._listen(session)
        except ReconnectWebSocket as reconnect:
            if reconnect.resume:
                _log.info("gateway asks to reconnect", shard=self.shard_id)
                return self._backoff() if not self.connected else 0.0
            _log.info("session is over", shard=self.shard_id)
            if self._permit:
                await self._permits.report(self._permit, INVALID_SESSION)
                self._permit = ""
            self._forget()
            return self._rng.uniform(1.0, 5.0)
        except disnake.ConnectionClosed as closed:
            if closed.code == _DISALLOWED_INTENTS and not self._closing and (missing := self._without_privileged()):
                for remedy in missing:
                    _log.critical(f"{remedy} Until then the bot goes on without it.", shard=self.shard_id)
                await self._hang_up()
                self._forget()
                return self._backoff()
            # A session that was saved may be another Discord's, or of a token that was reset: IDENTIFY tells.
            if closed.code in _FATAL and session is None and not self._closing:
                raise Misconfigured(_FATAL[closed.code], f"GATEWAY_CLOSED_{closed.code}") from closed
            if not self._closing:
                _log.warning("gateway closed the connection", shard=self.shard_id, code=closed.code)
                await self._hang_up()
                self._forget()
            return self._backoff()
        except (TimeoutError, OSError, aiohttp.ClientError, disnake.GatewayNotFound, disnake.HTTPException) as error:
            if not self._closing:
                _log.warning("gateway not reached", shard=self.shard_id, error=repr(error))
            return self._backoff()
        else:
            return 0.0

    async def _listen(self, session: Session | None) -> None:
        """Connects and takes what comes. Returns where it was closed, else raises why it ended."""
        if session is not None and self._attempts < _TRIES_WHERE_IT_WAS:
            url = session.resume_url
        else:
            url = (await self._where()).url
        async with asyncio.timeout(_CONNECT_TIMEOUT):
            self._socket = await open_socket(
                self._client, (self.shard_id, self.shard_count), url, session, self._deliver
            )
        self.replaying = session is not None
        while not self._closing:
            await self._socket.poll_event()

    async def _permitted(self) -> bool:
        """Waits for the right to begin a session; False where that is not wanted any more."""
        await self._may_identify.wait()
        if not self._closing:
            acquiring = self._acquiring = asyncio.create_task(self._permits.acquire(self.shard_id))
            try:
                await asyncio.wait([acquiring])
            finally:
                acquiring.cancel()
            if not acquiring.cancelled():
                self._permit = acquiring.result()
        return not self._closing and self._may_identify.is_set()

    async def _hang_up(self) -> None:
        """Ends the connection on both sides, so that none is left half open.

        A connection that is dropped before the other side has answered our close may take the close with it, and a
        session that was to end for good goes on.
        """
        timeout = FAREWELL_TIMEOUT if self._close_code == FINAL_CLOSE else _HANG_UP_TIMEOUT
        if self._socket is not None and not self._socket.socket.closed:
            with contextlib.suppress(TimeoutError, OSError, aiohttp.ClientError):
                async with asyncio.timeout(timeout):
                    await self._socket.close(code=self._close_code)

    def _resumable(self) -> Session | None:
        saved = self.journal.session
        socket = self._socket
        if saved is None:
            return None
        if socket is not None and socket.session_id == saved.session_id and socket.sequence is not None:
            # This process still holds everything it received, handed over or not: nothing needs to be repeated.
            return Session(saved.session_id, saved.resume_url, socket.sequence)
        return saved

    def _forget(self) -> None:
        self.journal.ended()
        self._socket = None

    def _deliver(self, event: str, data: Any, sequence: int) -> None:
        if event == "READY":
            self._untold = {int(guild["id"]) for guild in data.get("guilds") or ()}
            self._started(data, sequence)
        elif event == "RESUMED":
            self._established()
        elif event in ("GUILD_CREATE", "GUILD_DELETE") and self._untold:
            self._untold.discard(int(data["id"]))
        self._deliver_to(self, event, data, sequence)

    def _started(self, data: Any, sequence: int) -> None:
        self.journal.started(Session(data["session_id"], data["resume_gateway_url"], sequence - 1))
        self._established()
        if self._permit:
            permit, self._permit = self._permit, ""
            report = asyncio.get_running_loop().create_task(self._permits.report(permit, READY))
            self._reports.add(report)
            report.add_done_callback(self._reports.discard)

    def _established(self) -> None:
        self._attempts = 0
        self.replaying = False
        self.ready.set()
        _log.info("shard connected", shard=self.shard_id)

    def _backoff(self) -> float:
        """Full jitter: a gateway that comes back is not met by everyone at once."""
        self._attempts += 1
        return self._rng.uniform(0, min(_LONGEST_RETRY, _FIRST_RETRY * 2 ** min(self._attempts, 10)))
