"""The configuration of the llm service: the sections `llm`, `providers`, `models`, `prompts` and `roles`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from chassis.settings import AtStart, Env, FromSection, Secret, Section
from chassis.tiers import Tier
from services.llm.feature_settings import AttachmentSettings, ImageSettings, RecommendSettings
from services.llm.model_settings import Effort, ModelSettings, PromptSettings, ProviderSettings


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
    patience: float = Field(default=5.0, ge=0)
    """Seconds for which ratelimit is asked again before a call is refused because limits can't be read."""
    when_unavailable: Literal["allow", "deny"] = "allow"
    """What happens while ratelimit itself can't be reached. While only its store is away it is asked, and each limit's
    `on_outage` decides."""


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
