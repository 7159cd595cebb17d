"""Whether the requester, and the bot, may still do what a run is about to do: facts that are never older than allowed.

They are looked up anew before they are too old, behind the run's back, so that calls wait for them only when Discord is
slower than that.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from services.executor.plans.authority import refusal
from services.executor.plans.operation import Operation
from services.executor.plans.saying import Text
from services.executor.plans.shared_looks import retrieved
from services.executor.plans.snapshot import Snapshot

_AHEAD = 0.8
"""After this part of their allowed age facts are looked up again."""


class Rights:
    """The rights behind one run."""

    def __init__(self, look: Callable[[], Awaitable[Snapshot]], requester: int, text: Text, *, seconds: float) -> None:
        self._look = look
        self._requester = requester
        self._text = text
        self._seconds = seconds
        self._facts: Snapshot | None = None
        self._since = 0.0
        self._looking: asyncio.Task[None] | None = None

    def take(self, facts: Snapshot) -> None:
        """Facts that were looked up just now."""
        self._facts, self._since = facts, time.monotonic()

    async def refusal(self, operation: Operation) -> str:
        """Why an operation may not be made; empty where it may."""
        age = time.monotonic() - self._since
        if self._facts is None or age > self._seconds * _AHEAD:
            if self._looking is None or self._looking.done():
                self._looking = asyncio.create_task(self._refresh())
                self._looking.add_done_callback(retrieved)
            if self._facts is None or age > self._seconds:
                await asyncio.shield(self._looking)
        facts = self._facts
        assert facts is not None
        requester, bot = facts.members.get(self._requester), facts.members.get(facts.bot_id)
        if requester is None or bot is None:
            return self._text("plan.authority.no_member")
        return refusal(operation, facts, requester, bot, self._text)

    async def _refresh(self) -> None:
        begun = time.monotonic()
        # What changed while the look was under way may not be in it: it is as old as its beginning.
        self._facts, self._since = await self._look(), begun

    async def close(self) -> None:
        """Ends a look that is under way."""
        if self._looking is not None and not self._looking.done():
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)
