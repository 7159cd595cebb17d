"""What holds for a request where it says nothing itself: the settings of person, thread, channel, category and guild,
then the configuration's defaults; and the instructions that come of it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Protocol

from chassis.clock import Clock
from chassis.settings import Live
from services.llm.access import Access
from services.llm.limits import Asker
from services.llm.problems import prompt_unknown
from services.llm.settings import LlmSettings


@dataclass(frozen=True, slots=True)
class Choice:
    """What is chosen for an answer; empty and None mean not chosen."""

    model: str = ""
    prompt: str = ""
    temperature: float | None = None
    effort: str = ""
    language: str = ""


@dataclass(frozen=True, slots=True)
class Persona:
    """Instructions that people can choose."""

    name: str
    text: str
    label: str = ""
    description: str = ""
    guild_id: int = 0
    """The guild it belongs to; 0 for the configuration's."""


class ChosenSettings(Protocol):
    """The settings that guilds, channels and people made in Discord."""

    async def choice(self, asker: Asker) -> Choice:
        """What was chosen for where and for whom this is asked."""
        ...

    async def withholding(self, people: Collection[int]) -> frozenset[int]:
        """Those of these people whose words stay out of what other people's questions send to a model."""
        ...


class Personas(Protocol):
    """The personas that guilds added."""

    async def find(self, guild_id: int, name: str) -> Persona | None:
        """The guild's persona of that name."""
        ...


class Preferences:
    """Finds what holds for a request."""

    def __init__(
        self, settings: Live[LlmSettings], clock: Clock, access: Access, chosen: ChosenSettings, personas: Personas
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._access = access
        self._chosen = chosen
        self._personas = personas

    async def choose(self, asker: Asker, request: Choice) -> Choice:
        """The request's own choices over the settings. A model or prompt set for a place is dropped where the asker may
        not use it.
        """
        setting = await self._chosen.choice(asker)
        if setting.model and not request.model and not await self._access.may_use_model(asker, setting.model):
            setting = replace(setting, model="")
        if setting.prompt and not request.prompt and not await self._access.may_use_prompt(asker, setting.prompt):
            setting = replace(setting, prompt="")
        return Choice(
            request.model or setting.model,
            request.prompt or setting.prompt,
            setting.temperature if request.temperature is None else request.temperature,
            request.effort or setting.effort,
            request.language or setting.language,
        )

    async def withholding(self, people: Collection[int]) -> frozenset[int]:
        """See ChosenSettings."""
        return await self._chosen.withholding(people) if people else frozenset()

    async def instructions(self, asker: Asker, choice: Choice) -> str:
        """The system prompt. Raises NotFound or PermissionDenied for a prompt that was named."""
        settings = self._settings.current
        name = choice.prompt or settings.default_prompt
        persona = await self._personas.find(asker.guild_id, name) if asker.guild_id else None
        configured = settings.prompts.get(name)
        if persona is None and configured is None:
            if choice.prompt:
                raise prompt_unknown(name)
            return ""
        if choice.prompt:
            await self._access.require_prompt(asker, name)
        text = persona.text if persona is not None else configured.text if configured is not None else ""
        return fill(text, self._clock.now(), choice.language)


def fill(text: str, now: float, language: str) -> str:
    """The instructions with the day and the language filled in. Other braces stay as they are."""
    day = datetime.fromtimestamp(now, UTC).strftime("%A, %d %B %Y")
    filled = text.replace("{date}", day).replace("{language}", language or "the language of the question")
    if language and "{language}" not in text:
        filled += f"\n\nAnswer in {language} unless asked for another language."
    return filled
