"""The configuration of the llm service: the sections `llm`, `providers`, `models`, `prompts` and `roles`.

Nothing about a provider or a model is known to the code: how a wire format is spoken is an adapter's, everything
else (windows, parameter names, prices, what a model can do) stands here and can be changed while running.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from chassis.settings import AtStart, Env, FromSection, Secret, Section
from chassis.tiers import Tier

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


class RetrySettings(Section):
    """How failures before the first delta are treated."""

    attempts: int = Field(default=3, ge=1, le=10)
    """Calls to one model at most."""
    base_delay: float = Field(default=0.25, gt=0)
    """Seconds before the second call; doubled each time, with full jitter."""
    max_delay: float = Field(default=4.0, gt=0)
    """The longest such wait. A provider's Retry-After above it means the next model is taken."""
    breaker_failures: int = Field(default=5, ge=1)
    """Failures in a row after which a model is left alone."""
    breaker_reset: float = Field(default=20.0, gt=0)
    """Seconds after which one call tries it again."""
    cooldown: float = Field(default=10.0, gt=0)
    """Seconds a model rests after a 429 that names no time."""
    max_cooldown: float = Field(default=300.0, gt=0)
    """The longest rest."""


class ConversationSettings(Section):
    """How conversations are kept."""

    ttl: float = Field(default=7 * 86_400.0, gt=0)
    """Seconds after the last turn until a conversation is forgotten."""
    max_turns: int = Field(default=200, ge=1)
    """Turns kept; older ones are dropped from the store."""
    max_prompt_chars: int = Field(default=100_000, ge=1)
    """Characters in one turn's inputs; protects counting from floods."""


class AttachmentSettings(Section):
    """What may be attached."""

    max_bytes: int = Field(default=8 * 2**20, ge=1)
    """The size of one attachment."""
    max_image_pixels: int = Field(default=40_000_000, ge=1)
    """The pixels of one image, before it is scaled down."""
    image_side: int = Field(default=1_568, ge=64)
    """The longer side that images are scaled down to."""
    max_text_chars: int = Field(default=60_000, ge=1)
    """Characters of a text or PDF that are put into the prompt; the rest is left out and said so."""
    max_pdf_pages: int = Field(default=60, ge=1)
    """Pages read of a PDF."""
    max_per_turn: int = Field(default=10, ge=1)
    """Attachments in one turn."""
    ttl: float = Field(default=86_400.0, gt=0)
    """Seconds until an attachment is forgotten."""


class CacheSettings(Section):
    """The response cache."""

    enabled: bool = True
    """Whether it is used at all."""
    entries: Annotated[int, AtStart()] = Field(default=1_000, ge=0)
    """Entries in this process."""
    max_bytes: Annotated[int, AtStart()] = Field(default=32 * 2**20, ge=0)
    """Bytes in this process."""
    ttl: float = Field(default=3_600.0, gt=0)
    """Seconds an entry lives."""
    stale_ttl: float = Field(default=86_400.0, gt=0)
    """Seconds for which recommendations may be served late when nothing fresh can be had."""


class LimitSettings(Section):
    """Limits taken from ratelimit before a call."""

    enabled: bool = True
    """Whether ratelimit is asked."""
    timeout: float = Field(default=1.0, gt=0)
    """Seconds to wait for ratelimit."""
    hold: float = Field(default=900.0, ge=0.1)
    """Seconds for which an estimate is held at most; for an answer that takes longer it is extended in time."""
    requests: tuple[str, ...] = ("llm_requests",)
    """Names of limits that a call takes one unit from."""
    tokens: tuple[str, ...] = ("llm_tokens",)
    """Names of limits that count tokens."""
    money: tuple[str, ...] = ("llm_money",)
    """Names of limits that count nano-dollars."""
    images: tuple[str, ...] = ("llm_images",)
    """Names of limits that an image takes one unit from."""
    provider: tuple[str, ...] = ()
    """Names of the limits on a provider's side, taken after the person's own."""
    budgets: tuple[str, ...] = ("*tokens*", "*money*")
    """Patterns of limits, as ratelimit names them in an answer, that a cheaper model may stay within."""
    when_exhausted: Literal["stop", "cheaper"] = "cheaper"
    """What happens at the end of a budget of tokens or money: no answer, or one by the model's `cheaper`."""
    when_unavailable: Literal["allow", "deny"] = "allow"
    """What happens while ratelimit does not answer."""


