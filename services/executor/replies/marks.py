"""Reactions on the question that say how far its answer is, and failures that a channel wants to be quiet about."""

from __future__ import annotations

import structlog

from services.executor.discord.api import DiscordApi, Scope
from services.executor.discord.errors import DiscordError
from services.executor.replies.question import Question

_log = structlog.get_logger(__name__)

SEEN, DONE, FAILED = "\N{EYES}", "\N{WHITE HEAVY CHECK MARK}", "\N{CROSS MARK}"


class Marks:
    """The bot's reactions on one question. A reaction that can't be made is no reason to fail."""

    def __init__(self, api: DiscordApi, scope: Scope, question: Question, *, wanted: bool) -> None:
        self._api = api
        self._scope = scope
        self._question = question
        # A command has no message to react on, and an answer that is repeated was marked when it was first given.
        self._possible = question.interaction is None and question.message_id != 0 and not question.replies_to
        self._wanted = wanted and self._possible

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
        if self._possible:
            await self._try(FAILED)
        return self._possible

    @property
    def possible(self) -> bool:
        """Whether the question is a message, which can be passed over in silence."""
        return self._possible

    async def _try(self, emoji: str, *, away: bool = False) -> None:
        change = self._api.unreact if away else self._api.react
        try:
            await change(self._scope, self._question.channel_id, self._question.message_id, emoji)
        except DiscordError as error:
            _log.info("reply.not_marked", why=str(error))
