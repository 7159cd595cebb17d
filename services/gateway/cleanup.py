"""Forgets what guilds and channels set that are gone, in every service that keeps settings.

A deletion counts as taken once every service has forgotten; what can't be reached is tried again, and a gateway that
dies meanwhile gets the event again.
"""

import asyncio

import structlog
from guildhall.settings.v1 import settings_pb2, settings_pb2_grpc

from chassis.caller import acting_for
from chassis.errors import GuildhallError
from chassis.scoped import Scope
from services.gateway.context import Services
from services.gateway.handover import called
from services.gateway.scoped_client import SERVICES

_log = structlog.get_logger(__name__)
_DEADLINE, _FIRST_RETRY, _ATTEMPTS = 2.0, 1.0, 8


class Cleanup:
    """Forgets scopes."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def forget(self, scope: Scope) -> None:
        """Forgets a guild with all that lies in it, or one channel. Never raises."""
        request = settings_pb2.DeleteSettingsRequest(
            scope=settings_pb2.Scope(
                kind=settings_pb2.ScopeKind.ValueType(scope.kind.value), guild_id=scope.guild_id, id=scope.id
            )
        )
        with acting_for(None):
            for service in SERVICES:
                await self._forget_in(service, request)

    async def _forget_in(self, service: str, request: settings_pb2.DeleteSettingsRequest) -> None:
        stub = self._services.stub(settings_pb2_grpc.SettingsServiceStub, service)
        for attempt in range(_ATTEMPTS):
            try:
                await called(stub.DeleteSettings(request, timeout=_DEADLINE))
            except GuildhallError as error:
                _log.info("settings not forgotten yet", of=service, reason=error.reason)
                await asyncio.sleep(_FIRST_RETRY * 2**attempt)
            else:
                return
        _log.error("settings of what is gone were not forgotten", of=service)
