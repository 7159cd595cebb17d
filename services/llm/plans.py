"""Documents by a schema. The ladder: the strictest way the model has, then the next where the provider refuses it; and
one repair, in which the model is told what is wrong with its document. A document that was cut off is never used.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import structlog

from chassis.clock import Clock
from chassis.errors import FailedPrecondition
from chassis.settings import Live
from services.llm import judging
from services.llm.asking import Desk, Question, Reply
from services.llm.catalogue import Model
from services.llm.chat import DocumentFormat, FailureKind, Finish, JSONObject, Message, Usage
from services.llm.limits import Asker, Denial
from services.llm.router import NoModelAnsweredError
from services.llm.schemas import narrowed
from services.llm.settings import LlmSettings

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class DocumentAsk:
    """What is asked for."""

    messages: tuple[Message, ...]
    name: str
    schema: JSONObject
    operation: str = "plan"
    max_output_tokens: int = 0
    temperature: float | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """A document that is valid by its schema."""

    value: Any
    model: Model
    usage: Usage
    repaired: bool

    @property
    def json(self) -> str:
        """As text. Half a surrogate pair, which JSON can name and UTF-8 does not have, becomes a question mark."""
        return json.dumps(self.value, ensure_ascii=False).encode("utf-8", "replace").decode()


class Documents:
    """Gets documents out of models."""

    def __init__(self, settings: Live[LlmSettings], clock: Clock, desk: Desk) -> None:
        self._settings = settings
        self._clock = clock
        self._desk = desk

    async def ask(
        self, ask: DocumentAsk, candidates: Sequence[Model], asker: Asker, budget: float
    ) -> Document | Denial:
        """A valid document, or the limit that stands against it.

        Raises NoModelAnsweredError, and FailedPrecondition (NO_VALID_DOCUMENT) where neither the first try nor its
        repair is valid.
        """
        ends = self._clock.monotonic() + budget
        refused: NoModelAnsweredError | None = None
        for model in candidates:
            for form in _ladder(model, ask):
                try:
                    return await self._try(ask, form, model, asker, ends)
                except NoModelAnsweredError as error:
                    refused = error
                    if error.last.kind is not FailureKind.BAD_REQUEST:
                        break  # not the way of asking is at fault, so the next model is asked
                    log.info("a model refused a way of asking", model=model.name, mode=form.mode)
        assert refused is not None, "there is at least one candidate with one way of asking"
        raise refused

    async def _try(
        self, ask: DocumentAsk, form: DocumentFormat, model: Model, asker: Asker, ends: float
    ) -> Document | Denial:
        messages = ask.messages if form.mode in ("json_schema", "tool") else _with_schema(ask)
        output = ask.max_output_tokens or self._settings.current.answer_tokens
        question = Question(messages, ask.operation, output, ask.temperature, document=form)
        reply = await self._desk.ask(question, [model], asker, ends - self._clock.monotonic())
        if isinstance(reply, Denial):
            return reply
        value, wrong = _judge(reply, ask.schema)
        if not wrong:
            return Document(value, reply.model, reply.usage, repaired=False)
        log.info("a document has to be repaired", model=model.name, mode=form.mode)
        correction = f"That document is not valid. {wrong}\nGive the whole document again, corrected, and nothing else."
        again = (
            *messages,
            Message("assistant", reply.text[: judging.LONGEST_DOCUMENT] or "(nothing)"),
            Message("user", correction),
        )
        second = await self._desk.ask(replace(question, messages=again), [model], asker, ends - self._clock.monotonic())
        if isinstance(second, Denial):
            return second
        value, wrong = _judge(second, ask.schema)
        if wrong:
            raise FailedPrecondition(
                f"{model.label} gave no valid document, not even when told what was wrong.",
                reason="NO_VALID_DOCUMENT",
                metadata={"model": model.name, "problem": wrong[:300]},
            )
        return Document(value, second.model, together(reply.usage, second.usage), repaired=True)


def together(first: Usage, second: Usage) -> Usage:
    """Two calls' usage as one."""
    unknown = first.cost_nanos is None or second.cost_nanos is None
    return Usage(
        first.input_tokens + second.input_tokens,
        first.output_tokens + second.output_tokens,
        first.cached_input_tokens + second.cached_input_tokens,
        first.reasoning_tokens + second.reasoning_tokens,
        first.estimated or second.estimated,
        None if unknown else (first.cost_nanos or 0) + (second.cost_nanos or 0),
    )


def _ladder(model: Model, ask: DocumentAsk) -> list[DocumentFormat]:
    strict = narrowed(ask.schema)
    forms = []
    for mode in (*model.profile.structured, "prompt"):
        if mode == "json_schema" and strict is None:
            continue
        if mode == "tool" and not model.profile.tools:
            continue
        schema = strict if mode == "json_schema" and strict is not None else ask.schema
        forms.append(DocumentFormat(ask.name, schema, mode))
    return list({form.mode: form for form in forms}.values())


def _with_schema(ask: DocumentAsk) -> tuple[Message, ...]:
    """The messages for a model that has to be told the schema in words."""
    schema = json.dumps(ask.schema, ensure_ascii=False)
    told = f"Answer with one JSON object that is valid by this JSON schema, and nothing else:\n{schema}"
    return (Message("system", told), *ask.messages)


def _judge(reply: Reply, schema: JSONObject) -> tuple[Any, str]:
    """The document in a reply, and what is wrong with it."""
    if reply.finish is Finish.LENGTH:
        return None, "It was cut off because it is too long; be shorter."
    if reply.finish is Finish.INTERRUPTED:
        return None, "It was cut off."
    try:
        value = judging.read(reply.text)
    except ValueError as error:
        return None, f"It can't be read: {error}."
    return judging.judged(value, schema)
