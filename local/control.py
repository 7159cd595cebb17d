"""The line between `make stop|status|restart` and a running supervisor: a Unix socket, one JSON object each way."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

Answer = dict[str, Any]
Handler = Callable[[str, str], Awaitable[Answer]]


async def serve(socket: Path, handle: Handler) -> asyncio.Server:
    """Answer commands on the socket. `handle` gets the command and what it is for (a process's name, or nothing)."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = json.loads(await reader.readline())
            answer = await handle(request["command"], request.get("name", ""))
            writer.write(json.dumps(answer).encode() + b"\n")
            await writer.drain()
        except (json.JSONDecodeError, KeyError, ConnectionError):
            return  # whoever asked did not ask properly or has gone; there is nobody to tell
        finally:
            writer.close()

    socket.unlink(missing_ok=True)
    return await asyncio.start_unix_server(connected, path=str(socket))


async def ask(socket: Path, command: str, name: str = "") -> Answer | None:
    """Ask a running supervisor; None where none runs, an empty answer where it stops while it is asked."""
    try:
        reader, writer = await asyncio.open_unix_connection(str(socket))
    except (FileNotFoundError, NotADirectoryError, ConnectionRefusedError):
        return None
    try:
        writer.write(json.dumps({"command": command, "name": name}).encode() + b"\n")
        await writer.drain()
        line = await reader.readline()
    except ConnectionError:
        line = b""
    finally:
        writer.close()
    return json.loads(line) if line else {}


async def running(socket: Path) -> bool:
    """Whether a supervisor answers there."""
    return await ask(socket, "status") is not None
