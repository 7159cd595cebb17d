"""The one narrow interface between this service and a wire format."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Protocol

from services.llm.catalogue import Model
from services.llm.chat import NO_IMAGES, ChatEvent, ChatRequest, ImageTokens, Usage


@dataclass(frozen=True, slots=True)
class GeneratedImage:
    """An image that a model made."""

    data: bytes
    media_type: str
    usage: Usage | None
    image_tokens: ImageTokens = NO_IMAGES
    """Of the usage, what was pictures."""
    revised_prompt: str = ""


class Provider(Protocol):
    """A client of one endpoint. Every method raises ProviderFailure and nothing else of the endpoint's."""

    def stream(self, model: Model, request: ChatRequest) -> AsyncGenerator[ChatEvent, None]:
        """The events of one answer; Finished is the last. Closing the generator ends the request at once."""
        ...

    async def list_models(self) -> list[str]:
        """What the endpoint says it offers, by its own names."""
        ...

    async def generate_image(self, model_id: str, prompt: str, size: str, timeout: float) -> GeneratedImage:
        """One image."""
        ...

    async def aclose(self) -> None:
        """Closes the connections."""
        ...
