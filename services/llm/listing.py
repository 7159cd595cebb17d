"""Which models and personas there are for somebody."""

from __future__ import annotations

from dataclasses import dataclass

from chassis.errors import PermissionDenied
from chassis.settings import Live
from services.llm.access import Access
from services.llm.catalogue import Catalogue, Model
from services.llm.chat import Usage
from services.llm.conversations import manages
from services.llm.generation import Generator
from services.llm.health import Health, State
from services.llm.limits import Asker
from services.llm.measures import Measured, Measures
from services.llm.personas import RedisPersonas
from services.llm.preferences import Choice, Persona, Preferences
from services.llm.pricing import cost_nanos
from services.llm.settings import LlmSettings

SAMPLE = 1_000
"""Tokens by which a price is asked for; prices rise above some hundred thousand."""

UNMEASURED = Measured(0, None, None)


@dataclass(frozen=True, slots=True)
class ListedModel:
    """A model as somebody sees it."""

    model: Model
    allowed: bool
    is_default: bool
    state: State
    back_in: float
    input_price: int | None
    """Nano-dollars for a million tokens."""
    output_price: int | None
    measured: Measured


@dataclass(frozen=True, slots=True)
class ListedPersona:
    """A persona as somebody sees it."""

    persona: Persona
    allowed: bool
    editable: bool


class Listing:
    """Lists what there is."""

    def __init__(
        self,
        settings: Live[LlmSettings],
        *,
        generator: Generator,
        access: Access,
        preferences: Preferences,
        health: Health,
        personas: RedisPersonas,
        measures: Measures,
    ) -> None:
        self._settings = settings
        self._generator = generator
        self._access = access
        self._preferences = preferences
        self._health = health
        self._personas = personas
        self._measures = measures

    async def models(self, asker: Asker, catalogue: Catalogue, *, only_allowed: bool) -> list[ListedModel]:
        """The models that are not hidden."""
        settings = self._settings.current
        shown = [model for model in catalogue.all() if not model.profile.hidden]
        default = await self.default(asker, catalogue) if shown else None
        measured = await self._measures.of_all()
        listed = []
        for model in shown:
            allowed = await self._access.may_use_model(asker, model.name)
            if only_allowed and not allowed:
                continue
            sent = cost_nanos(model, Usage(input_tokens=SAMPLE), settings)
            made = cost_nanos(model, Usage(output_tokens=SAMPLE), settings)
            listed.append(
                ListedModel(
                    model,
                    allowed,
                    default is not None and model.name == default.name,
                    self._health.state(model.name),
                    self._health.wait(model.name),
                    None if sent is None else sent * (1_000_000 // SAMPLE),
                    None if made is None else made * (1_000_000 // SAMPLE),
                    measured.get(model.name, UNMEASURED),
                )
            )
        return listed

    async def default(self, asker: Asker, catalogue: Catalogue) -> Model | None:
        """The model that answers somebody who names none; None where they may use none."""
        choice = await self._preferences.choose(asker, Choice())
        try:
            return await self._generator.pick(
                catalogue,
                asker,
                choice.model if catalogue.find(choice.model) else "",
                self._settings.current.default_models,
            )
        except PermissionDenied:
            return None

    async def personas(self, asker: Asker) -> list[ListedPersona]:
        """The personas of the guild, then those of the configuration that it did not replace."""
        editable = manages(asker) or not asker.user_id
        own = await self._personas.all(asker.guild_id)
        names = {persona.name for persona in own}
        configured = [
            Persona(name, prompt.text, prompt.label or name, prompt.description)
            for name, prompt in self._settings.current.prompts.items()
            if name not in names
        ]
        return [
            ListedPersona(
                persona, await self._access.may_use_prompt(asker, persona.name), editable and persona.guild_id != 0
            )
            for persona in (*own, *configured)
        ]

    async def put_persona(self, persona: Persona, asker: Asker) -> Persona:
        """Adds or changes a persona of the asker's guild."""
        await self._require_editor(asker)
        return await self._personas.put(persona)

    async def delete_persona(self, name: str, asker: Asker) -> None:
        """Takes a persona of the asker's guild away."""
        await self._require_editor(asker)
        await self._personas.delete(asker.guild_id, name)

    async def _require_editor(self, asker: Asker) -> None:
        await self._access.require_feature(asker, "personas")
        if asker.user_id and not manages(asker):
            raise PermissionDenied(
                "Editing personas takes Manage Server.", reason="FEATURE_FORBIDDEN", metadata={"feature": "personas"}
            )
        if not asker.guild_id:
            raise PermissionDenied(
                "Personas belong to a server.", reason="FEATURE_FORBIDDEN", metadata={"feature": "personas"}
            )
