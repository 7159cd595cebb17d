"""`make run` and `make dev`: from nothing to a page to open, and back."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time

from chassis.settings.shared import SERVICES
from local import control, dev, doctor, redis_servers, terminal
from local.configuration import check_configuration
from local.output import say
from local.paths import RunFolder
from local.platform import Platform, has_real_model, in_real_discord
from local.problems import Problem
from local.supervisor import Supervisor

_START_PATIENCE = 60.0


async def run(operator: dict[str, str], folder: RunFolder, *, watch_code: bool) -> int:
    """Start everything, stay until told to stop, stop everything. Gives the exit code."""
    started = time.monotonic()
    if await control.running(folder.control_socket):
        raise Problem("Guildhall runs already. `make status` shows it, `make stop` ends it.")
    platform = Platform.prepare(operator, folder)
    check_configuration(platform.environment)
    platform.ports.check_free(["sandbox", *SERVICES])
    await doctor.check_discord(operator)
    if not platform.embedded_redis:
        for url in {platform.redis.durable, platform.redis.limits, platform.redis.cache}:
            await redis_servers.check(url)

    supervisor = Supervisor(platform.units(), folder.logs, say)
    stopping = asyncio.Event()
    _on_signals(stopping, supervisor)
    server = await control.serve(folder.control_socket, _commands(supervisor, platform, stopping))
    tasks = []
    say("Starting Guildhall")
    try:
        starting = asyncio.create_task(supervisor.start(_START_PATIENCE))
        interrupted = asyncio.create_task(stopping.wait())
        tasks += [starting, interrupted, asyncio.create_task(_stop_without_terminal(stopping))]
        await asyncio.wait({starting, interrupted}, return_when=asyncio.FIRST_COMPLETED)
        if not interrupted.done():
            starting.result()
            say(_welcome(platform, operator, time.monotonic() - started))
            if watch_code:
                tasks.append(asyncio.create_task(dev.watch(supervisor.restart, say)))
            await interrupted
    finally:
        say("Stopping Guildhall")
        for task in tasks:
            task.cancel()
        server.close()
        await supervisor.stop()
        folder.control_socket.unlink(missing_ok=True)
    say("Stopped")
    return 0


def _on_signals(stopping: asyncio.Event, supervisor: Supervisor) -> None:
    """The first signal stops in order; a second one at once."""

    def handle() -> None:
        if stopping.is_set():
            supervisor.kill()
        stopping.set()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, handle)


async def _stop_without_terminal(stopping: asyncio.Event) -> None:
    if sys.stdout.isatty():
        await terminal.closed(sys.stdout.fileno())
        stopping.set()


def _commands(supervisor: Supervisor, platform: Platform, stopping: asyncio.Event) -> control.Handler:
    async def handle(command: str, name: str) -> control.Answer:
        match command:
            case "status":
                return {"pid": os.getpid(), "page": page_address(platform), "processes": supervisor.status()}
            case "stop":
                stopping.set()
                return {"stopping": True}
            case "restart":
                names = [name] if name else list(SERVICES)
                if unknown := [each for each in names if each not in supervisor.status()]:
                    return {"error": f"there is no process {unknown[0]}; there are {', '.join(supervisor.status())}"}
                for each in names:
                    await supervisor.restart(each)
                return {"restarted": names}
            case _:
                return {"error": f"unknown command {command}"}

    return handle


def page_address(platform: Platform) -> str:
    """Where the sandbox's page is."""
    return f"http://{platform.ports.address('sandbox')}/"


def _welcome(platform: Platform, operator: dict[str, str], seconds: float) -> str:
    page = page_address(platform)
    lines = ["", f"Guildhall is ready after {seconds:.1f} s.", ""]
    if in_real_discord(operator):
        lines += ["  In Discord   type /ask in a server that the bot has joined", f"  Traces       {page}#/traces"]
    else:
        lines += [f"  Open         {page}", "               a local Discord to try everything in; no account, no key"]
    if not has_real_model(operator):
        lines += [
            "  Model        the sandbox's demo; for a real one set OPENAI_API_KEY, ANTHROPIC_API_KEY or OPENAI_BASE_URL"
        ]
    lines += [f"  Logs         {platform.folder.logs}", "  Ctrl-C stops everything.", ""]
    return "\n".join(lines)


async def stop(folder: RunFolder) -> int:
    """`make stop`."""
    if await control.ask(folder.control_socket, "stop") is None:
        say("Guildhall is not running.")
        return 0
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(15):
            while await control.running(folder.control_socket) or folder.control_socket.exists():
                await asyncio.sleep(0.1)
            say("Stopped.")
            return 0
    say("It has not stopped after 15 s; press Ctrl-C twice where it runs.")
    return 1


async def status(folder: RunFolder) -> int:
    """`make status`: exit code 0 when everything is ready, 1 when something is not, 3 when nothing runs."""
    answer = await control.ask(folder.control_socket, "status")
    if not answer:
        say("Guildhall is not running. `make run` starts it." if answer is None else "Guildhall is stopping.")
        return 3
    say(f"Guildhall runs (process {answer['pid']}); the page is {answer['page']}")
    processes: dict[str, dict[str, object]] = answer["processes"]
    for name, facts in processes.items():
        restarts = f", restarted {facts['restarts']} times" if facts["restarts"] else ""
        say(f"  {name:<15} {facts['status']!s:<10} process {facts['pid'] or '-'!s:<8} {facts['log']}{restarts}")
    return 0 if all(facts["status"] == "ready" for facts in processes.values()) else 1


async def restart(folder: RunFolder, name: str) -> int:
    """`make restart [SERVICE=…]`."""
    answer = await control.ask(folder.control_socket, "restart", name)
    if answer is None:
        say("Guildhall is not running. `make run` starts it.")
        return 3
    if error := answer.get("error"):
        say(str(error))
        return 2
    say(f"Restarted: {', '.join(answer.get('restarted', []))}")
    return 0
