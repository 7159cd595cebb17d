"""Scoped settings as the contract's messages, both ways."""

from collections.abc import Mapping
from typing import Any

from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.struct_pb2 import Value as JsonValue
from guildhall.settings.v1 import settings_pb2

from chassis.errors import InvalidArgument
from chassis.scoped.declarations import Setting, Value
from chassis.scoped.places import Place, Scope, ScopeKind
from chassis.scoped.store import ScopeValues


def to_json(value: Value | None) -> JsonValue:
    """A value as JSON."""
    plain: Any = list(value) if isinstance(value, tuple) else value
    return ParseDict(plain, JsonValue())


def from_json(value: JsonValue) -> Any:
    """What a JSON value holds."""
    return MessageToDict(value)


def scope_message(scope: Scope) -> settings_pb2.Scope:
    """A scope for the wire."""
    return settings_pb2.Scope(kind=_kind(scope.kind), guild_id=scope.guild_id, id=scope.id)


def scope_from(message: settings_pb2.Scope) -> Scope:
    """A scope from the wire. InvalidArgument (SCOPE_INVALID)."""
    try:
        return Scope(ScopeKind(message.kind), message.guild_id, message.id)
    except ValueError as error:
        raise InvalidArgument("there is no such scope", reason="SCOPE_INVALID", fields={"scope": str(error)}) from error


def place_from(message: settings_pb2.Place) -> Place:
    """A place from the wire."""
    return Place(message.guild_id, message.category_id, message.channel_id, message.thread_id, message.user_id)


def scope_settings(held: ScopeValues) -> settings_pb2.ScopeSettings:
    """What a scope holds, for the wire."""
    message = settings_pb2.ScopeSettings(
        scope=scope_message(held.scope), version=held.version, recovered=held.recovered
    )
    message.update_time.FromNanoseconds(int(held.updated * 1e9))
    for key, value in held.values.items():
        message.values[key].CopyFrom(to_json(value))
    return message


def values_from(message: Mapping[str, JsonValue]) -> dict[str, Any]:
    """The values in a message, by key. Lists come as tuples, as they are kept."""
    found = {key: from_json(value) for key, value in message.items()}
    return {key: tuple(value) if isinstance(value, list) else value for key, value in found.items()}


def setting_message(setting: Setting) -> settings_pb2.Setting:
    """A declaration for the wire."""
    return settings_pb2.Setting(
        key=setting.key,
        type=settings_pb2.ValueType.ValueType(setting.kind.value),
        default_value=to_json(setting.default),
        scopes=[_kind(kind) for kind in setting.scopes],
        permissions=setting.permissions,
        description=setting.description,
        choices=setting.choices,
        minimum=setting.minimum,
        maximum=setting.maximum,
    )


def _kind(kind: ScopeKind) -> settings_pb2.ScopeKind.ValueType:
    return settings_pb2.ScopeKind.ValueType(kind.value)
