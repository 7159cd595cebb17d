"""Tells Discord which commands there are, and only when that changed.

Discord allows 200 creates a day and a guild, and replaces nothing that is equal: so the set is fingerprinted, the
fingerprint kept, and the set sent whole when the fingerprint differs, or when Discord no longer has the commands that
it was sent. READY, which comes with every new session, has nothing to do with it.
"""

import hashlib
import json
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

import structlog

_log = structlog.get_logger(__name__)

Send = Callable[[list[dict[str, Any]]], Awaitable[object]]
Fetch = Callable[[], Awaitable[Sequence[Mapping[str, Any]]]]


class FingerprintStore(Protocol):
    """Where the fingerprint of what Discord has is kept."""

    async def fingerprint(self) -> str:
        """The fingerprint of the set that was sent last; empty where none is known."""

    async def keep_fingerprint(self, fingerprint: str) -> None:
        """Keeps the fingerprint of the set that was sent."""


def fingerprint(payload: list[dict[str, Any]]) -> str:
    """A digest of the whole set, equal for equal sets."""
    canonical = json.dumps(payload, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()


async def register(payload: list[dict[str, Any]], store: FingerprintStore, send: Send, fetch: Fetch) -> bool:
    """Sends the set if it is not what Discord has, of which `fetch` asks; says whether it did."""
    current = fingerprint(payload)
    if await store.fingerprint() == current and _named(await fetch()) == _named(payload):
        return False
    await send(payload)
    await store.keep_fingerprint(current)
    _log.info("commands registered", commands=len(payload))
    return True


def _named(commands: Iterable[Mapping[str, Any]]) -> set[tuple[int, str]]:
    """What tells commands apart: their type (a chat command where none is given) and their name."""
    return {(int(command.get("type", 1)), command["name"]) for command in commands}
