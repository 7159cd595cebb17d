"""One answer of llm's, as a text that grows. Takes llm's death in its stride: the same turn is asked for again."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass

import grpc
import structlog
from guildhall.llm.v1 import generation_pb2, generation_pb2_grpc

from chassis.caller import acting_for
from chassis.clock import Clock
from chassis.errors import GuildhallError, Unavailable, from_rpc_error
from services.executor.replies import notices
from services.executor.replies.question import Question
from services.executor.replies.settings import ReplySettings

_log = structlog.get_logger(__name__)

_ENDINGS = {
    generation_pb2.FINISH_REASON_LENGTH: notices.cut,
    generation_pb2.FINISH_REASON_CONTENT_FILTER: notices.filtered,
    generation_pb2.FINISH_REASON_INTERRUPTED: notices.interrupted,
}
# What a stream ends with when its server is killed or told to stop; everything else is an answer of the server's.
_BROKEN = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)
_PROVIDER_AWAY = "PROVIDER_UNAVAILABLE"
_MAX_PAUSE_SECONDS = 5.0


@dataclass(frozen=True)
class _Lost(Exception):
    """The connection to llm broke; the turn can be asked for again."""

    why: str


class Generation:
    """Asks and collects. `text` is what there is so far, `finished` is set when it is final."""

    def __init__(
        self,
        stub: generation_pb2_grpc.GenerationServiceStub,
        question: Question,
        *,
        turn_id: str,
        settings: ReplySettings,
        clock: Clock,
        deadline: float | None,
    ) -> None:
        self._stub = stub
        self._question = question
        self._turn_id = turn_id
        self._settings = settings
        self._clock = clock
        self._deadline = deadline
        self.text = ""
        self.finished = asyncio.Event()
        self._grown = asyncio.Event()

    async def run(self) -> None:
        """Asks until there is a final text: an answer, or a notice in place of one."""
        with acting_for(self._question.asker.person()):
            self.text = await self._final_text()
        self.finished.set()
        self._grown.set()

    async def grown(self) -> None:
        """Waits until there is more text than when this last returned, or the text is final."""
        await self._grown.wait()
        if not self.finished.is_set():
            self._grown.clear()

    async def _final_text(self) -> str:
        pause = self._settings.llm_retry_seconds
        lost_since: float | None = None
        while True:
            try:
                ending = await self._attempt()
                break
            except TimeoutError:
                ending = notices.time_up()
                break
            except _Lost as lost:
                lost_since = self._clock.monotonic() if lost_since is None or self.text else lost_since
                self.text = ""
                waited = self._clock.monotonic() - lost_since
                _log.warning("llm.away", turn_id=self._turn_id, why=lost.why, waited=round(waited, 1))
                if waited + pause > self._settings.llm_patience_seconds or self._time_left() <= pause:
                    return notices.for_reason("LLM_UNAVAILABLE")
                await asyncio.sleep(pause)
                pause = min(pause * 2, _MAX_PAUSE_SECONDS)
            except GuildhallError as error:
                _log.info("llm.refused", turn_id=self._turn_id, reason=error.reason)
                return notices.for_error(error)
        text = self.text.strip()
        if not text:
            return ending or notices.for_reason("EMPTY_ANSWER")
        return f"{text}\n\n{ending}" if ending else text

    async def _attempt(self) -> str:
        """Reads one stream to its end; gives the remark that the answer must end with."""
        question = self._question
        request = generation_pb2.GenerateRequest(
            conversation_id=question.conversation_id,
            turn_id=self._turn_id,
            inputs=[
                generation_pb2.Input(
                    text=question.text_for_model(),
                    author_name=question.asker.display_name,
                    author_id=question.asker.user_id,
                )
            ],
            model=question.model,
            guild_id=question.guild_id,
            channel_id=question.channel_id,
        )
        time_left = self._time_left()
        if time_left <= 0:
            raise TimeoutError
        pieces: list[str] = []
        stream = self._stub.Generate(request, timeout=min(self._settings.generate_timeout_seconds, time_left))
        try:
            async for event in stream:
                kind = event.WhichOneof("event")
                if kind == "text_delta":
                    pieces.append(event.text_delta)
                    self.text = "".join(pieces)
                    self._grown.set()
                elif kind == "end":
                    ending = _ENDINGS.get(event.end.finish_reason)
                    return ending() if ending else ""
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
                raise TimeoutError from error
            known = from_rpc_error(error)
            if error.code() in _BROKEN and known.reason != _PROVIDER_AWAY:
                raise _Lost(error.details() or error.code().name) from error
            raise known from error
        except Unavailable as error:
            if error.reason != _PROVIDER_AWAY:
                raise _Lost(error.reason) from error
            raise
        finally:
            with contextlib.suppress(asyncio.InvalidStateError):
                stream.cancel()
        raise _Lost("the stream ended without an end")

    def _time_left(self) -> float:
        return float("inf") if self._deadline is None else self._deadline - self._clock.now()
