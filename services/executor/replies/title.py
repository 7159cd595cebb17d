"""A thread's title from llm, as something that may come late or never."""

from __future__ import annotations

import asyncio
import re

import grpc
import structlog
from guildhall.llm.v1 import generation_pb2, generation_pb2_grpc

from chassis.caller import acting_for
from chassis.errors import GuildhallError
from services.executor.replies.question import Question, first_words
from services.executor.replies.settings import ReplySettings

_log = structlog.get_logger(__name__)

_MARKS = re.compile(r"\*\*|__|`|^\s*#+\s+")


class Title:
    """Asks once; without an answer the thread keeps its provisional name."""

    def __init__(
        self, stub: generation_pb2_grpc.GenerationServiceStub, question: Question, settings: ReplySettings
    ) -> None:
        self._stub = stub
        self._question = question
        self._settings = settings
        self._done = asyncio.Event()
        self._title: str | None = None

    async def run(self) -> None:
        """Asks for the title."""
        request = generation_pb2.TitleRequest(
            text=self._question.prompt, max_length=self._settings.title_chars, guild_id=self._question.guild_id
        )
        try:
            with acting_for(self._question.asker.person()):
                answer = await self._stub.Title(request, timeout=self._settings.title_timeout_seconds)
        except (grpc.aio.AioRpcError, GuildhallError) as error:
            _log.info("title.missing", error=str(error))
        else:
            # Discord shows a thread's name as it is, and models like to make titles bold.
            self._title = first_words(_MARKS.sub("", answer.title), self._settings.title_chars)
        finally:
            self._done.set()

    async def within(self, seconds: float) -> str | None:
        """The title, if it comes within so many seconds."""
        try:
            async with asyncio.timeout(seconds):
                await self._done.wait()
        except TimeoutError:
            return None
        return self._title
