"""Looks at the model providers that are named, and at what else the configuration file alone names."""

from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import aiohttp

from chassis.settings.loading import load
from chassis.settings.problems import ConfigurationError
from local.findings import Finding, Mark, reachable, reason, secret
from services.llm.settings import LlmSettings


async def named_by_environment(session: aiohttp.ClientSession, operator: dict[str, str]) -> AsyncIterator[Finding]:
    """The two providers whose addresses and keys are well-known variables."""
    openai, anthropic = secret(operator, "OPENAI_API_KEY"), secret(operator, "ANTHROPIC_API_KEY")
    openai_base = operator.get("OPENAI_BASE_URL", "https://api.openai.com/v1" if openai else "")
    if not (openai_base or anthropic):
        yield Finding(Mark.NOTE, "no model provider: the sandbox's demo model answers (OPENAI_API_KEY and others)")
    if openai_base:
        headers = {"Authorization": f"Bearer {openai}"} if openai else {}
        yield await _examine(session, "OPENAI_BASE_URL", f"{openai_base.rstrip('/')}/models", headers)
    if anthropic:
        base = operator.get("ANTHROPIC_BASE_URL", "https://api.anthropic.com").rstrip("/")
        headers = {"x-api-key": anthropic, "anthropic-version": "2023-06-01"}
        yield await _examine(session, "ANTHROPIC_API_KEY", f"{base}/v1/models", headers)


async def named_by_file(session: aiohttp.ClientSession, operator: dict[str, str]) -> AsyncIterator[Finding]:
    """What the configuration file alone names."""
    try:
        found = load("llm", LlmSettings, operator)
    except ConfigurationError:
        return  # that was said before
    for name, provider in found.service.providers.items():
        if provider.base_url:
            path = "models" if provider.wire == "openai" else "v1/models"
            key = provider.api_key.get_secret_value() if provider.api_key else ""
            own = {"Authorization": f"Bearer {key}"} if provider.wire == "openai" else {"x-api-key": key}
            headers = {**(own if key else {}), **provider.headers}
            yield await _examine(session, f"providers.{name}", f"{provider.base_url.rstrip('/')}/{path}", headers)
    endpoint = found.shared.telemetry.endpoint
    if endpoint and endpoint != operator.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
        yield await reachable("telemetry.endpoint", endpoint)


async def _examine(session: aiohttp.ClientSession, name: str, url: str, headers: dict[str, str]) -> Finding:
    try:
        host = urlsplit(url).netloc
    except ValueError:
        host = ""
    if not host:
        return Finding(Mark.WRONG, f"{name} is no address; it should look like http://127.0.0.1:11434/v1")
    try:
        async with session.get(url, headers=headers) as answer:
            if answer.status in (401, 403):
                return Finding(Mark.WRONG, f"the model provider at {host} refuses the key: correct the key for {name}")
            if answer.status >= 500:
                return Finding(Mark.WRONG, f"the model provider at {host} answers {answer.status}: try again later")
            if answer.content_type == "text/html":
                return Finding(
                    Mark.WRONG, f"what answers at {host} is a web page and no model provider: correct {name}"
                )
            return Finding(Mark.OK, f"the model provider at {host} answers")
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        return Finding(Mark.WRONG, f"the model provider at {host} can't be reached: {reason(error)}; correct {name}")