class AlertSettings(Section):
    """Alerts about what a guild spends in a calendar month (UTC)."""

    monthly_dollars: float | None = Field(default=None, ge=0)
    """A guild's budget; without one there are no alerts about money."""
    monthly_tokens: int | None = Field(default=None, ge=0)
    """A guild's budget of tokens; without one there are no alerts about tokens."""
    thresholds: tuple[float, ...] = (0.5, 0.8, 1.0)
    """Shares of a budget at which an alert is raised."""


class UsageSettings(Section):
    """The usage ledger."""

    fold_interval: float = Field(default=2.0, gt=0)
    """Seconds between two foldings of calls into sums."""
    keep_days: int = Field(default=400, ge=1)
    """Days that sums are kept."""
    alerts: AlertSettings = AlertSettings()
    """When to raise an alert."""


class MeasureSettings(Section):
    """How models' times and failures are counted."""

    hours: int = Field(default=6, ge=1, le=168)
    """Hours, the one under way included, whose calls are shown."""
    flush_interval: float = Field(default=5.0, gt=0)
    """Seconds between two times that counts are shared with other replicas."""


class ImageSettings(Section):
    """Image generation."""

    models: tuple[str, ...] = ("openai/gpt-image-2.5-flare", "openai/gpt-image-2")
    """Image models by `provider/id`, the first whose provider is there is taken."""
    sizes: tuple[str, ...] = ("1024x1024", "1536x1024", "1024x1536")
    """Sizes that may be asked for, the default first."""
    max_prompt_chars: int = Field(default=4_000, ge=1)
    """Characters of a prompt."""
    blocked_patterns: tuple[str, ...] = ()
    """Regular expressions (case is ignored) that a prompt must not match."""
    price_dollars: dict[str, float] = {}
    """Dollars for one image by model; absent means the cost is taken from the reported tokens, or unknown."""
    timeout: float = Field(default=120.0, gt=0)
    """Seconds to wait for an image."""
    chunk_bytes: int = Field(default=262_144, ge=1_024, le=2**20)
    """Bytes in one message of the answer."""


class SpotifySettings(Section):
    """Spotify's Web API, which verifies recommended titles."""

    client_id: str = ""
    """The application's id; without it titles stay unverified."""
    client_secret: Secret | None = None
    """The application's secret."""
    api_url: str = "https://api.spotify.com/v1"
    """The Web API."""
    token_url: str = "https://accounts.spotify.com/api/token"  # noqa: S105 - an address
    """Where tokens are had."""
    timeout: float = Field(default=4.0, gt=0)
    """Seconds to wait for one answer."""


class RecommendSettings(Section):
    """Music recommendations."""

    count: int = Field(default=8, ge=1, le=25)
    """Titles in one answer unless it says otherwise."""
    result_ttl: float = Field(default=6 * 3_600.0, gt=0)
    """Seconds for which a result is fresh."""
    keyword_ttl: float = Field(default=7 * 86_400.0, gt=0)
    """Seconds for which a title found for a keyword is remembered."""
    max_query_chars: int = Field(default=300, ge=1)
    """Characters of a request."""
    feedback_kept: int = Field(default=500, ge=1)
    """Titles remembered of one person."""
    model_timeout: float = Field(default=25.0, gt=0)
    """Seconds a model has before keywords or stale results are served."""
    spotify: SpotifySettings = SpotifySettings()
    """Verification."""


