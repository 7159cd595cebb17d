"""What a call costs: the configuration's price, else the list's of genai-prices, else unknown, which is not nothing."""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache

import genai_prices
from genai_prices.types import Usage as ListUsage

from services.llm.catalogue import Model
from services.llm.chat import Usage
from services.llm.settings import LlmSettings, Price

NANOS = 1_000_000_000


def cost_nanos(model: Model, usage: Usage, settings: LlmSettings) -> int | None:
    """Nano-dollars for a call; None where no price is known."""
    if (price := model.profile.price) is not None:
        return _by_price(price, usage)
    provider = settings.providers.get(model.provider)
    if provider is not None and provider.base_url and not provider.genai_provider:
        # Somebody's own server has no list price, whatever its models are called.
        return None
    if provider is not None and model.provider == "openai" and settings.openai_base_url and not provider.genai_provider:
        return None
    return _by_list((provider.genai_provider if provider else "") or model.provider, model.id, usage)


def _by_price(price: Price, usage: Usage) -> int:
    cached = price.input if price.cached_input is None else price.cached_input
    fresh = usage.input_tokens - usage.cached_input_tokens
    dollars = fresh * price.input + usage.cached_input_tokens * cached + usage.output_tokens * price.output
    return round(dollars * NANOS / 1_000_000)


def _by_list(provider: str, model_id: str, usage: Usage) -> int | None:
    if not _listed(provider, model_id):
        return None
    counted = ListUsage(
        input_tokens=usage.input_tokens, cache_read_tokens=usage.cached_input_tokens, output_tokens=usage.output_tokens
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
