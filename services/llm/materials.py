"""Attached things: pictures for models that see, texts and PDFs put into the prompt, everything else refused with a
sentence.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from chassis.errors import NotFound
from services.llm.chat import Image
from services.llm.conversation import ConversationTurn


@dataclass(frozen=True, slots=True)
class Material:
    """Something attached, made ready for models."""

    attachment_id: str
    filename: str
    kind: Literal["image", "text"]
    media_type: str
    data: bytes = b""
    """A picture's bytes."""
    text: str = ""
    """A text's characters."""
    cut: bool = False
    """Whether a part of the text was left out."""


class MaterialStore(Protocol):
    """Where attachments are kept for a while."""

    async def load(self, attachment_ids: Collection[str]) -> dict[str, Material]:
        """Those that are still there."""
        ...


class Materials:
    """Finds attachments and puts them into turns."""

    def __init__(self, store: MaterialStore) -> None:
        self._store = store

    async def load(self, attachment_ids: Collection[str], *, required: Collection[str]) -> dict[str, Material]:
        """Attachments by id. Raises NotFound (ATTACHMENT_UNKNOWN) for required ones that are gone."""
        found = await self._store.load(attachment_ids)
        for attachment_id in required:
            if attachment_id not in found:
                raise NotFound(
                    "An attachment is not there any more; please attach it again.",
                    reason="ATTACHMENT_UNKNOWN",
                    metadata={"attachment_id": attachment_id[:100]},
                )
        return found

    def arrange(
        self, turn: ConversationTurn, found: Mapping[str, Material], *, vision: bool
    ) -> tuple[Sequence[str], Sequence[Image], Sequence[str]]:
        """A turn's attached texts, its pictures for a model that sees, and what to tell the person."""
        texts: list[str] = []
        images: list[Image] = []
        notices: list[str] = []
        for entry in turn.inputs:
            for attachment_id in entry.attachment_ids:
                material = found.get(attachment_id)
                if material is None:
                    texts.append("[An attachment that is not kept any more.]")
                elif material.kind == "text":
                    rest = "\n[The rest was left out.]" if material.cut else ""
                    texts.append(f"Attached file {material.filename!r}:\n```\n{material.text}\n```{rest}")
                    if material.cut:
                        notices.append(f"Only the beginning of {material.filename} was read.")
                elif vision:
                    images.append(Image(material.media_type, material.data))
                else:
                    texts.append(f"[A picture {material.filename!r} that this model can't see.]")
                    notices.append("This model can't see pictures.")
        return texts, images, notices
