"""The clients of all providers, kept in step with the configuration.

A provider that changes gets a new client at once; calls in flight finish on the old one, which is closed after the last
of them. What providers offer is asked in the background and now and then again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

import structlog

from chassis.clock import Clock
from chassis.settings import Live
from services.llm.anthropic_provider import AnthropicProvider
from services.llm.catalogue import Catalogue
from services.llm.chat import FailureKind, ProviderFailure
from services.llm.model_settings import ProviderSettings
from services.llm.openai_provider import OpenAIProvider
from services.llm.provider import Provider
from services.llm.settings import LlmSettings

log = structlog.get_logger(__name__)
WIRES: Mapping[str, Callable[[ProviderSettings], Provider]] = {"openai": OpenAIProvider, "anthropic": AnthropicProvider}
RETRY_DISCOVERY = 5.0
"""Seconds until a provider that did not say what it offers is asked again."""


class _Client:
    """A provider's client with the number of calls that use it."""

    def __init__(self, settings: ProviderSettings) -> None:
        self.settings = settings
        self.provider = WIRES[settings.wire](settings)
        self.users = 0
        self.idle = asyncio.Event()
        self.idle.set()


class ProviderPool:
    """Clients by provider, and the catalogue of what they offer."""

    def __init__(self, settings: Live[LlmSettings], clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._clients: dict[str, _Client] = {}
        self._offered: dict[str, tuple[str, ...]] = {}
        self._failures: dict[str, str] = {}
        self._asked = asyncio.Event()
        self._changed = asyncio.Event()
        self._closing: set[asyncio.Task[None]] = set()
        self._apply(settings.current)
        settings.subscribe(lambda _, new: self._apply(new))

    @property
    def catalogue(self) -> Catalogue:
        """What there is now."""
        return self._catalogue

    def settings_of(self, provider: str) -> ProviderSettings:
        """How a provider that is there is set up."""
        return self._clients[provider].settings

    def may_offer(self, provider: str, model_id: str) -> bool:
        """Whether a provider offers a model, as far as is known: one that has not said may offer anything."""
        return provider not in self._offered or model_id in self._offered[provider]

    def problems(self) -> dict[str, str]:
        """Why a provider did not say what it offers, by provider."""
        return dict(self._failures)

    @asynccontextmanager
    async def lease(self, provider: str) -> AsyncIterator[Provider]:
        """The provider's client, which stays open until the lease ends. Raises ProviderFailure where it is gone."""
        client = self._clients.get(provider)
        if client is None:
            raise ProviderFailure(FailureKind.MODEL_UNKNOWN, f"there is no provider {provider} any more")
        client.users += 1
        client.idle.clear()
        try:
            yield client.provider
        finally:
            client.users -= 1
            if client.users == 0:
                client.idle.set()

    async def discovered(self, wait: float) -> None:
        """Returns once every provider was asked what it offers, or after `wait` seconds."""
        if not self._asked.is_set():
            try:
                async with asyncio.timeout(wait):
                    await self._asked.wait()
            except TimeoutError:
                log.warning("providers have not said yet what they offer", waited=wait)

    async def discover_forever(self) -> None:
        """Asks the providers what they offer, again after each provider's interval and after each change."""
        due: dict[str, float] = {}
        while True:
            self._changed.clear()
            now = self._clock.monotonic()
            names = [name for name, client in self._clients.items() if client.settings.discover]
            asked = [
                name for name in names if due.get(name, 0.0) <= now or name not in self._offered | self._failures.keys()
            ]
            await asyncio.gather(*(self._ask(name) for name in asked))
            for name in asked:
                ok = name in self._offered and name not in self._failures
                due[name] = (
                    now + (self._clients[name].settings.discover_interval if ok else RETRY_DISCOVERY)
                    if name in self._clients
                    else 0.0
                )
            if not self._changed.is_set():
                self._asked.set()
            wait = max(
                0.1, min((due.get(name, 0.0) for name in names), default=now + 3_600.0) - self._clock.monotonic()
            )
            try:
                async with asyncio.timeout(wait):
                    await self._changed.wait()
            except TimeoutError:
                continue

    async def aclose(self) -> None:
        """Closes all clients after the calls that use them."""
        for name in list(self._clients):
            self._retire(name)
        if self._closing:
            await asyncio.wait(self._closing)

    async def _ask(self, name: str) -> None:
        client = self._clients.get(name)
        if client is None:
            return
        try:
            async with asyncio.timeout(client.settings.first_token_timeout):
                offered = tuple(await client.provider.list_models())
        except (ProviderFailure, TimeoutError) as error:
            if self._clients.get(name) is client:
                # Not knowing is no reason to withhold what the configuration names.
                self._failures[name] = str(error) or type(error).__name__
                log.warning("provider did not say what it offers", provider=name, error=str(error))
            return
        if self._clients.get(name) is not client:
            return
        self._failures.pop(name, None)
        if self._offered.get(name) != offered:
            self._offered[name] = offered
            self._catalogue = Catalogue(self._settings.current, self._offered)
            log.info("provider offers models", provider=name, models=len(offered))

    def _apply(self, settings: LlmSettings) -> None:
        wanted = settings.providers_in_force()
        for name in list(self._clients):
            if wanted.get(name) != self._clients[name].settings:
                self._retire(name)
        for name, provider in wanted.items():
            if name not in self._clients:
                self._clients[name] = _Client(provider)
                if provider.discover:
                    self._asked.clear()
        if not any(provider.discover for provider in wanted.values()):
            self._asked.set()
        self._catalogue = Catalogue(settings, self._offered)
        self._changed.set()

    def _retire(self, name: str) -> None:
        client = self._clients.pop(name)
        self._offered.pop(name, None)
        self._failures.pop(name, None)

        async def close() -> None:
            await client.idle.wait()
            await client.provider.aclose()

        task = asyncio.get_running_loop().create_task(close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)
