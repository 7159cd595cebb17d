"""`/data`: everything that is kept about oneself, in all services: given, forgotten, kept out of others' contexts."""

import asyncio
import json
from typing import Any

from guildhall.person.v1 import person_pb2, person_pb2_grpc
from guildhall.settings.v1 import settings_pb2, settings_pb2_grpc

from chassis.scoped import Scope, ScopeKind
from services.gateway.callbacks import File
from services.gateway.command import Command, Option, OptionKind
from services.gateway.context import Context
from services.gateway.handover import called
from services.gateway.numbers.asking import SERVICES
from services.gateway.registry import Registry
from services.gateway.scoped_client import Plain, from_value, update
from views import components
from views.custom_id import encode
from views.lists import within
from views.messages import message

DELETE = "data.delete"
# Bytes of a file that Discord takes anywhere.
_SMALLEST_LIMIT = 10 * 2**20
# Every service keeps something that people set, but ratelimit.
_WITH_SETTINGS = tuple(service for service in SERVICES if service != "ratelimit")


async def export(context: Context) -> None:
    """Gives everything that any service keeps about the person, as one file."""
    await context.defer(private=True)
    parts = await asyncio.gather(*(_part(context, service) for service in SERVICES))
    settings = await asyncio.gather(*(_set(context, service) for service in _WITH_SETTINGS))
    whole: dict[str, Any] = dict(zip(SERVICES, parts, strict=True))
    for service, own in zip(_WITH_SETTINGS, settings, strict=True):
        if own:
            whole[service]["settings"] = own
    content = json.dumps(whole, ensure_ascii=False, indent=2).encode()
    if len(content) > (context.interaction.attachment_size_limit or _SMALLEST_LIMIT):
        await context.respond(message(context.text("data.too_large")))
        return
    conversations = len(whole["llm"].get("conversations", ()))
    await context.respond(
        message(context.text("data.exported", conversations=conversations)), files=[File("my-data.json", content)]
    )


async def delete(context: Context) -> None:
    """Asks whether everything about the person is to be forgotten."""
    button = components.button(
        encode(DELETE, context.person.user_id), context.text("data.delete_button"), style=components.DANGER
    )
    await context.respond(message(context.text("data.delete_question"), components=[components.row(button)]))


async def deleted(context: Context) -> None:
    """Forgets everything about the person in all services, and says what was forgotten and what has to stay."""
    await context.defer_update()
    request = person_pb2.DeletePersonDataRequest(user_id=context.person.user_id)
    deadline = context.settings.current.deadlines.slow
    answers = await asyncio.gather(
        *(called(_people(context, service).DeletePersonData(request, timeout=deadline)) for service in SERVICES)
    )
    scope = settings_pb2.Scope(kind=settings_pb2.ScopeKind.ValueType(ScopeKind.PERSON.value), id=context.person.user_id)
    for service in _WITH_SETTINGS:
        stub = context.services.stub(settings_pb2_grpc.SettingsServiceStub, service)
        await called(stub.DeleteSettings(settings_pb2.DeleteSettingsRequest(scope=scope), timeout=deadline))
    llm = answers[SERVICES.index("llm")].forgotten
    rows = [context.text("data.deleted", turns=llm.get("questions", 0), conversations=llm.get("conversations", 0))]
    kept = [name for answer in answers for name in answer.kept]
    if kept:
        rows.append(context.text("data.kept"))
        rows += [context.text(f"data.kept_{name}") for name in kept if context.texts.has(f"data.kept_{name}")]
    await context.respond(message(within(rows)) | {"components": []})


async def contexts(context: Context) -> None:
    """Keeps what the person says out of what a model is given with other people's questions, or lets it in again."""
    allowed = bool(context.options.get("allowed", True))
    scope = Scope(ScopeKind.PERSON, 0, context.person.user_id)
    await update(context, "llm", scope, {"contexts": allowed})
    await context.respond(context.text("data.contexts_on" if allowed else "data.contexts_off"))


async def _part(context: Context, service: str) -> dict[str, Any]:
    """What one service keeps."""
    request = person_pb2.ExportPersonDataRequest(user_id=context.person.user_id)

    async def pieces() -> bytes:
        stream = _people(context, service).ExportPersonData(request, timeout=context.settings.current.deadlines.slow)
        return b"".join([piece.content async for piece in stream])

    found: dict[str, Any] = json.loads(await called(pieces()))
    return found


async def _set(context: Context, service: str) -> dict[str, Plain]:
    """What the person set for themselves in one service."""
    request = settings_pb2.GetSettingsRequest(place=settings_pb2.Place(user_id=context.person.user_id))
    stub = context.services.stub(settings_pb2_grpc.SettingsServiceStub, service)
    answer = await called(stub.GetSettings(request, timeout=context.timeout))
    return {
        key: from_value(value)
        for held in answer.scopes
        if held.scope.kind == ScopeKind.PERSON.value
        for key, value in held.values.items()
    }


def _people(context: Context, service: str) -> "person_pb2_grpc.PersonDataServiceStub":
    return context.services.stub(person_pb2_grpc.PersonDataServiceStub, service)


def register(registry: Registry) -> None:
    """Adds the command and its button."""
    allowed = Option("allowed", OptionKind.BOOLEAN, required=True)
    registry.command(
        Command(
            "data",
            subcommands=(
                Command("export", export),
                Command("delete", delete),
                Command("contexts", contexts, options=(allowed,)),
            ),
        )
    )
    registry.component(DELETE, deleted)
