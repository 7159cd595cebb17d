"""What a request asks of the demo model and what it answers, apart from any wire format."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Role = Literal["user", "assistant", "tool"]


@dataclass(frozen=True)
class ToolCall:
    """A tool the model wants run: the id names the call, `arguments` are its JSON object."""

    id: str
    name: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True)
class Turn:
    """One message: its text, images as bytes, the tool calls an assistant made, or the call that a result answers."""

    role: Role
    text: str = ""
    images: tuple[bytes, ...] = ()
    tool_calls: tuple[ToolCall, ...] = ()
    answers_call: str = ""


@dataclass(frozen=True)
class Tool:
    """A tool on offer, with the JSON schema of its arguments."""

    name: str
    description: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Ask:
    """A request. `schema` is set where the answer must be JSON of that shape; {} where any JSON object will do.

    `tool_choice` is "auto", "none", "required" or the name of the tool that must be called.
    """

    model: str
    turns: tuple[Turn, ...]
    system: str = ""
    schema: Mapping[str, Any] | None = None
    tools: tuple[Tool, ...] = ()
    tool_choice: str = "auto"
    max_tokens: int = 4_096
    stop: tuple[str, ...] = ()
    thinking: bool = False

    @property
    def last(self) -> str:
        """What was said last by a person."""
        return next((turn.text for turn in reversed(self.turns) if turn.role == "user"), "")

    @property
    def asked(self) -> list[str]:
        """Everything that people said, oldest first."""
        return [turn.text for turn in self.turns if turn.role == "user"]


@dataclass(frozen=True)
class Reply:
    """An answer: thinking and text, or the tools to run."""

    text: str = ""
    thinking: str = ""
    tool_calls: tuple[ToolCall, ...] = ()


class RequestError(Exception):
    """A request that a provider would refuse: HTTP status, what is wrong, which field, and the provider's code."""

    def __init__(self, message: str, *, status: int = 400, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.param = param
        self.code = code
