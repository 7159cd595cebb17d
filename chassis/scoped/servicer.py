"""SettingsService: protobuf in, scoped settings out."""

import time
from collections.abc import AsyncIterator
from typing import Any

from guildhall.settings.v1 import settings_pb2, settings_pb2_grpc

from chassis.caller import current_caller
from chassis.deadline import remaining
from chassis.errors import PermissionDenied
from chassis.scoped import messages
from chassis.scoped.service import ScopedSettings, effective
from chassis.scoped.store import Revision, ScopeStore, ScopeValues

METHODS = ("ListSettings", "GetSettings", "UpdateSettings", "WatchSettings", "DeleteSettings")
# A watch ends then, and the watcher calls again: so a new replica gets its share of them.
WATCH_SECONDS = 300.0
# Before the watcher's own deadline, so that a watch ends well and not with an error.
_MARGIN = 0.5
_LOOK_SECONDS = 5.0


class SettingsServicer(settings_pb2_grpc.SettingsServiceServicer):
    """Serves the settings of one service."""

    def __init__(self, settings: ScopedSettings) -> None:
        self._settings = settings

    async def ListSettings(
        self, request: settings_pb2.ListSettingsRequest, context: Any
    ) -> settings_pb2.ListSettingsResponse:
        return settings_pb2.ListSettingsResponse(
            settings=[messages.setting_message(setting) for setting in self._settings.declarations]
        )

    async def GetSettings(
        self, request: settings_pb2.GetSettingsRequest, context: Any
    ) -> settings_pb2.GetSettingsResponse:
        wanted = self._settings.declarations.require(request.keys)
        held = await self._settings.store.get(messages.place_from(request.place).scopes())
        response = settings_pb2.GetSettingsResponse(scopes=[messages.scope_settings(scope) for scope in held])
        for setting in wanted:
            found = effective(setting, held)
            response.settings.add(
                key=setting.key,
                value=messages.to_json(found.value),
                source=messages.scope_message(found.source) if found.source else None,
            )
        return response

    async def UpdateSettings(
        self, request: settings_pb2.UpdateSettingsRequest, context: Any
    ) -> settings_pb2.UpdateSettingsResponse:
        caller = current_caller()
        if request.recovered and caller.person is not None:
            raise PermissionDenied("only the system restores settings", reason="SETTING_FORBIDDEN")
        held = await self._settings.update(
            caller,
            messages.scope_from(request.scope),
            messages.values_from(request.values),
            request.cleared_keys,
            expected_version=request.expected_version if request.HasField("expected_version") else None,
            recovered=request.recovered,
        )
        return settings_pb2.UpdateSettingsResponse(settings=messages.scope_settings(held))

    async def DeleteSettings(
        self, request: settings_pb2.DeleteSettingsRequest, context: Any
    ) -> settings_pb2.DeleteSettingsResponse:
        deleted = await self._settings.delete(current_caller(), messages.scope_from(request.scope))
        return settings_pb2.DeleteSettingsResponse(deleted_scopes=deleted)

    async def WatchSettings(
        self, request: settings_pb2.WatchSettingsRequest, context: Any
    ) -> AsyncIterator[settings_pb2.WatchSettingsResponse]:
        seconds = min(WATCH_SECONDS, (remaining() or WATCH_SECONDS) - _MARGIN)
        async for event in watched(self._settings.store, request.revision, seconds):
            yield event


async def watched(
    store: ScopeStore, revision_seen: str, seconds: float
) -> AsyncIterator[settings_pb2.WatchSettingsResponse]:
    """What changes in a store after a revision, for so many seconds; everything first where that is not known."""
    ends = time.monotonic() + seconds
    revision = Revision.parse(revision_seen)
    up_to_date = False
    while (left := ends - time.monotonic()) > 0:
        found = await store.since(revision, min(left, _LOOK_SECONDS)) if revision else None
        if found is None:
            revision = await store.revision()
            async for event in _everything(store, revision):
                yield event
            up_to_date = True
            continue
        revision, scopes = found
        for held in await store.get(dict.fromkeys(scopes)):
            yield _changed(revision, held)
        if scopes or not up_to_date:
            yield _event(revision, current=settings_pb2.Current())
            up_to_date = True


async def _everything(store: ScopeStore, revision: Revision) -> AsyncIterator[settings_pb2.WatchSettingsResponse]:
    # The revision is from before the telling began, so what changes meanwhile is told once more afterwards.
    yield _event(Revision("", "0-0"), reset=settings_pb2.Reset())
    async for held in store.all():
        yield _changed(Revision("", "0-0"), held)
    yield _event(revision, current=settings_pb2.Current())


def _changed(revision: Revision, held: ScopeValues) -> settings_pb2.WatchSettingsResponse:
    return _event(revision, changed=messages.scope_settings(held))


def _event(revision: Revision, **event: Any) -> settings_pb2.WatchSettingsResponse:
    return settings_pb2.WatchSettingsResponse(revision=str(revision), **event)
