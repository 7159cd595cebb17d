"""What the wire formats share: one prepared answer with its tokens, its counts, its pace and its fault."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

from sandbox.model import mind, tokens
from sandbox.model.dialogue import Ask, Reply, RequestError, ToolCall
from sandbox.model.pacing import Sleep, paced
from sandbox.model.scripts import STATUS_OF, Fault, Rule, RuleBook
from sandbox.model.settings import ModelSettings

IMAGE_TOKENS = 85
MESSAGE_TOKENS = 4
SEEN_REQUESTS = 200


@dataclass(frozen=True)
class Performance:
    """An answer as it will be given: its tokens, why it ends ("stop", "length", "tool_calls"), its pace, its fault."""

    thinking: list[str]
    text: list[str]
    calls: tuple[ToolCall, ...]
    finish: str
    prompt_tokens: int
    per_second: float
    first_seconds: float
    fault: Fault | None

    @property
    def output_tokens(self) -> int:
        """Tokens of the answer, the arguments of tool calls included, thinking apart."""
        return len(self.text) + sum(tokens.count(json.dumps(call.arguments)) for call in self.calls)

    @property
    def broken_at(self) -> int | None:
        """After how many tokens the stream breaks; None where it does not."""
        within = ("drop", "truncate", "malformed", "stall")
        return self.fault.after_tokens if self.fault and self.fault.kind in within else None


@dataclass(frozen=True)
class Refused(Exception):
    """A fault before the answer: the status and the Retry-After that go with it."""

    status: int
    retry_after: float | None
    message: str


@dataclass
class Engine:
    """The demo model behind its wire formats."""

    settings: ModelSettings
    rules: RuleBook = field(default_factory=lambda: RuleBook(random.Random()))  # noqa: S311 - no secret hangs on it
    sleep: Sleep = asyncio.sleep
    monotonic: Callable[[], float] = time.monotonic
    now: Callable[[], float] = time.time
    seen: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=SEEN_REQUESTS))
    rng: random.Random = field(default_factory=random.Random)

    def new_id(self, prefix: str) -> str:
        """An id in the manner of the providers."""
        return f"{prefix}{self.rng.getrandbits(112):028x}"

    def perform(self, ask: Ask, *, fault_header: str | None) -> Performance:
        """Prepares the answer; RequestError where a provider would refuse, Refused where a fault says so."""
        if ask.model not in self.settings.names:
            raise RequestError(
                f"The model `{ask.model}` does not exist or you do not have access to it.",
                status=404,
                param="model",
                code="model_not_found",
            )
        prompt = prompt_tokens(ask)
        if prompt > self.settings.context_tokens:
            raise RequestError(
                f"This model's maximum context length is {self.settings.context_tokens} tokens. However, your messages "
                f"resulted in {prompt} tokens. Please reduce the length of the messages.",
                param="messages",
                code="context_length_exceeded",
            )
        rule = self.rules.take(ask) or Rule()
        self.seen.append({"time": self.now(), "model": ask.model, "prompt_tokens": prompt, "last": ask.last[:500]})
        fault = rule.fault
        if fault_header:
            try:
                fault = Fault.from_header(fault_header)
            except ValueError as error:
                raise RequestError(f"X-Sandbox-Fault: {error}") from None
        if fault and fault.kind in STATUS_OF:
            status = STATUS_OF[fault.kind]
            waits = fault.retry_after if status in (429, 503, 529) else None
            raise Refused(status, waits, f"A fault that the sandbox was told to make: {fault.kind}.")
        return self._performance(ask, rule, fault, prompt)

    def _performance(self, ask: Ask, rule: Rule, fault: Fault | None, prompt: int) -> Performance:
        if rule.tokens is not None:
            reply, text = Reply(thinking=rule.thinking), tokens.pieces(tokens.filler(rule.tokens))
        else:
            reply = Reply(text=rule.text, thinking=rule.thinking) if rule.text is not None else mind.reply(ask)
            text = tokens.pieces(_stopped(reply.text, ask.stop))
        thinking = tokens.pieces(reply.thinking)[: ask.max_tokens]
        room = max(0, ask.max_tokens - len(thinking))
        finish = "length" if len(text) > room else "tool_calls" if reply.tool_calls else "stop"
        first = self.settings.first_token_seconds if rule.first_token_seconds is None else rule.first_token_seconds
        usual = self.settings.tokens_per_second
        if usual and ask.schema is not None:
            usual = max(usual, self.settings.structured_tokens_per_second)
        pace = usual if rule.tokens_per_second is None else rule.tokens_per_second
        if fault and fault.kind == "slow_first":
            first += fault.seconds
        return Performance(
            thinking=thinking,
            text=text[:room],
            calls=reply.tool_calls,
            finish=finish,
            prompt_tokens=prompt,
            per_second=pace,
            first_seconds=first,
            fault=fault,
        )

    def stream(self, performance: Performance) -> AsyncIterator[str]:
        """Thinking and then text, token by token, at the pace of the answer."""
        return paced(
            performance.thinking + performance.text,
            per_second=performance.per_second,
            first_seconds=performance.first_seconds,
            sleep=self.sleep,
            monotonic=self.monotonic,
        )

    async def whole(self, performance: Performance) -> None:
        """Waits for as long as a whole answer takes at its pace."""
        size = len(performance.thinking) + len(performance.text)
        seconds = performance.first_seconds + (size / performance.per_second if performance.per_second > 0 else 0)
        if performance.fault and performance.fault.kind == "stall":
            seconds += performance.fault.seconds
        if seconds > 0:
            await self.sleep(seconds)


def prompt_tokens(ask: Ask) -> int:
    """How many tokens a request has, its images and tools included."""
    total = tokens.count(ask.system) + 3
    for turn in ask.turns:
        total += MESSAGE_TOKENS + tokens.count(turn.text) + IMAGE_TOKENS * len(turn.images)
        total += sum(tokens.count(json.dumps(call.arguments)) for call in turn.tool_calls)
    for tool in ask.tools:
        total += tokens.count(tool.name + tool.description + json.dumps(tool.parameters))
    return total


def _stopped(text: str, stop: tuple[str, ...]) -> str:
    cuts = [found for sign in stop if sign and (found := text.find(sign)) >= 0]
    return text[: min(cuts)] if cuts else text
