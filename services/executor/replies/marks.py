"""Reactions on the question that say how far its answer is, and failures that a channel wants to be quiet about."""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from services.executor.discord.api import DiscordApi, Scope
from services.executor.discord.errors import DiscordError
from services.executor.replies.question import Question

_log = structlog.get_logger(__name__)

SEEN, DONE, FAILED = "\N{EYES}", "\N{WHITE HEAVY CHECK MARK}", "\N{CROSS MARK}"


class Marks:
    """The bot's reactions on a question, or on each of a burst. A reaction that can't be made is no reason to fail."""

    def __init__(self, api: DiscordApi, scope: Scope, questions: Sequence[Question], *, wanted: bool) -> None:
        self._api = api
        self._scope = scope
        # A command has no message to react on, and an answer that is repeated was marked when it was first given.
        self._messages = [
            (question.channel_id, question.message_id)
            for question in questions
            if question.interaction is None and question.message_id and not question.replies_to
        ]
        self._wanted = wanted

    async def seen(self) -> None:
        """The question is being answered."""
        if self._wanted:
            await self._try(SEEN)

    async def settled(self, *, failed: bool) -> None:
        """The answer is there, or it failed."""
        if self._wanted:
            await self._try(SEEN, away=True)
            await self._try(FAILED if failed else DONE)

    async def failed_quietly(self) -> bool:
        """Says by a reaction alone that it failed; whether there is a message to say it on."""
        if self._wanted:
            await self._try(SEEN, away=True)
        await self._try(FAILED)
        return self.possible

    async def passed_over(self) -> None:
        """Takes away what said that an answer was coming."""
        if self._wanted:
            await self._try(SEEN, away=True)

    @property
    def possible(self) -> bool:
        """Whether the question is a message, which can be passed over in silence."""
        return bool(self._messages)

    async def _try(self, emoji: str, *, away: bool = False) -> None:
        change = self._api.unreact if away else self._api.react
        for channel_id, message_id in self._messages:
            try:
                await change(self._scope, channel_id, message_id, emoji)
            except DiscordError as error:
                _log.info("reply.not_marked", why=str(error))
