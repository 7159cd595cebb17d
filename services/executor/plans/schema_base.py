"""What intents are made of: names, choices among what exists, references to what the plan itself makes."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

MAX_REPEAT = 200

ChannelKind = Literal["text", "voice", "category", "announcement", "stage", "forum", "media"]
PermissionName = Annotated[str, Field(max_length=40, pattern=r"^[a-z_]+$")]
Name = Annotated[str, Field(min_length=1, max_length=100)]
Symbol = Annotated[str, Field(min_length=1, max_length=40, pattern=r"^[A-Za-z][A-Za-z0-9_-]*$")]
Colour = Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$")]


class Closed(BaseModel):
    """Refuses keys that it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, use_attribute_docstrings=True)

    @model_validator(mode="before")
    @classmethod
    def _null_is_absent(cls, value: Any) -> Any:
        # Structured output must write every key, so models say null for what they leave out.
        return {k: v for k, v in value.items() if v is not None} if isinstance(value, dict) else value


class Select(Closed):
    """Chooses existing things by what people see of them. All that is given must hold."""

    names: tuple[Name, ...] = ()
    """Exact names, case ignored, a leading # or @ allowed; for members also user names or ids."""
    name_glob: str | None = Field(default=None, max_length=100)
    """A pattern with * and ?, for example `test*`."""
    contains: str | None = Field(default=None, max_length=100)
    """A part of the name."""
    types: tuple[ChannelKind, ...] = ()
    """Channels of these kinds only."""
    category: Name | None = None
    """Channels inside this category only."""
    with_role: Name | None = None
    """Members who have this role only; `everyone` is all members."""
    without_role: Name | None = None
    """Members who lack this role only."""
    bots: bool | None = None
    """Members that are bots (true) or people (false) only."""
    empty: bool | None = None
    """Categories without channels, or roles without members, only."""
    exclude: tuple[Name, ...] = ()
    """Names that are left out."""
    all: bool = False
    """Everything there is. Without it and without any condition, nothing is chosen."""


class Targets(Closed):
    """What an intent acts on: what an earlier intent made, or what is chosen."""

    from_: Symbol | None = Field(default=None, alias="from")
    """The `id` of an intent of this plan."""
    select: Select | None = None
    """A choice among what exists."""

    @model_validator(mode="after")
    def _one(self) -> Targets:
        if (self.from_ is None) == (self.select is None):
            raise ValueError("give either `from` or `select`")
        return self


class Overwrite(Closed):
    """What a role or a member may do in a channel, beyond what they may elsewhere."""

    who: Targets
    """Roles or members; the role `everyone` is @everyone."""
    kind: Literal["role", "member"] = "role"
    """Which of the two `who` chooses."""
    allow: tuple[PermissionName, ...] = ()
    """Permissions granted, by Discord's names in lower case: `view_channel`, `send_messages`."""
    deny: tuple[PermissionName, ...] = ()
    """Permissions taken away."""


class IntentBase(Closed):
    """What all intents have."""

    id: Symbol | None = None
    """A name for what this makes, for later intents of the plan."""
