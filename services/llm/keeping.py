"""Keeps a turn: its question while the model thinks, its answer at the end.

The store makes every write durable, and a write is a good part of what a quick answer takes. So a question waits a
moment: an answer that comes within it is written together with its question, and one that takes longer finds its
question written. What breaks down within that moment is asked again by whoever asked, under the same id.
"""

from __future__ import annotations

import asyncio

from services.llm.conversation import ConversationStore, ConversationTurn
from services.llm.planning import TurnPlan
from services.llm.tasks import Background

QUICK = 0.05
"""Seconds that a question waits for its answer before it is written by itself."""


class TurnWriter:
    """Writes one turn."""

    def __init__(self, store: ConversationStore, background: Background, plan: TurnPlan) -> None:
        self._store = store
        self._background = background
        self._plan = plan
        self._question: asyncio.Task[None] | None = None
        self._timer = asyncio.get_running_loop().call_later(QUICK, self._begin)

    async def write_question(self) -> None:
        """Writes down what was asked, for want of an answer."""
        self._begin()
        assert self._question is not None
        await self._question

    async def write(self, turn: ConversationTurn) -> None:
        """Writes down what was answered, and what was asked if that has not been done."""
        plan = self._plan
        if self._question is None:
            self._timer.cancel()
            others = [each for each in plan.written if each.turn_id != turn.turn_id]
            await self._store.save(plan.conversation, [*others, turn], plan.removed)
        else:
            await self._question
            await self._store.save(plan.conversation, [turn], indexed=True)

    def _begin(self) -> None:
        self._timer.cancel()
        if self._question is None:
            saving = self._store.save(self._plan.conversation, self._plan.written, self._plan.removed)
            self._question = self._background.start(saving)
