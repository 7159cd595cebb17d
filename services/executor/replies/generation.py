"""One answer of llm's, as a text that grows. Takes llm's death in its stride: the same turn is asked for again."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import grpc
import structlog
from guildhall.llm.v1 import generation_pb2, generation_pb2_grpc

from chassis.caller import acting_for
from chassis.clock import Clock
from chassis.errors import GuildhallError, Unavailable
from services.executor.discord.bodies import File
from services.executor.replies import notices
from services.executor.replies.drawing import TOOL, Drawing
from services.executor.replies.growing import Growing
from services.executor.replies.llm_request import Lost, request_for, translated
from services.executor.replies.question import Question, visible
from services.executor.replies.settings import ReplySettings
from views.reply_controls import Facts

_log = structlog.get_logger(__name__)

_FORGOTTEN = "CONVERSATION_UNKNOWN"
History = Callable[[], Awaitable[Sequence[generation_pb2.HistoryTurn]]]
_MAX_PAUSE_SECONDS = 5.0
_MAX_ROUNDS = 3
_TIME_UP_SECONDS = 1.0


@dataclass(frozen=True)
class _ToolsWanted(Exception):
    """The model wants tools to be run before it goes on."""

    text: str
    calls: tuple[generation_pb2.ToolCall, ...]


@dataclass(frozen=True)
class _Refused(Exception):
    """There is no answer, for a reason that people are told."""

    text: str


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
        text: notices.Text,
        history: History | None = None,
        reminded: bool = True,
        drawing: Drawing | None = None,
    ) -> None:
        """`history` reads the conversation's turns in Discord; None where there is nowhere to read them. `reminded`
        says whether people are told so where it was needed: a channel that becomes a conversation was never forgotten.
        `drawing` lets the model answer with pictures.
        """
        self._stub = stub
        self._question = question
        self._turn_id = turn_id
        self._settings = settings
        self._clock = clock
        self._deadline = deadline
        self._say = text
        self._read_history = history
        self._reminded = reminded
        self._drawing = drawing
        self._rounds: list[generation_pb2.ToolRound] = []
        self._history: Sequence[generation_pb2.HistoryTurn] | None = None
        self._stream: Any = None
        self._stopped = False
        self._text = Growing()
        self.thinking = ""
        self.facts = Facts()
        self.remarks: list[str] = []
        self.failed = False
        """Whether the text is a notice in place of an answer."""
        self.time_up = False
        """Whether it ended because a private answer can't be changed any longer."""
        self.finished = asyncio.Event()
        self._grown = asyncio.Event()

    @property
    def pictures(self) -> Sequence[File]:
        """The pictures that belong to the answer."""
        return self._drawing.made if self._drawing is not None else ()

    @property
    def text(self) -> str:
        """What there is so far."""
        return self._text.value

    @property
    def begun(self) -> bool:
        """Whether there is something to see."""
        return bool(self._text) or self.finished.is_set()

    async def run(self) -> None:
        """Asks until there is a final text: an answer, or a notice in place of one."""
        with acting_for(self._question.asker.person()):
            try:
                self._text = Growing(await self._final_text())
            except _Refused as refused:
                self._text, self.failed = Growing(refused.text), True
        self.finished.set()
        self._grown.set()

    def stop(self) -> None:
        """Ends the answer with what there is of it."""
        self._stopped = True
        if self._stream is not None:
            self._stream.cancel()

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
            except _ToolsWanted as wanted:
                self._rounds.append(await self._round(wanted))
            except TimeoutError:
                self.time_up = self._time_left() <= _TIME_UP_SECONDS
                ending = self._say("reply.remark.time_up" if self.time_up else "reply.remark.interrupted")
                break
            except Lost as lost:
                lost_since = self._clock.monotonic() if lost_since is None or self._text else lost_since
                self._text, self.thinking = Growing(), ""
                waited = self._clock.monotonic() - lost_since
                _log.warning("llm.away", turn_id=self._turn_id, why=lost.why, waited=round(waited, 1))
                if waited + pause > self._settings.llm_patience_seconds or self._time_left() <= pause:
                    raise self._refused("LLM_UNAVAILABLE") from lost
                await asyncio.sleep(pause)
                pause = min(pause * 2, _MAX_PAUSE_SECONDS)
            except GuildhallError as error:
                if error.reason == _FORGOTTEN and self._history is None and self._read_history is not None:
                    self._history = await self._read_history()
                    _log.info("llm.reminded", turn_id=self._turn_id, turns=len(self._history))
                    continue
                _log.info("llm.refused", turn_id=self._turn_id, reason=error.reason)
                raise _Refused(notices.for_error(self._say, error, self._clock.now())) from error
        said = [*(each.text.strip() for each in self._rounds), self.text.strip()]
        text = "\n\n".join(piece for piece in said if piece)
        if not visible(text) and not ending and not (self._drawing and self._drawing.made):
            raise self._refused("EMPTY_ANSWER")
        return "\n\n".join(piece for piece in (text, ending) if piece)

    def _refused(self, reason: str) -> _Refused:
        return _Refused(notices.for_reason(self._say, reason))

    async def _attempt(self) -> str:
        """Reads one stream to its end; gives the remark that the answer must end with."""
        if self._stopped:
            return self._say("reply.remark.stopped")
        time_left = self._time_left()
        if time_left <= 0:
            raise TimeoutError
        request = request_for(self._question, self._turn_id)
        # A turn that takes an earlier one's place stands in a conversation that llm may have forgotten all the same.
        request.follow_up = self._read_history is not None and self._history is None
        request.history.extend(self._history or ())
        if self._drawing is not None and len(self._rounds) < _MAX_ROUNDS:
            request.tools.append(TOOL)
        request.tool_rounds.extend(self._rounds)
        stream = self._stub.Generate(request, timeout=min(self._settings.generate_timeout_seconds, time_left))
        self._stream = stream
        try:
            ending = await self._read(stream)
        except (grpc.aio.AioRpcError, Unavailable) as error:
            if self._stopped:
                return self._say("reply.remark.stopped")
            raise translated(error) from error
        except asyncio.CancelledError:
            # Cancelling a call from here looks like the task's own cancellation; only the task knows of that one.
            if _cancelling():
                raise
            if self._stopped:
                return self._say("reply.remark.stopped")
            raise Lost("the call was cancelled") from None
        finally:
            self._stream = None
            with contextlib.suppress(asyncio.InvalidStateError):
                stream.cancel()
        if ending is not None:
            return ending
        if self._stopped:
            return self._say("reply.remark.stopped")
        raise Lost("the stream ended without an end")

    async def _read(self, stream: Any) -> str | None:
        """Collects the events; the remark of the end, None where there was no end."""
        self._text = Growing()
        thoughts: list[str] = []
        calls: list[generation_pb2.ToolCall] = []
        async for event in stream:
            kind = event.WhichOneof("event")
            if kind == "text_delta":
                self._text.add(event.text_delta)
                self._grown.set()
            elif kind == "thinking_delta":
                thoughts.append(event.thinking_delta)
            elif kind == "started":
                earlier = self.facts if self._rounds else Facts()
                self.facts = replace(earlier, model=event.started.model, dropped_turns=event.started.dropped_turns)
                told = notices.for_start(self._say, event.started, rebuilt=self._reminded)
                self.remarks = [*told, *event.started.notices]
            elif kind == "denied":
                raise _Refused(notices.for_denial(self._say, event.denied, self._clock.now()))
            elif kind == "tool_call":
                calls.append(event.tool_call)
            elif kind == "end":
                self.thinking = "".join(thoughts) or self.thinking
                self._count(event.end.usage)
                if calls and event.end.finish_reason == generation_pb2.FINISH_REASON_TOOL_CALLS:
                    raise _ToolsWanted(self.text, tuple(calls))
                interrupted = event.end.finish_reason == generation_pb2.FINISH_REASON_INTERRUPTED
                if interrupted and self._time_left() <= _TIME_UP_SECONDS:
                    # llm keeps to the deadline as well, and may say so a little earlier.
                    raise TimeoutError
                return notices.remark(self._say, event.end.finish_reason)
        return None

    async def _round(self, wanted: _ToolsWanted) -> generation_pb2.ToolRound:
        """Does what the model asks for, so that it can go on."""
        if self._drawing is None:
            raise self._refused("EMPTY_ANSWER")
        results = [await self._drawing.call(call) for call in wanted.calls]
        self._text = Growing()
        return generation_pb2.ToolRound(text=wanted.text, calls=wanted.calls, results=results)

    def _count(self, usage: generation_pb2.Usage) -> None:
        self.facts = Facts(
            model=self.facts.model,
            input_tokens=self.facts.input_tokens + usage.input_tokens,
            output_tokens=self.facts.output_tokens + usage.output_tokens,
            estimated=usage.estimated or self.facts.estimated,
            cost_nanos=usage.cost_nanos + (self.facts.cost_nanos or 0) if usage.HasField("cost_nanos") else None,
            dropped_turns=self.facts.dropped_turns,
        )

    def _time_left(self) -> float:
        return float("inf") if self._deadline is None else self._deadline - self._clock.now()


def _cancelling() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
