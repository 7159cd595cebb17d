"""What a section of the configuration is made of."""

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A part of guildhall.yaml. Frozen, and strict about its keys: a misspelt one is refused."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, validate_default=True, use_attribute_docstrings=True, hide_input_in_errors=True
    )


@dataclass(frozen=True)
class Env:
    """Marks a field that a well-known environment variable also sets: `Annotated[str, Env("REDIS_URL")]`."""

    name: str


@dataclass(frozen=True)
class AtStart:
    """Marks a field that is read once, when the process starts: `Annotated[Store, AtStart()]`. A change of it takes
    effect at the next start, and a reload says so."""


@dataclass(frozen=True)
class FromSection:
    """Marks a field of a service's settings whose value is a whole shared section of the file.

    `models: Annotated[dict[str, Model], FromSection("models")]` in a service's settings reads the top-level `models`.
    """

    name: str
