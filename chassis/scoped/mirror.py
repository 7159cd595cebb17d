"""A local copy of another service's scoped settings, or of one's own, so that asking costs nothing.

It watches for as long as the process runs. When the service is away the copy stays as it was, `part` says so, and the
watch is resumed from the last revision seen. One's own are watched in their store: a service that is not healthy yet
could not be asked.
"""

import asyncio
import dataclasses
import random
from collections.abc import AsyncIterator
from typing import Any

import grpc
import structlog
from guildhall.settings.v1 import settings_pb2, settings_pb2_grpc
from redis.exceptions import RedisError

from chassis.caller import acting_for
from chassis.rpc.health import HealthPart
from chassis.runtime import Runtime
from chassis.scoped import messages
from chassis.scoped.declarations import Declarations, Setting, Value, ValueKind
from chassis.scoped.places import Place, Scope, ScopeKind
from chassis.scoped.service import ScopedSettings, effective
from chassis.scoped.servicer import WATCH_SECONDS, watched
from chassis.scoped.store import ScopeValues

_MAX_PAUSE = 5.0
_log = structlog.stdlib.get_logger(__name__)


class SettingsMirror:
    """The settings of one service, as this process last heard of them."""

    def __init__(self, service: str, source: grpc.aio.Channel | ScopedSettings, part: HealthPart) -> None:
        self._service = service
        self._own = source if isinstance(source, ScopedSettings) else None
        self._stub = None if isinstance(source, ScopedSettings) else settings_pb2_grpc.SettingsServiceStub(source)
        self._part = part
        self._declarations = Declarations(())
        self._scopes: dict[Scope, ScopeValues] = {}
        self._revision = ""
        self._being_told: dict[Scope, ScopeValues] | None = None
        self.current = asyncio.Event()
        """Set once the copy is whole; it stays set."""

    @classmethod
    def start(cls, runtime: Runtime[Any], service: str) -> "SettingsMirror":
        """Makes a mirror and keeps it up to date in the background. Its health part does not hold up the service."""
        return cls._start(runtime, service, runtime.channel(service))

    @classmethod
    def of_own(cls, runtime: Runtime[Any], settings: ScopedSettings) -> "SettingsMirror":
        """The same of the settings that this service serves itself."""
        return cls._start(runtime, runtime.name, settings)

    @classmethod
    def _start(cls, runtime: Runtime[Any], service: str, source: grpc.aio.Channel | ScopedSettings) -> "SettingsMirror":
        mirror = cls(service, source, runtime.health(f"settings.{service}", critical=False))
        runtime.background(f"settings of {service}", mirror.follow)
        return mirror

    def value(self, place: Place, key: str) -> Value | None:
        """A value in force in a place. None for a key that the service does not declare, or before it was heard of."""
        setting = self._declarations.get(key)
        if setting is None:
            return None
        held = (self._scopes[scope] for scope in place.scopes() if scope in self._scopes)
        return effective(setting, held).value

    def held(self, kind: ScopeKind, key: str) -> dict[Scope, tuple[Value, int]]:
        """Where scopes of one kind hold a value of their own, with the version of what the scope holds."""
        return {
            scope: (values.values[key], values.version)
            for scope, values in self._scopes.items()
            if scope.kind is kind and key in values.values
        }

    def learn(self, message: settings_pb2.ScopeSettings) -> None:
        """Takes what an update was just answered with, so that whoever changed something reads it at once here: the
        watch tells the same a moment later."""
        held = _scope_values(message)
        self._scopes[held.scope] = held

    async def follow(self) -> None:
        """Watches, and watches again; runs for as long as the process does."""
        pause = 0.1
        while True:
            try:
                with acting_for(None):
                    await self._watch()
                pause = 0.1
            except (grpc.aio.AioRpcError, RedisError) as error:
                code = error.code().name if isinstance(error, grpc.aio.AioRpcError) else type(error).__name__
                self._part.not_serving(f"{self._service} can't be asked: {code}")
                _log.info("watching settings was interrupted", service_watched=self._service, code=code)
                await asyncio.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311  (spreads load, hides nothing)
                pause = min(pause * 2, _MAX_PAUSE)

    async def _watch(self) -> None:
        async for event in self._events():
            self._apply(event)

    async def _events(self) -> AsyncIterator[settings_pb2.WatchSettingsResponse]:
        if self._own is not None:
            self._declarations = self._own.declarations
            async for event in watched(self._own.store, self._revision, WATCH_SECONDS):
                yield event
        if self._stub is not None:
            listed = await self._stub.ListSettings(settings_pb2.ListSettingsRequest(), timeout=5.0)
            self._declarations = Declarations(_declaration(setting) for setting in listed.settings)
            request = settings_pb2.WatchSettingsRequest(revision=self._revision)
            async for event in self._stub.WatchSettings(request, timeout=WATCH_SECONDS + 10.0):
                yield event

    def _apply(self, event: settings_pb2.WatchSettingsResponse) -> None:
        match event.WhichOneof("event"):
            case "reset":
                self._being_told = {}
            case "changed":
                held = _scope_values(event.changed)
                (self._scopes if self._being_told is None else self._being_told)[held.scope] = held
            case "current":
                if self._being_told is not None:
                    self._scopes, self._being_told = self._being_told, None
                self._part.serving()
                self.current.set()
        if self._being_told is None:
            self._revision = event.revision


def _scope_values(message: settings_pb2.ScopeSettings) -> ScopeValues:
    return ScopeValues(
        messages.scope_from(message.scope),
        messages.values_from(message.values),
        message.version,
        message.update_time.ToNanoseconds() / 1e9,
        message.recovered,
    )


def _declaration(message: settings_pb2.Setting) -> Setting:
    kind = ValueKind(message.type)
    default = messages.from_json(message.default_value)
    setting = Setting(
        key=message.key,
        kind=kind,
        description=message.description,
        scopes=tuple(ScopeKind(scope) for scope in message.scopes),
        choices=tuple(message.choices),
        minimum=message.minimum if message.HasField("minimum") else None,
        maximum=message.maximum if message.HasField("maximum") else None,
        permissions=message.permissions,
    )
    return setting if default is None else dataclasses.replace(setting, default=setting.checked(default))
