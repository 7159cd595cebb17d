"""Asks and changes what guilds, channels and people set, in whichever service keeps it."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from google.protobuf.struct_pb2 import ListValue, Value
from guildhall.settings.v1 import settings_pb2, settings_pb2_grpc

from chassis.scoped import Place, Scope, ScopeKind
from services.gateway.context import Context, Services
from services.gateway.handover import called

Plain = bool | float | str | tuple[str, ...] | None

SERVICES = ("llm", "executor", "gateway")


@dataclass(frozen=True, slots=True)
class InForce:
    """A value and the scope that it was set at; None for the default."""

    value: Plain
    source: ScopeKind | None
    recovered: bool = False
    """Whether it was read back from an announcement, after the store was lost."""


async def in_force(context: Context, place: Place, services: Sequence[str] = SERVICES) -> dict[str, dict[str, InForce]]:
    """What is in force in a place, by service and key; all services are asked at once."""
    request = settings_pb2.GetSettingsRequest(
        place=settings_pb2.Place(
            guild_id=place.guild_id,
            category_id=place.category_id,
            channel_id=place.channel_id,
            thread_id=place.thread_id,
            user_id=place.user_id,
        )
    )
    answers = await asyncio.gather(
        *(called(_stub(context, service).GetSettings(request, timeout=context.timeout)) for service in services)
    )
    return {
        service: {setting.key: _in_force(setting, answer.scopes) for setting in answer.settings}
        for service, answer in zip(services, answers, strict=True)
    }


async def values_in_force(services: Services, place: Place, deadline: float) -> dict[str, Plain]:
    """What is in force in a place by key, over all services."""
    request = settings_pb2.GetSettingsRequest(
        place=settings_pb2.Place(
            guild_id=place.guild_id,
            channel_id=place.channel_id,
            thread_id=place.thread_id,
            user_id=place.user_id,
        )
    )
    stubs = [services.stub(settings_pb2_grpc.SettingsServiceStub, name) for name in SERVICES]
    answers = await asyncio.gather(*(called(stub.GetSettings(request, timeout=deadline)) for stub in stubs))
    return {setting.key: from_value(setting.value) for answer in answers for setting in answer.settings}


async def update(
    context: Context, service: str, scope: Scope, values: Mapping[str, Plain], cleared: Sequence[str] = ()
) -> settings_pb2.ScopeSettings:
    """Sets and clears values at one scope; gives the scope as it is then. Errors as the contract names them."""
    held = await change(context.services, service, scope, values, cleared, deadline=context.timeout)
    context.guild_settings.learn(service, held)
    return held


async def change(
    services: Services,
    service: str,
    scope: Scope,
    values: Mapping[str, Plain],
    cleared: Sequence[str] = (),
    *,
    deadline: float,
) -> settings_pb2.ScopeSettings:
    """The same for who has no interaction in hand."""
    request = settings_pb2.UpdateSettingsRequest(
        scope=settings_pb2.Scope(
            kind=settings_pb2.ScopeKind.ValueType(scope.kind.value), guild_id=scope.guild_id, id=scope.id
        ),
        values={key: to_value(value) for key, value in values.items()},
        cleared_keys=cleared,
    )
    stub = services.stub(settings_pb2_grpc.SettingsServiceStub, service)
    answer = await called(stub.UpdateSettings(request, timeout=deadline))
    settings: settings_pb2.ScopeSettings = answer.settings
    return settings


def to_value(value: Plain) -> Value:
    """A value as the contract carries it."""
    match value:
        case None:
            return Value(null_value=0)  # type: ignore[arg-type]
        case bool():
            return Value(bool_value=value)
        case int() | float():
            return Value(number_value=value)
        case str():
            return Value(string_value=value)
    return Value(list_value=ListValue(values=[Value(string_value=item) for item in value]))


def from_value(value: Value) -> Plain:
    """A value of the contract, plain."""
    match value.WhichOneof("kind"):
        case "bool_value":
            return value.bool_value
        case "number_value":
            return value.number_value
        case "string_value":
            return value.string_value
        case "list_value":
            return tuple(item.string_value for item in value.list_value.values)
    return None


def _in_force(setting: settings_pb2.EffectiveSetting, scopes: Sequence[settings_pb2.ScopeSettings]) -> InForce:
    if not setting.source.kind:
        return InForce(from_value(setting.value), None)
    recovered = any(held.recovered for held in scopes if held.scope == setting.source)
    return InForce(from_value(setting.value), ScopeKind(setting.source.kind), recovered)


def _stub(context: Context, service: str) -> "settings_pb2_grpc.SettingsServiceStub":
    return context.services.stub(settings_pb2_grpc.SettingsServiceStub, service)
