"""`make doctor`: looks at configuration, keys, intents and everything named, without starting anything.

Each finding is a line: what was looked at, whether it is well, and if not, what to do.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp

from chassis.settings.shared import SERVICES
from local import redis_servers
from local.configuration import check_configuration
from local.control import running
from local.output import say
from local.paths import RunFolder
from local.ports import Ports
from local.problems import Problem
from local.redis_servers import RedisUrls

_PATIENCE = aiohttp.ClientTimeout(total=10)
_DISCORD = "https://discord.com/api/v10"
# Application flags: https://docs.discord.com/developers/resources/application#application-object-application-flags
_MESSAGE_CONTENT = 1 << 18 | 1 << 19
_GUILD_MEMBERS = 1 << 14 | 1 << 15


class Mark(Enum):
    """How a finding counts."""

    OK = "ok"
    NOTE = "note"
    WRONG = "wrong"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    mark: Mark
    what: str


async def examine(operator: dict[str, str], folder: RunFolder) -> int:
    """Look at everything and print it; gives 0 when nothing is wrong, else 1."""
    wrong = 0
    async for finding in _findings(operator, folder):
        wrong += finding.mark is Mark.WRONG
        for number, line in enumerate(finding.what.splitlines()):
            say(f"  {finding.mark.value if number == 0 else '':<6} {line}")
    say("Everything is well." if not wrong else f"{wrong} thing{'s' if wrong > 1 else ''} to mend.")
    return 1 if wrong else 0


async def _findings(operator: dict[str, str], folder: RunFolder) -> AsyncIterator[Finding]:
    yield _configuration(operator)
    async for finding in _redis(operator):
        yield finding
    yield await _ports(operator, folder)
    async with aiohttp.ClientSession(timeout=_PATIENCE) as session:
        async for finding in _discord(session, operator):
            yield finding
        async for finding in _models(session, operator):
            yield finding
        if endpoint := operator.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
            yield await _reachable("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
    if database := operator.get("DATABASE_URL", ""):
        yield await _database(database)


def _configuration(operator: dict[str, str]) -> Finding:
    try:
        # The sandbox's token is made at the start; any stands for it here.
        check_configuration({"DISCORD_TOKEN": "sandbox", **operator})
    except Problem as problem:
        return Finding(Mark.WRONG, str(problem))
    return Finding(Mark.OK, "the configuration is valid")


async def _redis(operator: dict[str, str]) -> AsyncIterator[Finding]:
    try:
        urls = RedisUrls.external(operator)
        if urls is None:
            yield Finding(Mark.OK, f"Redis will be embedded: {redis_servers.find_server()}")
            return
        for url in sorted({urls.durable, urls.limits, urls.cache}):
            await redis_servers.check(url)
            yield Finding(Mark.OK, f"Redis answers at {redis_servers.without_password(url)}")
    except Problem as problem:
        yield Finding(Mark.WRONG, str(problem))


async def _ports(operator: dict[str, str], folder: RunFolder) -> Finding:
    if await running(folder.control_socket):
        return Finding(Mark.OK, "Guildhall runs; the ports are its own")
    try:
        Ports.from_environment(operator).check_free(["sandbox", *SERVICES])
    except Problem as problem:
        return Finding(Mark.WRONG, str(problem))
    return Finding(Mark.OK, "the ports are free")


async def check_discord(operator: dict[str, str]) -> None:
    """Raise Problem where the operator's own bot could not get in: Discord is away, or refuses the token."""
    async with aiohttp.ClientSession(timeout=_PATIENCE) as session:
        async for finding in _discord(session, operator):
            if finding.mark is Mark.WRONG:
                raise Problem(finding.what)


