"""What looking at a thing finds, and how a thing that is named by an address is looked at."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp

from local.problems import Problem


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


async def reachable(name: str, url: str, default_port: int = 80) -> Finding:
    """Whether anything listens at the address that a setting names."""
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
        return Finding(Mark.WRONG, f"{name}: nothing answers at {host}:{port} ({reason(error)})")
    writer.close()
    return Finding(Mark.OK, f"{name}: {host}:{port} answers")


def secret(operator: Mapping[str, str], name: str) -> str:
    """A secret from the environment, or from the file that `<NAME>_FILE` names; empty where there is none."""
    if value := operator.get(name):
        return value
    if path := operator.get(f"{name}_FILE"):
        try:
            return Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise Problem(f"{name}_FILE can't be read ({reason(error)}); correct its path.") from error
    return ""


def reason(error: BaseException) -> str:
    """An error in a few words."""
    if isinstance(error, aiohttp.ClientConnectorError):
        return f"nothing answers at {error.host}:{error.port}"
    return str(error) or type(error).__name__
