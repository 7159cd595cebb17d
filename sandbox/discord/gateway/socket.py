"""One WebSocket of a bot: the protocol from HELLO to the close code.

Opcodes and close codes: https://discord.com/developers/docs/topics/opcodes-and-status-codes#gateway
"""

import asyncio
from collections import deque
from typing import Any, TypeGuard

from aiohttp import WSMsgType, web

from sandbox.discord.events import ALL_INTENTS, UNDOCUMENTED_INTENTS
from sandbox.discord.gateway.hub import Hub, dump
from sandbox.discord.gateway.session import Send, Session
from sandbox.discord.gateway.wire import Wire
from sandbox.discord.limits import GATEWAY

DISPATCH, HEARTBEAT, IDENTIFY, PRESENCE, VOICE_STATE, RESUME, RECONNECT = 0, 1, 2, 3, 4, 6, 7
REQUEST_MEMBERS, INVALID_SESSION, HELLO, HEARTBEAT_ACK, REQUEST_SOUNDS = 8, 9, 10, 11, 31
_ENDS_SESSION = (1000, 1001)


def _two_numbers(value: Any) -> TypeGuard[list[int]]:
    """Whether that is a list of two whole numbers; true and false are none."""
    return isinstance(value, list) and [type(number) for number in value] == [int, int]


class CloseSocket(Exception):
    """Ends the connection with a close code; `keeps` says whether the session may be resumed."""

    def __init__(self, code: int, reason: str, *, keeps: bool = False) -> None:
        self.code = code
        self.reason = reason
        self.keeps = keeps
        super().__init__(f"{code} {reason}")


