"""Providers, models and personas as they are configured.

Nothing about a provider or a model is known to the code: how a wire format is spoken is an adapter's, everything
else (windows, parameter names, prices, what a model can do) stands here and can be changed while running.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from chassis.settings import Secret, Section

Effort = Literal["off", "low", "medium", "high", "max"]


class ProviderSettings(Section):
    """One endpoint that serves models."""

    wire: Literal["openai", "anthropic"] = "openai"
    """The wire format: OpenAI's Chat Completions (and everything compatible with it) or Anthropic's Messages."""
    base_url: str = ""
    """Where it is; empty for the vendor's own address."""
    api_key: Secret | None = None
    """The key; absent for servers that ask for none. A provider with neither address nor key is left out."""
    discover: bool = True
    """Whether to ask the provider which models it offers."""
    discover_interval: float = Field(default=600.0, gt=0)
    """Seconds between two such questions."""
    exclude: tuple[str, ...] = (
        "*embed*", "*whisper*", "tts-*", "*-tts*", "*image*", "dall-e*", "*moderation*", "*realtime*", "*audio*",
        "*transcribe*", "*davinci*", "*babbage*", "*rerank*", "*search-preview*", "*-live-*",
    )  # fmt: skip
    """Patterns of offered models that are no chat models."""
    genai_provider: str = ""
    """The provider's name in the price list and in telemetry; empty for the provider's own key here."""
    headers: dict[str, str] = {}
    """More headers to send, for example a referrer that a broker asks for."""
    max_connections: int = Field(default=200, ge=1)
    """Connections held to it at most."""
    connect_timeout: float = Field(default=5.0, gt=0)
    """Seconds to wait for a connection."""
    first_token_timeout: float = Field(default=60.0, gt=0)
    """Seconds to wait for the first event of a stream."""
    idle_timeout: float = Field(default=30.0, gt=0)
    """Seconds of silence after which a stream counts as stalled."""


class Price(Section):
    """Dollars for a million tokens."""

    input: float = Field(ge=0)
    """Tokens sent."""
    output: float = Field(ge=0)
    """Tokens produced, reasoning included."""
    cached_input: float | None = Field(default=None, ge=0)
    """Tokens sent that the provider had cached; the price of input where absent."""
    image_input: float | None = Field(default=None, ge=0)
    """Tokens sent that were pictures, to models that make pictures; the price of input where absent."""
    image_output: float | None = Field(default=None, ge=0)
    """Tokens produced that were pictures; the price of output where absent."""


class ModelSettings(Section):
    """What a model can do and how it wants to be asked. Found by its name `provider/id`, or by the first pattern that
    fits.
    """

    id: str = ""
    """The name the provider knows it by; empty for what follows the slash."""
    label: str = ""
    """How people see it; empty for its name."""
    context_window: int = Field(default=32_768, ge=512)
    """Tokens that input and output share."""
    max_output_tokens: int = Field(default=4_096, ge=1)
    """Tokens it may produce in one answer."""
    encoding: str = ""
    """The tiktoken encoding, or empty where none is known: counts are then an estimate with `count_margin`."""
    count_margin: float = Field(default=1.15, ge=1)
    """By how much an estimate is raised."""
    vision: bool = False
    """Whether it takes images."""
    image_tokens: int = Field(default=1_100, ge=0)
    """What one image counts at most."""
    tools: bool = True
    """Whether it calls tools."""
    structured: tuple[Literal["json_schema", "tool", "json_object", "prompt"], ...] = (
        "json_schema",
        "tool",
        "json_object",
    )
    """Ways to get a document by a schema, the best first."""
    thinking: Literal["none", "effort", "budget", "adaptive", "inline"] = "none"
    """How it thinks: not at all, by OpenAI's effort, by Anthropic's token budget, as the model sees fit, or always and
    in its text.
    """
    efforts: dict[str, str] = {"off": "none", "low": "low", "medium": "medium", "high": "high", "max": "max"}
    """The provider's word for each of our efforts; one that is missing is not sent."""
    budgets: dict[str, int] = {"low": 2_048, "medium": 8_192, "high": 24_576, "max": 32_000}
    """Tokens for thinking by effort, for models that think by budget."""
    starts_in_thinking: bool = False
    """Whether its template opens the thinking in the prompt, so that only the closing tag is seen."""
    max_tokens_parameter: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    """What the output cap is called."""
    temperature: bool = True
    """Whether a temperature may be sent."""
    stream_options: bool = True
    """Whether it takes `stream_options`, by which usage is asked for."""
    system_role: Literal["system", "developer", "user"] = "system"
    """The role under which instructions are sent."""
    extra_body: dict[str, object] = {}
    """More fields for every request, as the provider documents them."""
    price: Price | None = None
    """Its price; absent for that of the price list."""
    fallbacks: tuple[str, ...] = ()
    """Models to take when this one cannot answer, in order."""
    cheaper: str = ""
    """The model to go on with when a budget is used up."""
    hidden: bool = False
    """Whether to leave it out of lists."""


class PromptSettings(Section):
    """A persona: instructions that open every context."""

    text: str = Field(min_length=1)
    """The instructions. `{date}`, `{guild}` and `{language}` are filled in."""
    label: str = ""
    """How people see it."""
    description: str = ""
    """One line about it."""
