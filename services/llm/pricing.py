"""What a call costs: the configuration's price, else the list's of genai-prices, else unknown, which is not nothing."""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache

import genai_prices
from genai_prices.types import Usage as ListUsage

from services.llm.catalogue import Model
from services.llm.chat import NO_IMAGES, ImageTokens, Usage
from services.llm.model_settings import Price
from services.llm.settings import LlmSettings

NANOS = 1_000_000_000


def cost_nanos(model: Model, usage: Usage, settings: LlmSettings, images: ImageTokens = NO_IMAGES) -> int | None:
    """Nano-dollars for a call; None where no price is known.

    Args:
        model: The model that answered.
        usage: All tokens of the call.
        settings: The configuration, with prices of its own.
        images: Those of them that were pictures, where they are priced apart.
    """
    if (price := model.profile.price) is not None:
        return _by_price(price, usage, images)
    provider = settings.providers.get(model.provider)
    if provider is not None and provider.base_url and not provider.genai_provider:
        # Somebody's own server has no list price, whatever its models are called.
        return None
    if provider is not None and model.provider == "openai" and settings.openai_base_url and not provider.genai_provider:
        return None
    return _by_list((provider.genai_provider if provider else "") or model.provider, model.id, usage, images)


def _by_price(price: Price, usage: Usage, images: ImageTokens) -> int:
    cached = price.input if price.cached_input is None else price.cached_input
    seen = price.input if price.image_input is None else price.image_input
    drawn = price.output if price.image_output is None else price.image_output
    fresh = usage.input_tokens - usage.cached_input_tokens - images.input
    dollars = fresh * price.input + usage.cached_input_tokens * cached + images.input * seen
    dollars += (usage.output_tokens - images.output) * price.output + images.output * drawn
    return round(dollars * NANOS / 1_000_000)


def _by_list(provider: str, model_id: str, usage: Usage, images: ImageTokens) -> int | None:
    if not _listed(provider, model_id):
        return None
    counted = ListUsage(
        input_tokens=usage.input_tokens,
        cache_read_tokens=usage.cached_input_tokens,
        output_tokens=usage.output_tokens,
        input_image_tokens=images.input,
        output_image_tokens=images.output,
    )
    try:
        price = genai_prices.calc_price(counted, model_id, provider_id=provider)
    except (LookupError, ValueError):
        return None
    return int(Decimal(price.total_price) * NANOS)


@lru_cache(maxsize=1_024)
def _listed(provider: str, model_id: str) -> bool:
    try:
        genai_prices.calc_price(ListUsage(input_tokens=1, output_tokens=1), model_id, provider_id=provider)
    except (LookupError, ValueError):
        return False
    return True
