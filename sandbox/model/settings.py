"""What can be set about the demo model, and the environment names that set it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

PREFIX = "SANDBOX_MODEL_"


@dataclass(frozen=True)
class ModelSettings:
    """How the demo model behaves when nothing else is said.

    tokens_per_second: the pace of an answer; 0 means as fast as the socket takes it.
    structured_tokens_per_second: the pace of JSON, which nobody reads while it comes.
    first_token_seconds: how long it thinks before the first token.
    context_tokens: the window; a longer request is refused as a real provider refuses it.
    max_output_tokens: the cap of an answer where the request names none.
    names: the models it answers to.
    """

    tokens_per_second: float = 60.0
    structured_tokens_per_second: float = 1_000.0
    first_token_seconds: float = 0.05
    context_tokens: int = 128_000
    max_output_tokens: int = 4_096
    names: tuple[str, ...] = ("demo", "demo-small", "demo-thinking", "demo-r1", "demo-image")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> ModelSettings:
        """Reads `SANDBOX_MODEL_TOKENS_PER_SECOND` and its like; ValueError names the variable that is no number."""

        def number(name: str, default: float) -> float:
            text = environment.get(PREFIX + name, "").strip()
            if not text:
                return default
            try:
                value = float(text)
            except ValueError:
                raise ValueError(f"{PREFIX}{name} must be a number, not {text!r}") from None
            if not 0 <= value < 1e9:
                raise ValueError(f"{PREFIX}{name} must be 0 or more, not {text!r}")
            return value

        names = tuple(n.strip() for n in environment.get(PREFIX + "NAMES", "").split(",") if n.strip())
        return cls(
            tokens_per_second=number("TOKENS_PER_SECOND", cls.tokens_per_second),
            structured_tokens_per_second=number("STRUCTURED_TOKENS_PER_SECOND", cls.structured_tokens_per_second),
            first_token_seconds=number("FIRST_TOKEN_SECONDS", cls.first_token_seconds),
            context_tokens=int(number("CONTEXT_TOKENS", cls.context_tokens)),
            max_output_tokens=int(number("MAX_OUTPUT_TOKENS", cls.max_output_tokens)),
            names=cls.names + tuple(n for n in names if n not in cls.names),
        )
