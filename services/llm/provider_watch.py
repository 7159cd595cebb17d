"""Says how the providers are: as the part `providers` of this service's health, and to operators.

It is no critical part: conversations, usage and cached answers are there without any provider.
"""

from __future__ import annotations

import asyncio

from chassis.rpc.health import HealthPart
from chassis.runtime import JSON
from chassis.settings import Live
from services.llm.health import Health
from services.llm.pool import ProviderPool
from services.llm.settings import LlmSettings

LOOK_SECONDS = 1.0
"""Seconds between two looks; a model recovers by time alone, which nothing announces."""


class ProviderWatch:
    """Looks at providers and their models."""

    def __init__(self, settings: Live[LlmSettings], pool: ProviderPool, health: Health, part: HealthPart) -> None:
        self._settings = settings
        self._pool = pool
        self._health = health
        self._part = part

    async def watch_forever(self) -> None:
        """Keeps the part as the providers are."""
        while True:
            self.look()
            await asyncio.sleep(LOOK_SECONDS)

    def look(self) -> None:
        """Tells the part how the providers are now."""
        troubles = {**self._pool.problems(), **self._health.unwell()}
        if not self._settings.current.providers_in_force():
            self._part.not_serving("no provider is set up")
        elif troubles:
            self._part.not_serving("; ".join(f"{name}: {why}" for name, why in sorted(troubles.items())))
        else:
            self._part.serving()

    def facts(self) -> dict[str, JSON]:
        """What operators see."""
        settings = self._settings.current
        in_force = settings.providers_in_force()
        return {
            "offered": [each.name for each in self._pool.catalogue.all()],
            "problems": dict(self._pool.problems()),
            "resting": dict(self._health.unwell()),
            "not_set_up": [name for name in settings.providers if name not in in_force],
        }
