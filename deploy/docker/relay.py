"""The sandbox in a container: started on loopback, as it insists, and reached through a relay.

The sandbox serves this machine alone, which in a container is the container. The relay hands connections on from the
container's own network, which Compose publishes on the host's loopback and nowhere else.
"""

import asyncio
import os
import signal
import sys
import urllib.request
from pathlib import Path

OUTSIDE_PORT = 8100
INSIDE_PORT = 8101
STATE = "/data"


async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Carries one connection."""
    try:
        to_reader, to_writer = await asyncio.open_connection("127.0.0.1", INSIDE_PORT)
    except OSError:
        writer.close()
        return
    await asyncio.gather(_copy(reader, to_writer), _copy(to_reader, writer))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass  # Either side may leave at any time; the other is told by the close below.
    finally:
        writer.close()


async def main() -> int:
    """Runs both until one of them ends; gives the sandbox's exit code."""
    sandbox = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "sandbox", "--port", str(INSIDE_PORT), "--state", f"{STATE}/sandbox.json",
        cwd="/app", env=os.environ | {"SANDBOX_STATE_DIR": STATE, **tokens()},
    )  # fmt: skip
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, sandbox.send_signal, number)
    server = await asyncio.start_server(relay, None, OUTSIDE_PORT)
    async with server:
        return await sandbox.wait()


def tokens() -> dict[str, str]:
    """The tokens that were made for this system, as the sandbox reads them."""
    folder = Path(os.environ["SANDBOX_SECRETS"])
    names = {"SANDBOX_BOT_TOKEN": "bot-token", "SANDBOX_CONTROL_TOKEN": "control-token"}
    return {variable: (folder / name).read_text().strip() for variable, name in names.items()}


def healthy() -> int:
    """The exit code of a health check."""
    with urllib.request.urlopen(f"http://127.0.0.1:{INSIDE_PORT}/control/health", timeout=3) as answer:
        return 0 if answer.status == 200 else 1


if __name__ == "__main__":
    sys.exit(healthy() if "--health" in sys.argv else asyncio.run(main()))
