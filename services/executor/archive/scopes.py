"""What scopes hold in the services that keep settings, asked and restored as the system's own work."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import grpc
from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.struct_pb2 import Value
from guildhall.settings.v1 import settings_pb2, settings_pb2_grpc

from chassis.caller import acting_for
from chassis.errors import from_rpc_error

SERVICES = ("llm", "gateway", "executor")
_SECONDS = 2.0
_PLACE_FIELDS = {1: "guild_id", 2: "category_id", 3: "channel_id", 4: "thread_id"}


class Scopes:
    """Reads and restores scopes."""

    def __init__(self, channel: Callable[[str], grpc.aio.Channel]) -> None:
        self._stubs = {service: settings_pb2_grpc.SettingsServiceStub(channel(service)) for service in SERVICES}

    async def held(self, service: str, scope: settings_pb2.Scope) -> Mapping[str, Any]:
        """What a scope itself holds in one service; empty where nothing was set. Raises GuildhallError."""
        place = settings_pb2.Place(guild_id=scope.guild_id)
        setattr(place, _PLACE_FIELDS[scope.kind], scope.id)
        request = settings_pb2.GetSettingsRequest(place=place)
        with acting_for(None):
            try:
                answer = await self._stubs[service].GetSettings(request, timeout=_SECONDS)
            except grpc.aio.AioRpcError as error:
                raise from_rpc_error(error) from error
        for each in answer.scopes:
            if each.scope.kind == scope.kind and each.scope.id == scope.id:
                return {key: MessageToDict(value) for key, value in each.values.items()}
        return {}

    async def restore(self, service: str, scope: settings_pb2.Scope, values: Mapping[str, Any]) -> None:
        """Sets what an announcement says, marked as recovered. Raises GuildhallError."""
        request = settings_pb2.UpdateSettingsRequest(
            scope=scope,
            values={key: ParseDict(value, Value()) for key, value in values.items()},
            expected_version=0,
            recovered=True,
        )
        with acting_for(None):
            try:
                await self._stubs[service].UpdateSettings(request, timeout=_SECONDS)
            except grpc.aio.AioRpcError as error:
                raise from_rpc_error(error) from error
