"""The vocabulary of this service: messages, requests and the events of an answer, free of any wire format."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any, Literal

Role = Literal["system", "user", "assistant", "tool"]
JSONObject = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Image:
    """A picture for a model that sees."""

    media_type: str
    data: bytes


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A complete call that a model wants made. `arguments` is a JSON object's text."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool that a model may call. `parameters` is a JSON schema."""

    name: str
    description: str
    parameters: JSONObject


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a context."""

    role: Role
    text: str
    images: tuple[Image, ...] = ()
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str = ""
    thinking_blocks: tuple[JSONObject, ...] = ()
    """Signed thinking of an assistant's message, as the provider wants it back within a loop of tool calls."""


@dataclass(frozen=True, slots=True)
class DocumentFormat:
    """The shape that an answer shall have."""

    name: str
    schema: JSONObject
    mode: Literal["json_schema", "tool", "json_object", "prompt"]


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """What is asked of a model."""

    messages: tuple[Message, ...]
    max_output_tokens: int
    temperature: float | None = None
    effort: str = "off"
    tools: tuple[ToolSpec, ...] = ()
    document: DocumentFormat | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens used by one call. `input_tokens` includes cached ones, `output_tokens` includes reasoning."""

    input_tokens: int = 0
    output_tokens: int = 0
    cached_input_tokens: int = 0
    reasoning_tokens: int = 0
    estimated: bool = False
    cost_nanos: int | None = None
    """Nano-dollars; None where the price is unknown."""

    def priced(self, nanos: int | None) -> Usage:
        """The same usage at a price."""
        return replace(self, cost_nanos=nanos)


@dataclass(frozen=True, slots=True)
class ImageTokens:
    """Tokens of a call that were pictures, which many providers price apart from text."""

    input: int = 0
    output: int = 0


NO_IMAGES = ImageTokens()


class Finish(Enum):
    """How an answer ended."""

    STOP = "stop"
    LENGTH = "length"
    CONTENT_FILTER = "content_filter"
    TOOL_CALLS = "tool_calls"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True)
class TextDelta:
    """More of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class ThinkingDelta:
    """More of the thinking."""

    text: str


@dataclass(frozen=True, slots=True)
class ToolCallEvent:
    """A tool call whose arguments are complete."""

    call: ToolCall


@dataclass(frozen=True, slots=True)
class Finished:
    """The one last event. `usage` is None where the provider gave none."""

    finish: Finish
    usage: Usage | None = None
    response_model: str = ""
    interruption: str = ""
    thinking_blocks: tuple[JSONObject, ...] = ()


ChatEvent = TextDelta | ThinkingDelta | ToolCallEvent | Finished


class FailureKind(Enum):
    """What kind of failure a provider's is. The value is the ErrorInfo reason that callers see."""

    RATE_LIMITED = "PROVIDER_RATE_LIMITED"
    QUOTA = "PROVIDER_QUOTA_EXHAUSTED"
    OVERLOADED = "PROVIDER_OVERLOADED"
    UNREACHABLE = "PROVIDER_UNREACHABLE"
    TIMEOUT = "PROVIDER_TIMEOUT"
    STALLED = "STREAM_STALLED"
    TRUNCATED = "STREAM_TRUNCATED"
    DROPPED = "STREAM_DROPPED"
    MALFORMED = "STREAM_MALFORMED"
    EMPTY = "ANSWER_EMPTY"
    AUTHENTICATION = "PROVIDER_AUTHENTICATION"
    MODEL_UNKNOWN = "MODEL_UNKNOWN"
    PROMPT_TOO_LONG = "PROMPT_TOO_LONG"
    CONTENT_REFUSED = "CONTENT_REFUSED"
    BAD_REQUEST = "PROVIDER_REFUSED"


RETRYABLE = frozenset(
    {
        FailureKind.RATE_LIMITED, FailureKind.OVERLOADED, FailureKind.UNREACHABLE, FailureKind.TIMEOUT,
        FailureKind.STALLED, FailureKind.TRUNCATED, FailureKind.DROPPED, FailureKind.MALFORMED, FailureKind.EMPTY,
    }
)  # fmt: skip
"""Failures that another try may cure."""

TRIPPING = RETRYABLE - {FailureKind.RATE_LIMITED}
"""Failures that speak against a model's health; a 429 cools it down instead, and a 4xx is the request's fault."""

ELSEWHERE = RETRYABLE | {FailureKind.QUOTA, FailureKind.AUTHENTICATION, FailureKind.MODEL_UNKNOWN}
"""Failures that another model may be spared."""


class ProviderFailure(Exception):
    """A provider did not answer as it should. The text never holds a prompt or a key."""

    def __init__(
        self, kind: FailureKind, detail: str = "", *, retry_after: float | None = None, status: int = 0
    ) -> None:
        super().__init__(f"{kind.value}: {detail}" if detail else kind.value)
        self.kind = kind
        self.detail = detail
        self.retry_after = retry_after
        """Seconds the provider asked to wait."""
        self.status = status
        """The HTTP status; 0 where there was none."""


@dataclass(slots=True)
class _CallPieces:
    id: str = ""
    name: str = ""
    arguments: str = ""


@dataclass(slots=True)
class ToolCallBuilder:
    """Puts tool calls together from their pieces; only whole ones come out.

    A piece belongs to the call with its number. Some servers number none, or all of them 0: there another id with a
    name of its own begins another call.
    """

    calls: list[_CallPieces] = field(default_factory=list)
    numbered: dict[int | None, _CallPieces] = field(default_factory=dict)

    def add(self, index: int | None, call_id: str | None, name: str | None, arguments: str | None) -> None:
        """Takes one piece of the call at `index`."""
        part = self.numbered.get(index)
        if part is None or (call_id and name and part.id not in ("", call_id)):
            part = self.numbered[index] = _CallPieces()
            self.calls.append(part)
        part.id = part.id or str(call_id or "")
        part.name = part.name or (name or "")
        part.arguments += arguments or ""

    def finish(self, loads: Any) -> list[ToolCall]:
        """The calls in order. Raises ProviderFailure (MALFORMED) where arguments are no JSON object."""
        calls = []
        for position, part in enumerate(self.calls):
            try:
                arguments = loads(part.arguments or "{}")
            except (ValueError, RecursionError) as error:
                raise ProviderFailure(FailureKind.MALFORMED, "a tool call's arguments are no JSON") from error
            if not isinstance(arguments, Mapping) or not part.name or not isinstance(part.name, str):
                raise ProviderFailure(FailureKind.MALFORMED, "a tool call is incomplete")
            calls.append(ToolCall(part.id or f"call_{position}", part.name, part.arguments or "{}"))
        return calls
