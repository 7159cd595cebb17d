"""Scopes remembered in this process, so that what is asked for all the time costs no round trip.

The store's log tells of every change, whoever made it: a scope is forgotten the moment its change is read there, and at
once where it was made through this process. While the log can't be read nothing is remembered and the store is asked.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Iterable

import structlog
from redis.exceptions import RedisError

from chassis.scoped.places import Scope
from chassis.scoped.store import ScopeStore, ScopeValues

_log = structlog.get_logger(__name__)
_WAIT = 30.0
"""Seconds that the log is waited for at a time."""
_PAUSE = 1.0
"""Seconds until the log is tried again after it could not be read."""


class RecentScopes:
    """What scopes hold. The least recently used are forgotten first."""

    def __init__(self, store: ScopeStore, *, entries: int = 10_000) -> None:
        self._store = store
        self._limit = entries
        self._known: OrderedDict[Scope, ScopeValues] = OrderedDict()
        self._changes = 0
        self._following = False
        store.subscribe(self._forget)

    def __len__(self) -> int:
        return len(self._known)

    async def get(self, scopes: Iterable[Scope]) -> list[ScopeValues]:
        """What some scopes hold, in their order; one round trip at most."""
        wanted = list(scopes)
        found = {scope: self._known[scope] for scope in wanted if scope in self._known}
        for scope in found:
            self._known.move_to_end(scope)
        missing = [scope for scope in wanted if scope not in found]
        if missing:
            changes = self._changes
            fetched = dict(zip(missing, await self._store.get(missing), strict=True))
            found |= fetched
            # What changed meanwhile may have been read before it did.
            if self._following and changes == self._changes:
                self._known |= fetched
                while len(self._known) > self._limit:
                    self._known.popitem(last=False)
        return [found[scope] for scope in wanted]

    async def follow_forever(self) -> None:
        """Reads the log."""
        while True:
            try:
                await self._follow()
            except (RedisError, OSError) as error:
                _log.warning("scopes can't be followed", error=repr(error))
                await asyncio.sleep(_PAUSE)

    async def _follow(self) -> None:
        """Reads the log until it no longer goes on from where it was read last."""
        try:
            revision = await self._store.revision()
            self._following = True
            while (found := await self._store.since(revision, _WAIT)) is not None:
                revision, scopes = found
                self._forget(scopes)
        finally:
            self._following = False
            self._forget(list(self._known))

    def _forget(self, scopes: Iterable[Scope]) -> None:
        self._changes += 1
        for scope in scopes:
            self._known.pop(scope, None)
