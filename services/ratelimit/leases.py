"""Keeps this replica's lease on its part of the shares (`shares`)."""

import asyncio
import contextlib

from services.ratelimit.scripts import Script, Scripts
from services.ratelimit.settings import Store
from services.ratelimit.shares import Shares
from services.ratelimit.store_health import StoreAway


class Leases:
    """The lease of one replica."""

    def __init__(self, shares: Shares, scripts: Scripts, instance: str, settings: Store) -> None:
        self._shares, self._scripts, self._instance, self._settings = shares, scripts, instance, settings
        self._script = Script("lease")

    def use(self, settings: Store) -> None:
        """Puts a configuration in force."""
        self._settings = settings

    async def renew(self) -> None:
        """Renews it; where the store is away it keeps what it had."""
        with contextlib.suppress(StoreAway):
            await self._shares.renew(self._scripts, self._script, self._instance, self._settings.lease_ttl)

    async def give_up(self) -> None:
        """Gives it up, so that the others share what was its."""
        with contextlib.suppress(StoreAway):
            await self._shares.renew(self._scripts, self._script, self._instance, 0)

    async def run(self) -> None:
        """Renews it in time; for ever."""
        while True:
            await self.renew()
            await asyncio.sleep(self._settings.lease_interval)
