"""A bot without a library: plain REST, and the gateway frame by frame."""

import json
import zlib
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import aiohttp
import zstandard

from sandbox.discord.events import ALL_INTENTS
from sandbox.discord.gateway import etf

JSON = dict[str, Any]


class Bot:
    """REST calls; `answer` is (status, body, headers)."""

    def __init__(self, api: str, token: str) -> None:
        self.api = api
        self.token = token

    async def __aenter__(self) -> Self:
        self.http = aiohttp.ClientSession(headers={"Authorization": f"Bot {self.token}"})
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.http.close()

    async def raw(self, method: str, path: str, body: Any = None, **more: Any) -> tuple[int, Any, dict[str, str]]:
        """One call, whatever comes back."""
        if body is not None:
            more["json"] = body
        async with self.http.request(method, self.api + path, **more) as response:
            text = await response.text()
            is_json = response.content_type == "application/json" and text
            return response.status, json.loads(text) if is_json else text or None, dict(response.headers)

    async def call(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        """One call that must succeed."""
        status, answer, _ = await self.raw(method, path, body, **more)
        assert status < 300, (status, answer)
        return answer

    async def refused(self, method: str, path: str, body: Any = None, **more: Any) -> tuple[int, int, JSON]:
        """One call that must be refused: status, code, body."""
        status, answer, _ = await self.raw(method, path, body, **more)
        assert status >= 400, (status, answer)
        return status, answer["code"], answer

    async def gateway(self, *, encoding: str = "json", compress: str = "") -> "Gateway":
        """An open WebSocket, HELLO read."""
        url = self.api.split("/api")[0].replace("http", "ws", 1) + f"/?v=10&encoding={encoding}"
        socket = await self.http.ws_connect(url + (f"&compress={compress}" if compress else ""))
        gateway = Gateway(socket, self.token, encoding=encoding, compress=compress)
        hello = await gateway.frame()
        assert hello["op"] == 10
        return gateway


class Gateway:
    """One gateway connection."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, token: str, *, encoding: str, compress: str) -> None:
        self.socket = socket
        self.token = token
        self._erlang = encoding == "etf"
        self._inflate: Callable[[bytes], bytes] | None = None
        if compress == "zlib-stream":
            self._inflate = zlib.decompressobj().decompress
        elif compress == "zstd-stream":
            self._inflate = zstandard.ZstdDecompressor().decompressobj().decompress
        self.sequence: int | None = None
        self.session_id = ""
        self.seen: list[JSON] = []

    async def send(self, op: int, data: Any) -> None:
        """Sends a frame."""
        frame = {"op": op, "d": data}
        if self._erlang:
            await self.socket.send_bytes(etf.pack(frame))
        else:
            await self.socket.send_json(frame)

    async def frame(self, timeout: float = 5.0) -> JSON:
        """The next frame; a closed socket is an error that names the code."""
        message = await self.socket.receive(timeout=timeout)
        if message.type not in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
            raise ConnectionError(self.socket.close_code)
        data = message.data if self._inflate is None else self._inflate(message.data)
        frame: JSON = etf.unpack(data) if self._erlang else json.loads(data)
        if frame.get("s") is not None:
            self.sequence = frame["s"]
            self.seen.append(frame)
        return frame

    async def event(self, name: str, **fields: Any) -> JSON:
        """The data of the next event of that name with those fields."""
        while True:
            frame = await self.frame()
            if frame["t"] == name and all(frame["d"].get(k) == v for k, v in fields.items()):
                data: JSON = frame["d"]
                return data

    async def identify(self, intents: int = ALL_INTENTS, **more: Any) -> JSON:
        """IDENTIFY; READY's data."""
        properties = {"os": "linux", "browser": "test", "device": "test"}
        await self.send(2, {"token": self.token, "intents": intents, "properties": properties, **more})
        ready = await self.event("READY")
        self.session_id = ready["session_id"]
        return ready

    async def closed(self) -> int:
        """The code that the server closes with."""
        while True:
            try:
                await self.frame()
            except ConnectionError as error:
                return int(str(error))