class LlmSettings(Section):
    """The section `llm`, with the shared sections that this service reads."""

    openai_base_url: Annotated[str, Env("OPENAI_BASE_URL")] = ""
    """The address of the provider `openai` where its own section names none."""
    openai_api_key: Annotated[Secret | None, Env("OPENAI_API_KEY")] = None
    """The key of the provider `openai` where its own section names none."""
    anthropic_base_url: Annotated[str, Env("ANTHROPIC_BASE_URL")] = ""
    """The address of the provider `anthropic` where its own section names none."""
    anthropic_api_key: Annotated[Secret | None, Env("ANTHROPIC_API_KEY")] = None
    """The key of the provider `anthropic` where its own section names none."""
    default_models: tuple[str, ...] = ("openai/gpt-6.1-terra", "anthropic/claude-sonnet-5-5")
    """The model for everyone, the first that is there; if none is, the first that any provider offers."""
    title_models: tuple[str, ...] = ("openai/gpt-6-luna", "anthropic/claude-haiku-5-5")
    """The model for titles, likewise; if none is there, the default model."""
    plan_models: tuple[str, ...] = ()
    """The model for plans, likewise."""
    recommend_models: tuple[str, ...] = ()
    """The model for recommendations, likewise."""
    default_prompt: str = "assistant"
    """The prompt for everyone."""
    default_effort: Effort = "low"
    """How much models think unless told otherwise."""
    answer_tokens: int = Field(default=4_096, ge=16)
    """Output reserved for an answer; never above the model's own cap."""
    coalesce: float = Field(default=0.03, ge=0, le=1)
    """Seconds over which deltas are gathered; the first is never held."""
    title_timeout: float = Field(default=6.0, gt=0)
    """Seconds a model has to give a title."""
    provider_budget: float = Field(default=300.0, gt=0)
    """Seconds for one answer where the caller gave no deadline."""
    discovery_wait: float = Field(default=3.0, gt=0)
    """Seconds that a call waits for the first list of models."""
    capture_content: bool = False
    """Whether prompts and answers are put into telemetry."""
    max_personas: int = Field(default=25, ge=0)
    """Personas that one guild may add."""
    max_persona_chars: int = Field(default=4_000, ge=1)
    """Characters of a persona."""
    retry: RetrySettings = RetrySettings()
    conversations: ConversationSettings = ConversationSettings()
    attachments: AttachmentSettings = AttachmentSettings()
    cache: CacheSettings = CacheSettings()
    limits: LimitSettings = LimitSettings()
    usage: UsageSettings = UsageSettings()
    measures: MeasureSettings = MeasureSettings()
    images: ImageSettings = ImageSettings()
    recommend: RecommendSettings = RecommendSettings()
    providers: Annotated[dict[str, ProviderSettings], FromSection("providers")] = {}
    models: Annotated[dict[str, ModelSettings], FromSection("models")] = {}
    prompts: Annotated[dict[str, PromptSettings], FromSection("prompts")] = {}
    roles: Annotated[dict[str, Tier], FromSection("roles")] = {}

    def providers_in_force(self) -> dict[str, ProviderSettings]:
        """The providers that can be called, the well-known environment variables filled in."""
        known = {
            "openai": (self.openai_base_url, self.openai_api_key),
            "anthropic": (self.anthropic_base_url, self.anthropic_api_key),
        }
        filled = {}
        for name, provider in self.providers.items():
            base_url, api_key = known.get(name, ("", None))
            complete = provider.model_copy(
                update={"base_url": provider.base_url or base_url, "api_key": provider.api_key or api_key}
            )
            if complete.base_url or complete.api_key:
                filled[name] = complete
        return filled

    @model_validator(mode="after")
    def _names_exist(self) -> LlmSettings:
        problems = [
            f"models.{name}: there is no provider {name.partition('/')[0]!r}"
            for name in self.models
            if not any(sign in name.partition("/")[0] for sign in "*?[")
            and name.partition("/")[0] not in self.providers
        ]
        problems += [
            f"roles.{name}.inherits: there is no role {parent!r}"
            for name, role in self.roles.items()
            for parent in role.inherits
            if parent not in self.roles
        ]
        if self.prompts and self.default_prompt not in self.prompts:
            problems.append(f"llm.default_prompt: there is no prompt {self.default_prompt!r}")
        if problems:
            raise ValueError("; ".join(problems))
        return self
