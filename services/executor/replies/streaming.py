"""Showing an answer while it grows: previews at a steady pace, typing while there is none, and the wish to stop."""

from __future__ import annotations

import asyncio

import structlog

from services.executor.discord.errors import DiscordError, NotPermitted
from services.executor.replies.answer import Answer
from services.executor.replies.attempt import Attempt
from services.executor.replies.generation import Generation
from services.executor.replies.private_answer import PrivateAnswer

_log = structlog.get_logger(__name__)


class Streaming:
    """One answer's way from the model to its readers."""

    def __init__(self, attempt: Attempt, generation: Generation) -> None:
        self._attempt = attempt
        self._settings = attempt.tools.settings
        self._generation = generation

    async def show(self, answer: Answer | PrivateAnswer, task: asyncio.Task[None]) -> None:
        """Shows the growing text until it is final. A preview that does not fit into the limits is left out.

        `task` is what runs the generation; what it raises is raised here.
        """
        settings, generation = self._settings, self._generation
        longest = 0
        while not generation.finished.is_set():
            grown = asyncio.create_task(generation.grown())
            try:
                await asyncio.wait({grown, task}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                grown.cancel()
            if task.done():
                await task
                return
            text = generation.text
            # A turn that is asked for again begins anew; what people read already does not shrink meanwhile.
            if len(text) < max(settings.first_preview_chars, longest + 1):
                continue
            if await self._preview(answer, self._attempt.head + text):
                longest = len(text)
            await asyncio.wait({task}, timeout=settings.edit_interval_seconds)

    async def type_meanwhile(self) -> None:
        """Shows that an answer is coming for as long as there is none to be seen."""
        attempt = self._attempt
        if attempt.question.by_token:
            return
        while True:
            await asyncio.sleep(self._settings.typing_delay_seconds)
            if self._generation.begun:
                return
            try:
                await attempt.tools.api.typing(attempt.scope, attempt.state.channel_id)
            except (NotPermitted, DiscordError) as error:
                _log.info("reply.no_typing", job_id=attempt.job.job_id, why=str(error))
            await asyncio.sleep(self._settings.typing_seconds - self._settings.typing_delay_seconds)

    async def stop_when_asked(self) -> None:
        """Ends the generation once somebody asks for that."""
        attempt, stops = self._attempt, self._attempt.tools.stops
        with stops.waiting(attempt.name) as asked:
            if not await stops.asked(attempt.name, since=attempt.job.created):
                await asked.wait()
            self._generation.stop()

    @staticmethod
    async def _preview(answer: Answer | PrivateAnswer, text: str) -> bool:
        try:
            return await answer.preview(text)
        except NotPermitted:
            return False
