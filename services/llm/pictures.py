"""Makes pictures with the first image model that is there, within rules of size and content."""

from __future__ import annotations

import re
from dataclasses import dataclass

import structlog
from opentelemetry.trace import SpanKind, Tracer

from chassis.clock import Clock
from chassis.errors import FailedPrecondition, InvalidArgument, Unavailable
from chassis.ids import new_id
from chassis.settings import Live
from services.llm.access import Access
from services.llm.catalogue import Model
from services.llm.chat import ELSEWHERE, FailureKind, Finish, ProviderFailure, Usage
from services.llm.conversation import clean
from services.llm.health import Health
from services.llm.limits import Asker, Denial, Limits, Spending
from services.llm.model_settings import ModelSettings
from services.llm.pool import ProviderPool
from services.llm.pricing import NANOS, cost_nanos
from services.llm.problems import empty_prompt, from_search, model_unknown, prompt_too_long
from services.llm.provider import GeneratedImage
from services.llm.router import NoModelAnsweredError
from services.llm.settings import LlmSettings
from services.llm.tasks import Background
from services.llm.telemetry import ERROR_TYPE, OPERATION_NAME, PROVIDER_NAME, REQUEST_MODEL
from services.llm.usage import CallRecord, Ledger

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture, and what it cost."""

    image: GeneratedImage
    model: str
    usage: Usage
    seconds: float


class Pictures:
    """Makes pictures."""

    def __init__(
        self,
        settings: Live[LlmSettings],
        clock: Clock,
        *,
        pool: ProviderPool,
        health: Health,
        access: Access,
        limits: Limits,
        ledger: Ledger,
        background: Background,
        tracer: Tracer,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._pool = pool
        self._health = health
        self._access = access
        self._limits = limits
        self._ledger = ledger
        self._background = background
        self._tracer = tracer

    async def make(  # noqa: PLR0917 - as the contract has them
        self, prompt: str, size: str, name: str, request_id: str, asker: Asker, budget: float
    ) -> Picture | Denial:
        """A picture, or the limit that stands against it. Raises GuildhallError as the contract says."""
        settings = self._settings.current.images
        prompt = clean(prompt)
        _check(prompt, size, self._settings.current)
        await self._access.require_feature(asker, "image")
        candidates = await self._candidates(name, asker)
        began_at = self._clock.monotonic()
        call_id = request_id or new_id(self._clock.now())
        price = settings.price_dollars.get(candidates[0].name, 0.0)
        estimate = Spending(0, round(price * NANOS), images=1)
        held = await self._limits.reserve(call_id, asker, candidates[0].name, estimate, budget)
        if isinstance(held, Denial):
            return held
        spent: Spending | None = None
        try:
            image, model = await self._first(
                candidates, prompt, size or settings.sizes[0], min(budget, settings.timeout)
            )
            usage = self._usage(model, image)
            spent = Spending(0, usage.cost_nanos or 0, images=1)
        finally:
            self._background.start(held.settle(spent))
        seconds = self._clock.monotonic() - began_at
        record = CallRecord(
            call_id,
            self._clock.now(),
            asker.guild_id,
            asker.user_id,
            model.name,
            "image",
            usage,
            seconds,
            Finish.STOP.value,
        )
        self._background.start(self._ledger.record(record))
        return Picture(image, model.name, usage, seconds)

    async def _candidates(self, name: str, asker: Asker) -> list[Model]:
        settings = self._settings.current
        if name and name not in settings.images.models:
            raise model_unknown(name)
        providers = settings.providers_in_force()
        found = [_image_model(each, settings) for each in ((name,) if name else settings.images.models)]
        found = [each for each in found if each.provider in providers and self._pool.may_offer(each.provider, each.id)]
        if not found:
            raise Unavailable("No model that makes pictures is set up.", reason="NO_IMAGE_MODEL")
        allowed = [model for model in found if await self._access.may_use_model(asker, model.name)]
        if not allowed:
            await self._access.require_model(asker, found[0].name)
        return allowed

    async def _first(
        self, candidates: list[Model], prompt: str, size: str, timeout: float
    ) -> tuple[GeneratedImage, Model]:
        """The picture of the first model that makes one."""
        last = ProviderFailure(FailureKind.OVERLOADED, "every model rests")
        model = candidates[0]
        for model in candidates:
            if not self._health.admit(model.name) and model is not candidates[-1]:
                continue
            try:
                return await self._ask(model, prompt, size, timeout), model
            except ProviderFailure as failure:
                last = failure
                log.warning("a picture failed", model=model.name, failure=failure.kind.value, detail=failure.detail)
                self._judge(model, failure)
                if failure.kind not in ELSEWHERE:
                    break
        raise from_search(NoModelAnsweredError(last, model, last.retry_after)) from last

    async def _ask(self, model: Model, prompt: str, size: str, timeout: float) -> GeneratedImage:
        attributes = {OPERATION_NAME: "image_generation", PROVIDER_NAME: model.provider, REQUEST_MODEL: model.id}
        with self._tracer.start_as_current_span(
            f"image_generation {model.id}", kind=SpanKind.CLIENT, attributes=attributes, record_exception=False
        ) as span:
            try:
                async with self._pool.lease(model.provider) as provider:
                    image = await provider.generate_image(model.id, prompt, size, timeout)
            except ProviderFailure as failure:
                span.set_attribute(ERROR_TYPE, failure.kind.value)
                raise
            self._health.succeeded(model.name)
            return image

    def _judge(self, model: Model, failure: ProviderFailure) -> None:
        retry = self._settings.current.retry
        if failure.kind is FailureKind.RATE_LIMITED:
            self._health.limited(model.name, failure.retry_after, retry)
        elif failure.kind in ELSEWHERE:
            self._health.failed(model.name, failure.kind.value, retry)
        else:
            self._health.released(model.name)

    def _usage(self, model: Model, image: GeneratedImage) -> Usage:
        """What a picture used: at its fixed price where one is configured, else by its tokens, else unknown."""
        usage = image.usage or Usage(estimated=True)
        fixed = self._settings.current.images.price_dollars.get(model.name)
        if fixed is not None:
            return usage.priced(round(fixed * NANOS))
        if image.usage is None:
            return usage.priced(None)
        return usage.priced(cost_nanos(model, usage, self._settings.current, image.image_tokens))


def _image_model(name: str, settings: LlmSettings) -> Model:
    provider, _, tail = name.partition("/")
    profile = settings.models.get(name, ModelSettings())
    return Model(name, provider, profile.id or tail, profile)


def _check(prompt: str, size: str, settings: LlmSettings) -> None:
    images = settings.images
    if not prompt:
        raise empty_prompt()
    if len(prompt) > images.max_prompt_chars:
        raise prompt_too_long(len(prompt), images.max_prompt_chars)
    if size and size not in images.sizes:
        raise InvalidArgument(
            f"That size is not made; there are {', '.join(images.sizes)}.",
            reason="SIZE_UNSUPPORTED",
            fields={"size": "unsupported"},
        )
    if any(re.search(pattern, prompt, re.IGNORECASE) for pattern in images.blocked_patterns):
        raise FailedPrecondition("The rules here don't allow such a picture.", reason="CONTENT_REFUSED")
