"""ModelService."""

from __future__ import annotations

from typing import Any

from guildhall.llm.v1 import model_pb2, model_pb2_grpc

from chassis.settings import Live
from services.llm.generation import Generator
from services.llm.listing import ListedModel, ListedPersona, Listing
from services.llm.pool import ProviderPool
from services.llm.preferences import Persona
from services.llm.problems import model_unknown, no_model, prompt_too_long
from services.llm.servicers.common import asker, duration
from services.llm.settings import LlmSettings

_HEALTH = {
    "ok": model_pb2.MODEL_HEALTH_OK,
    "cooling": model_pb2.MODEL_HEALTH_COOLING,
    "open": model_pb2.MODEL_HEALTH_FAILING,
    "probing": model_pb2.MODEL_HEALTH_FAILING,
}
LONGEST_TEXT = 2_000_000


class ModelServicer(model_pb2_grpc.ModelServiceServicer):
    """What can be asked, and by whom."""

    def __init__(self, settings: Live[LlmSettings], pool: ProviderPool, listing: Listing, generator: Generator) -> None:
        self._settings = settings
        self._pool = pool
        self._listing = listing
        self._generator = generator

    async def ListModels(self, request: model_pb2.ListModelsRequest, context: Any) -> model_pb2.ListModelsResponse:
        """See the contract."""
        await self._pool.discovered(self._settings.current.discovery_wait)
        listed = await self._listing.models(asker(), self._pool.catalogue, only_allowed=request.only_allowed)
        over = 3_600.0 * self._settings.current.measures.hours
        return model_pb2.ListModelsResponse(
            models=[_model(each, over) for each in listed], problems=self._pool.problems()
        )

    async def ListPrompts(self, request: model_pb2.ListPromptsRequest, context: Any) -> model_pb2.ListPromptsResponse:
        """See the contract."""
        return model_pb2.ListPromptsResponse(prompts=[_prompt(each) for each in await self._listing.personas(asker())])

    async def PutPrompt(self, request: model_pb2.PutPromptRequest, context: Any) -> model_pb2.PutPromptResponse:
        """See the contract."""
        who, given = asker(), request.prompt
        persona = Persona(given.name, given.text, given.label, given.description, who.guild_id)
        kept = await self._listing.put_persona(persona, who)
        return model_pb2.PutPromptResponse(prompt=_prompt(ListedPersona(kept, allowed=True, editable=True)))

    async def DeletePrompt(
        self, request: model_pb2.DeletePromptRequest, context: Any
    ) -> model_pb2.DeletePromptResponse:
        """See the contract."""
        await self._listing.delete_persona(request.name, asker())
        return model_pb2.DeletePromptResponse()

    async def CountTokens(self, request: model_pb2.CountTokensRequest, context: Any) -> model_pb2.CountTokensResponse:
        """See the contract."""
        if len(request.text) > LONGEST_TEXT:
            raise prompt_too_long(len(request.text), LONGEST_TEXT)
        catalogue = self._pool.catalogue
        if request.model:
            model = catalogue.find(request.model)
            if model is None:
                raise model_unknown(request.model)
        else:
            await self._pool.discovered(self._settings.current.discovery_wait)
            model = await self._listing.default(asker(), self._pool.catalogue)
            if model is None:
                raise no_model()
        count = await model.counter.text_off_loop(request.text)
        return model_pb2.CountTokensResponse(tokens=count.tokens, estimated=count.estimated, model=model.name)


def _model(listed: ListedModel, over: float) -> model_pb2.Model:
    model, profile, measured = listed.model, listed.model.profile, listed.measured
    return model_pb2.Model(
        name=model.name,
        label=model.label,
        context_window=profile.context_window,
        max_output_tokens=profile.max_output_tokens,
        vision=profile.vision,
        tools=profile.tools,
        thinking=profile.thinking != "none",
        input_price_nanos=listed.input_price,
        output_price_nanos=listed.output_price,
        health=_HEALTH[listed.state],
        back_in=duration(listed.back_in) if listed.back_in else None,
        allowed=listed.allowed,
        is_default=listed.is_default,
        exact_counts=bool(profile.encoding),
        median_first_text=duration(measured.median_first) if measured.median_first is not None else None,
        error_rate=measured.error_rate,
        measured_calls=measured.calls,
        measured_over=duration(over),
    )


def _prompt(listed: ListedPersona) -> model_pb2.Prompt:
    persona = listed.persona
    return model_pb2.Prompt(
        name=persona.name,
        label=persona.label,
        description=persona.description,
        text=persona.text if listed.editable else "",
        own=persona.guild_id != 0,
        allowed=listed.allowed,
    )
