"""`make doctor`: looks at configuration, keys, intents and everything named, without starting anything.

Each finding is a line: what was looked at, whether it is well, and if not, what to do.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp

from chassis.settings.shared import SERVICES
from local import model_providers, redis_servers
from local.configuration import check_configuration
from local.control import running
from local.findings import Finding, Mark, reachable, reason, secret
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
_LONGEST_NAME = 80


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
        async for finding in model_providers.named_by_environment(session, operator):
            yield finding
        async for finding in model_providers.named_by_file(session, operator):
            yield finding
        if endpoint := operator.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
            yield await reachable("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
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
    if not token and "DISCORD_TOKEN_FILE" in operator:
        yield Finding(Mark.WRONG, "the file that DISCORD_TOKEN_FILE names is empty: put the bot's token into it")
        return
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
            name, flags = _application(await answer.json())
    except (aiohttp.ContentTypeError, json.JSONDecodeError, UnicodeDecodeError, LookupError, TypeError):
        yield Finding(Mark.WRONG, f"what answers at {base} is not Discord: correct DISCORD_API_BASE")
        return
    except (aiohttp.ClientError, TimeoutError) as error:
        yield Finding(Mark.WRONG, f"Discord can't be reached at {base}: {reason(error)}")
        return
    except ValueError:
        yield Finding(Mark.WRONG, "DISCORD_TOKEN holds signs that no token has: copy it anew from the developer portal")
        return
    yield Finding(Mark.OK, f"Discord knows the bot as {name}")
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


def _application(answer: Any) -> tuple[str, int]:
    """The bot's name, as it may be shown, and its flags. Raises TypeError or LookupError for what is no application."""
    name, flags = answer["name"], answer.get("flags") or 0
    if not isinstance(name, str) or not isinstance(flags, int):
        raise TypeError("not an application")
    return "".join(sign if sign.isprintable() else " " for sign in name)[:_LONGEST_NAME], flags


async def _database(url: str) -> Finding:
    if url.startswith("sqlite"):
        return Finding(Mark.OK, "the board's database is a file")
    if not url.startswith("postgresql"):
        return Finding(Mark.WRONG, "DATABASE_URL: sqlite:///path or postgresql://user:password@host/name")
    return await reachable("DATABASE_URL", url, default_port=5432)
