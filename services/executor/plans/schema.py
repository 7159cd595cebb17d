"""The language in which a model says what a person wants done: a closed set of intents with symbolic names.

A model never writes ids or permission bits. It names things as people do (`general`, `test*`), and what an earlier
intent of the same plan makes by that intent's `id`: `{"from": "cat"}`. The compiler resolves names against the guild as
it is and refuses what it cannot resolve; nothing here grants anything. Every object refuses unknown keys.

    {"summary": "Five test categories, then gone", "intents": [
      {"op": "create_channel", "id": "cats", "name": "test-{i}", "type": "category", "repeat": 5},
      {"op": "delete_channel", "targets": {"from": "cats"}}], "unsupported": []}
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import BaseModel, Field, TypeAdapter, field_validator

from services.executor.plans.schema_base import MAX_REPEAT, Closed, Name, Overwrite, Select, Targets
from services.executor.plans.schema_channels import (
    ArchiveChannel,
    ClearPermission,
    CloneChannel,
    CreateChannel,
    DeleteChannel,
    EditChannel,
    LockChannel,
    MoveChannel,
    ReorderChannels,
    SetPermission,
    SyncChannel,
)
from services.executor.plans.schema_people import (
    Ban,
    CreateRole,
    DeleteRole,
    EditRole,
    GiveRole,
    Kick,
    Prune,
    ReorderRoles,
    SetNickname,
    TakeRole,
    Timeout,
    Unban,
)
from services.executor.plans.schema_rest import (
    CreateAutomod,
    CreateEmoji,
    CreateEvent,
    CreateInvite,
    CreateThread,
    CreateWebhook,
    DeleteAutomod,
    DeleteEmoji,
    DeleteEvent,
    DeleteInvites,
    DeleteThread,
    DeleteWebhooks,
    EditAutomod,
    EditEmoji,
    EditEvent,
    EditGuild,
    EditThread,
    PinMessages,
    PurgeMessages,
)

__all__ = [
    "MAX_INTENTS",
    "MAX_REPEAT",
    "PLAN",
    "ArchiveChannel",
    "Ban",
    "ClearPermission",
    "CloneChannel",
    "CreateAutomod",
    "CreateChannel",
    "CreateEmoji",
    "CreateEvent",
    "CreateInvite",
    "CreateRole",
    "CreateThread",
    "CreateWebhook",
    "DeleteAutomod",
    "DeleteChannel",
    "DeleteEmoji",
    "DeleteEvent",
    "DeleteInvites",
    "DeleteRole",
    "DeleteThread",
    "DeleteWebhooks",
    "EditAutomod",
    "EditChannel",
    "EditEmoji",
    "EditEvent",
    "EditGuild",
    "EditRole",
    "EditThread",
    "GiveRole",
    "Intent",
    "Kick",
    "LockChannel",
    "MoveChannel",
    "Name",
    "Overwrite",
    "PinMessages",
    "PlanDocument",
    "Prune",
    "PurgeMessages",
    "ReorderChannels",
    "ReorderRoles",
    "Select",
    "SetNickname",
    "SetPermission",
    "SyncChannel",
    "TakeRole",
    "Targets",
    "Timeout",
    "Unban",
    "json_schema",
    "parse",
]

MAX_INTENTS = 60

Intent = Annotated[
    CreateChannel
    | EditChannel
    | DeleteChannel
    | MoveChannel
    | ReorderChannels
    | CloneChannel
    | LockChannel
    | ArchiveChannel
    | SyncChannel
    | SetPermission
    | ClearPermission
    | CreateRole
    | EditRole
    | DeleteRole
    | ReorderRoles
    | GiveRole
    | TakeRole
    | SetNickname
    | Timeout
    | Kick
    | Ban
    | Unban
    | Prune
    | PurgeMessages
    | PinMessages
    | CreateThread
    | EditThread
    | DeleteThread
    | CreateInvite
    | DeleteInvites
    | CreateWebhook
    | DeleteWebhooks
    | CreateEmoji
    | EditEmoji
    | DeleteEmoji
    | CreateEvent
    | EditEvent
    | DeleteEvent
    | CreateAutomod
    | EditAutomod
    | DeleteAutomod
    | EditGuild,
    Field(discriminator="op"),
]


class PlanDocument(Closed):
    """What a model answers with."""

    summary: str = Field(default="", max_length=200)
    """What is wanted, in one line."""
    intents: tuple[Intent, ...] = Field(max_length=MAX_INTENTS)
    """What to do, in order."""
    unsupported: tuple[str, ...] = ()
    """The parts of the request that these intents cannot express, in the person's own words."""
    question: str | None = Field(default=None, max_length=300)
    """What must be asked of the person first, where the request does not say what is meant."""

    @field_validator("intents")
    @classmethod
    def _symbols(cls, intents: tuple[Any, ...]) -> tuple[Any, ...]:
        known: set[str] = set()
        for index, intent in enumerate(intents):
            for symbol in _references(intent):
                if symbol not in known:
                    raise ValueError(f"intent {index} refers to {symbol!r}, which no earlier intent makes")
            if intent.id is not None:
                if intent.id in known:
                    raise ValueError(f"two intents are called {intent.id!r}")
                known.add(intent.id)
        return intents


PLAN: TypeAdapter[PlanDocument] = TypeAdapter(PlanDocument)

# What no way of asking a model needs. Bounds stay: llm leaves out what a vendor refuses, and judges the answer by all.
_LEFT_OUT = frozenset({"default", "title", "discriminator"})


def json_schema() -> dict[str, Any]:
    """The schema to give to a model: closed objects, one of several kinds by its `op`."""
    schema: dict[str, Any] = _plain(PLAN.json_schema(by_alias=True))
    return schema


def parse(text: str | bytes) -> PlanDocument:
    """Validates a model's answer. Raises `pydantic.ValidationError` with every mistake."""
    return PLAN.validate_json(text)


def _references(value: object) -> Iterator[str]:
    if isinstance(value, Targets):
        if value.from_ is not None:
            yield value.from_
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _references(getattr(value, name))
    elif isinstance(value, tuple):
        for item in value:
            yield from _references(item)


def _plain(node: Any) -> Any:
    if isinstance(node, list):
        return [_plain(item) for item in node]
    if not isinstance(node, dict):
        return node
    result = {key: _plain(value) for key, value in node.items() if key not in _LEFT_OUT or key == "properties"}
    if "properties" in node:
        # A property may well be called as a keyword is.
        result["properties"] = {name: _plain(below) for name, below in node["properties"].items()}
        result["additionalProperties"] = False
    if "oneOf" in result:
        result["anyOf"] = result.pop("oneOf")
    if "const" in result:
        result["enum"] = [result.pop("const")]
    return result