async def _discord(session: aiohttp.ClientSession, operator: dict[str, str]) -> AsyncIterator[Finding]:
    token = secret(operator, "DISCORD_TOKEN")
    if not token:
        yield Finding(Mark.NOTE, "no DISCORD_TOKEN: the sandbox stands in for Discord")
        return
    base = operator.get("DISCORD_API_BASE", _DISCORD)
    try:
        async with session.get(f"{base}/applications/@me", headers={"Authorization": f"Bot {token}"}) as answer:
            if answer.status == 401:
                yield Finding(Mark.WRONG, "Discord refuses DISCORD_TOKEN: reset it in the developer portal")
                return
            if answer.status != 200:
                yield Finding(Mark.WRONG, f"Discord answers {answer.status} when asked who the bot is: try again later")
                return
            application = await answer.json()
    except (aiohttp.ClientError, TimeoutError) as error:
        yield Finding(Mark.WRONG, f"Discord can't be reached at {base}: {_reason(error)}")
        return
    yield Finding(Mark.OK, f"Discord knows the bot as {application['name']}")
    flags = int(application.get("flags") or 0)
    if not flags & _MESSAGE_CONTENT:
        yield Finding(
            Mark.NOTE,
            "the message content intent is off: mentions, replies and slash commands work, auto-respond and text "
            "commands do not (developer portal, Bot, Message Content Intent)",
        )
    if not flags & _GUILD_MEMBERS:
        yield Finding(
            Mark.NOTE,
            "the server members intent is off: members are looked up one by one (developer portal, Bot, Server Members "
            "Intent)",
        )


async def _models(session: aiohttp.ClientSession, operator: dict[str, str]) -> AsyncIterator[Finding]:
    openai, anthropic = secret(operator, "OPENAI_API_KEY"), secret(operator, "ANTHROPIC_API_KEY")
    openai_base = operator.get("OPENAI_BASE_URL", "https://api.openai.com/v1" if openai else "")
    if not (openai_base or anthropic):
        yield Finding(Mark.NOTE, "no model provider: the sandbox's demo model answers (OPENAI_API_KEY and others)")
    if openai_base:
        headers = {"Authorization": f"Bearer {openai}"} if openai else {}
        yield await _provider(session, "OPENAI_BASE_URL", f"{openai_base.rstrip('/')}/models", headers)
    if anthropic:
        base = operator.get("ANTHROPIC_BASE_URL", "https://api.anthropic.com").rstrip("/")
        headers = {"x-api-key": anthropic, "anthropic-version": "2023-06-01"}
        yield await _provider(session, "ANTHROPIC_API_KEY", f"{base}/v1/models", headers)


async def _provider(session: aiohttp.ClientSession, name: str, url: str, headers: dict[str, str]) -> Finding:
    host = urlsplit(url).netloc
    try:
        async with session.get(url, headers=headers) as answer:
            if answer.status in (401, 403):
                return Finding(Mark.WRONG, f"the model provider at {host} refuses the key: correct the key for {name}")
            if answer.status >= 500:
                return Finding(Mark.WRONG, f"the model provider at {host} answers {answer.status}: try again later")
            return Finding(Mark.OK, f"the model provider at {host} answers")
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        return Finding(Mark.WRONG, f"the model provider at {host} can't be reached: {_reason(error)}; correct {name}")


async def _database(url: str) -> Finding:
    if url.startswith("sqlite"):
        return Finding(Mark.OK, "the board's database is a file")
    return await _reachable("DATABASE_URL", url, default_port=5432)


async def _reachable(name: str, url: str, default_port: int = 80) -> Finding:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or (443 if parts.scheme == "https" else default_port)
    except ValueError as error:
        return Finding(Mark.WRONG, f"{name} is no address: {error}")
    if not host:
        return Finding(Mark.WRONG, f"{name} names no host; it should look like http://127.0.0.1:4318")
    try:
        async with asyncio.timeout(5):
            _, writer = await asyncio.open_connection(host, port)
    except (OSError, TimeoutError) as error:
        return Finding(Mark.WRONG, f"{name}: nothing answers at {host}:{port} ({_reason(error)})")
    writer.close()
    return Finding(Mark.OK, f"{name}: {host}:{port} answers")


def secret(operator: Mapping[str, str], name: str) -> str:
    """A secret from the environment, or from the file that `<NAME>_FILE` names; empty where there is none."""
    if value := operator.get(name):
        return value
    if path := operator.get(f"{name}_FILE"):
        try:
            return Path(path).read_text().strip()
        except OSError as error:
            raise Problem(f"{name}_FILE can't be read ({_reason(error)}); correct its path.") from error
    return ""


def _reason(error: BaseException) -> str:
    if isinstance(error, aiohttp.ClientConnectorError):
        return f"nothing answers at {error.host}:{error.port}"
    return str(error) or type(error).__name__
