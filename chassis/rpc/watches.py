"""Calls that wait for something to happen, which a stop does not wait for.

A watch lasts minutes and whoever watches begins anew after it, so a server that stops ends its watches instead of
giving them the time that it gives to calls that get something done.
"""

import asyncio
from collections.abc import Awaitable


class Watches:
    """The watches that are open."""

    def __init__(self) -> None:
        self._open: set[asyncio.Timeout] = set()

    async def run(self, watch: Awaitable[None]) -> None:
        """Awaits a watch until it is done, or until all are ended, which is an end like any other."""
        try:
            async with asyncio.timeout(None) as end:
                self._open.add(end)
                await watch
        except TimeoutError:
            if not end.expired():
                raise
        finally:
            self._open.discard(end)

    def end(self) -> None:
        """Ends all that are open now."""
        for end in self._open:
            end.reschedule(asyncio.get_running_loop().time())
