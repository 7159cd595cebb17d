"""The Lua scripts: every one of the system, one file each under `lua/`.

A script is called by the digest of its text. A server that does not know it (a restart, a failover, SCRIPT FLUSH) says
NOSCRIPT and has run nothing, so the same call is made again with the text, which also loads it; the caller notices
nothing. Nothing is loaded beforehand, so a new node of a cluster needs no care either.
"""

import asyncio
import hashlib
import time
from collections.abc import Sequence
from pathlib import Path

from redis.asyncio import Redis
from redis.exceptions import NoScriptError, RedisError

from services.ratelimit.lines import Argument, Line, line_to
from services.ratelimit.meters import SCRIPT_SECONDS
from services.ratelimit.store_health import StoreAway, StoreHealth

_FOLDER = Path(__file__).parent / "lua"
_INCLUDE = "--!include "
_CONNECTIONS = 16


class Script:
    """One script, with what it includes put in place."""

    def __init__(self, name: str) -> None:
        self.name = name
        lines = []
        for line in (_FOLDER / f"{name}.lua").read_text(encoding="utf-8").splitlines():
            if line.startswith(_INCLUDE):
                lines.append((_FOLDER / line.removeprefix(_INCLUDE).strip()).read_text(encoding="utf-8"))
            else:
                lines.append(line)
        self.text = "\n".join(lines)
        self.seconds = SCRIPT_SECONDS.series({"script": name})
        self.digest = hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()


class Scripts:
    """Runs scripts on one store, and knows when it is away."""

    def __init__(self, redis: Redis, health: StoreHealth, timeout: float, *, now_us: int | None = None) -> None:
        self._line: Line = line_to(redis)
        self._health = health
        self._timeout = timeout
        self._room = asyncio.Semaphore(_CONNECTIONS)
        self.now_us = now_us
        """Time for the scripts in place of Redis's own clock: tests."""

    @property
    def clock_arguments(self) -> tuple[str, str]:
        """What each script takes first: the time, and milliseconds added to each time to live."""
        # With a clock of its own a test may stand still longer than a key would live by Redis's clock.
        return ("0", "0") if self.now_us is None else (str(self.now_us), "600000")

    async def run(self, script: Script, keys: Sequence[str], arguments: Sequence[Argument]) -> bytes:
        """Runs a script; all keys stand in one slot where the store is a cluster. StoreAway where none answers."""
        self._health.demand()
        start = time.perf_counter()
        parts = (len(keys), *keys, *self.clock_arguments, *arguments)
        async with self._room:
            try:
                async with asyncio.timeout(self._timeout):
                    try:
                        answer = await self._line.call("EVALSHA", script.digest, *parts)
                    except NoScriptError:
                        answer = await self._line.call("EVAL", script.text, *parts)
            except (RedisError, TimeoutError, OSError) as error:
                # Whether it ran is not known, so it is not run again: a charge too many is fairer than one too few.
                self._health.failed(error)
                raise StoreAway from error
        script.seconds.record(time.perf_counter() - start)
        return answer

    async def close(self) -> None:
        """Closes what it keeps open."""
        await self._line.close()
