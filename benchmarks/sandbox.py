"""How much the sandbox bears: REST calls a second with live checks, event deliveries a second, memory, and the page.

The server is a process of its own. Rate limits are off (a bot may do 50 calls a second), checks against Discord's
description are on. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import importlib.util
import json
import os
import secrets
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import psutil

from sandbox.discord.events import ALL_INTENTS
from sandbox.discord.seed import BOT_ID, GUILD_ID
from sandbox.discord.tokens import new_bot_token

WORKERS = 16
CLIENTS = 10
EVENTS = 500
MESSAGES = 100_000
_CONTENT = "A message of ordinary length, as people write them in a channel every day. "


@dataclass(frozen=True)
class Server:
    """A sandbox in a process of its own."""

    url: str
    bot_token: str
    control_token: str
    process: psutil.Process

    @property
    def api(self) -> str:
        """The base address of REST."""
        return f"{self.url}/api/v10"


@asynccontextmanager
async def server(*options: str) -> AsyncIterator[Server]:
    """Starts one on a free port."""
    bot_token, control_token = new_bot_token(BOT_ID), secrets.token_urlsafe()
    environment = {**os.environ, "SANDBOX_BOT_TOKEN": bot_token, "SANDBOX_CONTROL_TOKEN": control_token}
    with tempfile.TemporaryDirectory() as folder:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "sandbox", "--port", "0", "--state-dir", folder, "--no-rate-limits", *options),
            stdout=asyncio.subprocess.PIPE,
            cwd=Path(__file__).parents[1],
            env=environment,
        )
        output = process.stdout
        if output is None:
            raise RuntimeError("no output")
        first = (await output.readline()).decode()
        url = next(word for word in first.split() if word.startswith("http"))
        try:
            yield Server(url, bot_token, control_token, psutil.Process(process.pid))
        finally:
            process.terminate()
            await process.communicate()


async def _many(count: int, workers: int, work: Callable[[int], Awaitable[None]]) -> float:
    """Does `work` for 0 … count-1 with some workers at once; the seconds it took."""
    numbers = iter(range(count))

    async def worker() -> None:
        for number in numbers:
            await work(number)

    started = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(workers)))
    return time.perf_counter() - started


async def _call(http: aiohttp.ClientSession, method: str, url: str, body: Any = None) -> Any:
    async with http.request(method, url, json=body) as response:
        text = await response.read()
        if response.status >= 300:
            raise RuntimeError(f"{method} {url}: {response.status} {text!r}")
        return json.loads(text) if text else None


async def _channels(http: aiohttp.ClientSession, at: Server, count: int) -> list[str]:
    made = [
        await _call(http, "POST", f"{at.api}/guilds/{GUILD_ID}/channels", {"name": f"bench-{number}"})
        for number in range(count)
    ]
    return [channel["id"] for channel in made]


async def rest(at: Server, calls: int) -> float:
    """REST calls a second: sends, edits and reads in turn, in several channels."""
    async with aiohttp.ClientSession(headers={"Authorization": f"Bot {at.bot_token}"}) as http:
        channels = await _channels(http, at, 8)
        latest: dict[str, str] = {}

        async def one(number: int) -> None:
            channel = channels[number % len(channels)]
            base = f"{at.api}/channels/{channel}/messages"
            kind = number // len(channels) % 4
            if kind in (0, 2) or channel not in latest:
                latest[channel] = (await _call(http, "POST", base, {"content": f"{_CONTENT}{number}"}))["id"]
            elif kind == 1:
                await _call(http, "PATCH", f"{base}/{latest[channel]}", {"content": f"{_CONTENT}{number} edited"})
            else:
                await _call(http, "GET", f"{base}/{latest[channel]}")

        await _many(calls // 10, WORKERS, one)
        seconds = await _many(calls, WORKERS, one)
    return calls / seconds


async def deliveries(at: Server) -> float:
    """Deliveries a second: EVENTS messages to CLIENTS sessions, from the first send to the last arrival."""
    async with aiohttp.ClientSession(headers={"Authorization": f"Bot {at.bot_token}"}) as http:
        channel = (await _channels(http, at, 1))[0]
        sessions = [await _session(http, at) for _ in range(CLIENTS)]

        async def receive(socket: aiohttp.ClientWebSocketResponse) -> float:
            got = 0
            while got < EVENTS:
                got += '"MESSAGE_CREATE"' in (await socket.receive_str())[:40]
            return time.perf_counter()

        readers = [asyncio.create_task(receive(socket)) for socket in sessions]

        async def one(number: int) -> None:
            await _call(http, "POST", f"{at.api}/channels/{channel}/messages", {"content": f"{_CONTENT}{number}"})

        started = time.perf_counter()
        await _many(EVENTS, WORKERS, one)
        finished = max(await asyncio.gather(*readers))
        for socket in sessions:
            await socket.close()
    return EVENTS * CLIENTS / (finished - started)


async def _session(http: aiohttp.ClientSession, at: Server) -> aiohttp.ClientWebSocketResponse:
    socket = await http.ws_connect(at.url.replace("http", "ws", 1) + "/?v=10&encoding=json")
    await socket.receive_str()
    identify = {"token": at.bot_token, "intents": ALL_INTENTS, "properties": {}}
    await socket.send_json({"op": 2, "d": identify})
    while '"READY"' not in (await socket.receive_str())[:40]:
        pass
    return socket


async def memory(at: Server, count: int) -> float:
    """Resident megabytes with that many messages."""
    async with aiohttp.ClientSession(headers={"Authorization": f"Bot {at.bot_token}"}) as http:
        channels = await _channels(http, at, 20)

        async def one(number: int) -> None:
            url = f"{at.api}/channels/{channels[number % len(channels)]}/messages"
            await _call(http, "POST", url, {"content": f"{_CONTENT}{number}"})

        await _many(count, WORKERS, one)
    return float(at.process.memory_info().rss) / 1e6


async def page() -> dict[str, Any]:
    """The page's two figures; null where its part of the benchmark or a browser is missing."""
    if importlib.util.find_spec("benchmarks.sandbox_page") is None:
        print("The page is not measured: there is no benchmarks/sandbox_page.py")
        return {"page_interactive_ms": None, "paint_p95_ms": None}
    async with server() as at:
        found: dict[str, Any] = await importlib.import_module("benchmarks.sandbox_page").measure(
            at.url, at.control_token
        )
    return found


async def main() -> None:
    """Measures everything; prints figures as they come."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=10_000, help="REST calls to measure with")
    parser.add_argument("--messages", type=int, default=MESSAGES, help="messages in memory")
    parser.add_argument("--without-page", action="store_true")
    given = parser.parse_args()
    results: dict[str, Any] = {}
    async with server("--no-identify-limit") as at:
        results["rest_rps"] = round(await rest(at, given.calls), 1)
        print(f"REST with live checks: {results['rest_rps']} calls a second")
        results["deliveries_rps"] = round(await deliveries(at), 1)
        print(f"Gateway: {results['deliveries_rps']} deliveries a second")
    async with server() as at:
        results["rss_mb"] = round(await memory(at, given.messages), 1)
        print(f"Memory with {given.messages} messages: {results['rss_mb']} MB resident")
    results.update({"page_interactive_ms": None, "paint_p95_ms": None} if given.without_page else await page())
    print(json.dumps(results))


if __name__ == "__main__":
    asyncio.run(main())
