"""`python -m sandbox`: a local Discord until Ctrl-C."""

import asyncio
import signal
import sys

from sandbox.app import running
from sandbox.conformance import Checker
from sandbox.settings import SandboxOptions, read_options


def _checking(checker: Checker) -> str:
    if checker.active:
        return f"Requests and answers are checked against {checker.path}."
    return "No openapi.json was found (DISCORD_OPENAPI): requests are not checked against Discord's description."


async def _serve(options: SandboxOptions) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with running(options) as sandbox:
        sys.stdout.write(
            f"The sandbox serves {sandbox.url} (Discord's API: {sandbox.api}).\n"
            f"Tokens: SANDBOX_BOT_TOKEN and SANDBOX_CONTROL_TOKEN, else the files in {options.state_dir}.\n"
            f"{_checking(sandbox.rest.checker)}\n"
        )
        sys.stdout.flush()
        await stop.wait()


def main() -> int:
    """Runs until it is told to stop; 1 where it could not start."""
    options = read_options(sys.argv[1:])
    try:
        asyncio.run(_serve(options))
    except (OSError, ValueError) as error:
        sys.stderr.write(f"The sandbox did not start: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
