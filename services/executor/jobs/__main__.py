"""`python -m services.executor.jobs list|show|retry|drop`: the jobs that were given up, for whoever runs Guildhall.

It reads executor's own configuration and works on executor's own keys, so it can run beside it, and while it is down.
What people wrote stays hidden unless it is asked for.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

from redis.exceptions import RedisError

from chassis.errors import GuildhallError
from chassis.redis_clients import connect, remedy_for, without_password
from chassis.settings.loading import load
from chassis.settings.problems import ConfigurationError
from services.executor.jobs.dead_letters import DeadLetters, Letter
from services.executor.settings import ExecutorSettings

CONFIGURATION_WRONG = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Does what the command line says; gives the exit code."""
    parser = argparse.ArgumentParser(prog="make jobs", description="Jobs that were given up.")
    commands = parser.add_subparsers(dest="command")
    commands.add_parser("list", help="list them, the oldest first (also without a command)")
    show = commands.add_parser("show", help="show one")
    show.add_argument("--payload", action="store_true", help="with what it was to do, which may hold what people wrote")
    retry = commands.add_parser("retry", help="put jobs back; each goes on where it was")
    retry.add_argument("--anew", action="store_true", help="from the beginning, even if it does things twice")
    drop = commands.add_parser("drop", help="throw jobs away")
    show.add_argument("job_id")
    for several in (retry, drop):
        several.add_argument("job_id", nargs="+", help="a job's id, or `all`")
    return asyncio.run(_connected(parser.parse_args(arguments)))


async def _connected(chosen: argparse.Namespace) -> int:
    try:
        configuration = load("executor", ExecutorSettings)
    except ConfigurationError as error:
        return _failed(error.report(), CONFIGURATION_WRONG)
    settings = configuration.shared.redis
    client = connect(settings.address("durable"), settings)
    try:
        await _do(DeadLetters(client, configuration.service.jobs), chosen)
    except GuildhallError as error:
        return _failed(str(error))
    except RedisError as error:
        where = without_password(settings.address("durable"))
        return _failed(f"Redis at {where} does not answer: {remedy_for(error)} ({error})")
    finally:
        await client.aclose()
    return 0


async def _do(letters: DeadLetters, chosen: argparse.Namespace) -> None:
    match chosen.command:
        case "show":
            await _show(letters, await letters.find(chosen.job_id), payload=chosen.payload)
        case "retry" | "drop" as command:
            ids = chosen.job_id if chosen.job_id != ["all"] else [letter.job.job_id for letter in await letters.list()]
            for job_id in ids:
                await (letters.retry(job_id, anew=chosen.anew) if command == "retry" else letters.drop(job_id))
                _say(f"{job_id} {'put back' if command == 'retry' else 'dropped'}")
        case _:
            found = await letters.list()
            for letter in found:
                _say(f"{letter.job.job_id}  {_when(letter.time)}  {letter.job.kind:<16} {letter.reason}")
            _say(f"{len(found)} given up" if found else "No job was given up.")


async def _show(letters: DeadLetters, letter: Letter, *, payload: bool) -> None:
    job = letter.job
    for name, value in (
        ("job", job.job_id),
        ("kind", job.kind),
        ("key", job.key),
        ("taken over", _when(job.created) if letter.created_known else "not known"),
        ("given up", _when(letter.time)),
        ("reason", letter.reason),
        ("trace", job.trace.get("traceparent", "none")),
        ("journal", ", ".join(sorted(await letters.journal(letter))) or "expired"),
    ):
        _say(f"{name:<11} {value}")
    if payload:
        _say(f"{'payload':<11} {job.payload.decode(errors='backslashreplace')}")


def _when(unix_seconds: float) -> str:
    return datetime.fromtimestamp(unix_seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")


def _failed(line: str, code: int = 1) -> int:
    sys.stderr.write(line + "\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