class GatewaySocket:
    """Serves one connection."""

    def __init__(self, hub: Hub, *, heartbeat_ms: int) -> None:
        self._hub = hub
        self._clock = hub.world.clock
        self._heartbeat_ms = heartbeat_ms
        self._socket = web.WebSocketResponse(compress=False, autoping=True, max_msg_size=1 << 20)
        self._outgoing: asyncio.Queue[str | tuple[int, str]] = asyncio.Queue()
        self._wire = Wire()
        self._session: Session | None = None
        self._received: deque[float] = deque()
        self._heard_at = 0.0
        self._transport: asyncio.BaseTransport | None = None

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """From upgrade to close."""
        encoding, compression = request.query.get("encoding", "json"), request.query.get("compress", "")
        problem = Wire.problem(encoding, compression)
        if problem is not None:
            return web.Response(status=400, text=problem)
        self._wire = Wire(encoding, compression)
        await self._socket.prepare(request)
        self._transport = request.transport
        writer = asyncio.create_task(self._write())
        self._heard_at = self._clock.monotonic()
        close: tuple[int, str] = (1000, "")
        try:
            self._check_version(request)
            self._send(
                dump({"t": None, "s": None, "op": HELLO, "d": {"heartbeat_interval": self._heartbeat_ms, "_trace": []}})
            )
            await self._read()
            close = (self._socket.close_code or 1006, "")
        except CloseSocket as end:
            close = (end.code, end.reason)
            self._outgoing.put_nowait(close)
            if self._session is not None and not end.keeps:
                self._hub.sessions.pop(self._session.id, None)
        finally:
            self._disconnect(close[0])
            if close[1] == "":
                writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)
        return self._socket

    @staticmethod
    def _check_version(request: web.Request) -> None:
        if request.query.get("v", "10") not in ("9", "10"):
            raise CloseSocket(4012, "Invalid API version.")

    def _disconnect(self, code: int) -> None:
        session = self._session
        if session is None or session.send != self._send:
            return
        session.connected = False
        session.send = session.close = session.cut = None
        session.disconnected_at = self._clock.monotonic()
        if code in _ENDS_SESSION:
            self._hub.sessions.pop(session.id, None)

    # -- outgoing

    def _send(self, text: str) -> None:
        self._outgoing.put_nowait(text)

    def _later(self, seconds: float, send: Send, text: str) -> None:
        asyncio.get_running_loop().call_later(seconds, send, text)

    async def _write(self) -> None:
        try:
            while True:
                item = await self._outgoing.get()
                if isinstance(item, tuple):
                    await self._socket.close(code=item[0], message=item[1].encode())
                    return
                frame = self._wire.outgoing(item)
                if isinstance(frame, str):
                    await self._socket.send_str(frame)
                else:
                    await self._socket.send_bytes(frame)
        except (ConnectionError, RuntimeError):
            return

    def close(self, code: int, reason: str) -> None:
        """Ends the connection from the sandbox's side; the session may be resumed."""
        self._outgoing.put_nowait((code, reason))

    def cut(self) -> None:
        """Drops the TCP connection."""
        if isinstance(self._transport, asyncio.WriteTransport):
            self._transport.abort()

    # -- incoming

    async def _read(self) -> None:
        while True:
            patience = GATEWAY.hello_seconds if self._session is None else self._heartbeat_ms / 1000 * 1.5
            left = self._heard_at + patience - self._clock.monotonic()
            if left <= 0:
                raise CloseSocket(4003 if self._session is None else 4009, "Session timed out.")
            try:
                message = await self._socket.receive(timeout=left)
            except TimeoutError:
                continue
            if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                return
            self._receive(message.data)

    def _receive(self, raw: str | bytes) -> None:
        now = self._clock.monotonic()
        self._received.append(now)
        while now - self._received[0] > GATEWAY.sends_seconds:
            self._received.popleft()
        if len(self._received) > GATEWAY.sends:
            raise CloseSocket(4008, "You are being rate limited.", keeps=True)
        if len(raw) > GATEWAY.payload_bytes:
            raise CloseSocket(4002, "Error while decoding payload.", keeps=True)
        try:
            frame = self._wire.incoming(raw)
            op, data = frame["op"], frame.get("d")
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise CloseSocket(4002, "Error while decoding payload.", keeps=True) from error
        if op == HEARTBEAT:
            self._heartbeat(now)
        elif op == IDENTIFY:
            self._identify(data)
        elif op == RESUME:
            self._resume(data)
        elif self._session is None:
            raise CloseSocket(4003, "Not authenticated.")
        elif op == REQUEST_MEMBERS:
            self._members(self._session, data)
        elif op not in (PRESENCE, VOICE_STATE, REQUEST_SOUNDS):
            raise CloseSocket(4001, "Unknown opcode.", keeps=True)

    def _heartbeat(self, now: float) -> None:
        self._heard_at = now
        session = self._session
        if session is None:
            self._send(dump({"t": None, "s": None, "op": HEARTBEAT_ACK, "d": None}))
        elif now >= session.faults.unacknowledged_until:
            session.operate(HEARTBEAT_ACK, None, now)

    def _identify(self, data: Any) -> None:
        if self._session is not None and self._session.id in self._hub.sessions and not self._session.awaiting_resume:
            raise CloseSocket(4005, "Already authenticated.")
        if not isinstance(data, dict) or not isinstance(data.get("token"), str):
            raise CloseSocket(4002, "Error while decoding payload.")
        application = self._hub.world.application_by_token(data["token"].removeprefix("Bot "))
        if application is None:
            raise CloseSocket(4004, "Authentication failed.")
        shard = data.get("shard") or [0, 1]
        if not _two_numbers(shard) or not 0 <= shard[0] < shard[1]:
            raise CloseSocket(4010, "Invalid shard.")
        intents = data.get("intents")
        if type(intents) is not int or intents & ~(ALL_INTENTS | UNDOCUMENTED_INTENTS) or intents < 0:
            raise CloseSocket(4013, "Invalid intent(s).")
        if self._hub.disallowed(application, intents):
            raise CloseSocket(4014, "Disallowed intent(s).")
        guilds = sum(application.bot_id in g.members for g in self._hub.world.guilds.values())
        if guilds / shard[1] > GATEWAY.guilds_a_shard:
            raise CloseSocket(4011, "Sharding required.")
        starts = self._hub.world.session_starts
        if starts.left(application.bot_id)[0] <= 0:
            raise CloseSocket(4004, "Authentication failed.")
        if not starts.take(application.bot_id, shard[0]):
            self._send(dump({"t": None, "s": None, "op": INVALID_SESSION, "d": False}))
            return
        threshold = data.get("large_threshold")
        if type(threshold) is not int:
            threshold = GATEWAY.large_threshold
        session = self._hub.start(application, intents, (shard[0], shard[1]), threshold)
        self._attach(session)
        self._hub.greet(session, application)

    def _attach(self, session: Session) -> None:
        if session.close is not None and session.close != self.close:
            session.close(4000, "Opened elsewhere.")
        session.awaiting_resume = False
        session.send, session.close, session.cut, session.later = self._send, self.close, self.cut, self._later
        session.connected = True
        self._session = session

    def _resume(self, data: Any) -> None:
        if self._session is not None and self._session.id in self._hub.sessions and not self._session.awaiting_resume:
            raise CloseSocket(4005, "Already authenticated.")
        if not isinstance(data, dict):
            raise CloseSocket(4002, "Error while decoding payload.")
        token = str(data.get("token", "")).removeprefix("Bot ")
        if self._hub.world.application_by_token(token) is None:
            raise CloseSocket(4004, "Authentication failed.")
        session = self._hub.resume(str(data.get("session_id", "")), token)
        sequence = data.get("seq")
        if session is None or not isinstance(sequence, int) or not session.can_replay(sequence):
            if session is not None and isinstance(sequence, int) and sequence > session.sequence:
                raise CloseSocket(4007, "Invalid seq.")
            self._send(dump({"t": None, "s": None, "op": INVALID_SESSION, "d": False}))
            return
        missed = [frame for number, frame in session.replay if number > sequence]
        session.faults.silent_until = session.faults.unacknowledged_until = 0.0
        self._attach(session)
        for frame in missed:
            self._send(frame)
        self._hub.resumed += 1
        session.dispatch("RESUMED", dump({"_trace": ["guildhall-sandbox"]}), self._clock.monotonic())

    def _members(self, session: Session, data: Any) -> None:
        try:
            guild_ids = data["guild_id"] if isinstance(data["guild_id"], list) else [data["guild_id"]]
            chunks = [chunk for id_ in guild_ids for chunk in self._hub.members(session, {**data, "guild_id": id_})]
        except (KeyError, TypeError, ValueError) as error:
            raise CloseSocket(4002, "Error while decoding payload.", keeps=True) from error
        for chunk in chunks:
            session.dispatch("GUILD_MEMBERS_CHUNK", dump(chunk), self._clock.monotonic())
