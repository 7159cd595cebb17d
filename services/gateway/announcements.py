"""Has changed settings written down in their channel, so that they outlive the store (executor does it)."""

import structlog
from guildhall.executor.v1 import announcement_pb2, announcement_pb2_grpc
from guildhall.settings.v1 import settings_pb2

from chassis.errors import GuildhallError
from chassis.scoped import ScopeKind
from services.gateway.context import Context
from services.gateway.handover import called

_log = structlog.get_logger(__name__)


async def announce(context: Context, held: settings_pb2.ScopeSettings) -> None:
    """Announces what a scope holds now. The change stands in any case, so a failure is logged and no more."""
    if held.scope.kind == ScopeKind.PERSON.value:
        return
    stub = context.services.stub(announcement_pb2_grpc.AnnouncementServiceStub, "executor")
    request = announcement_pb2.AnnounceSettingsRequest(
        event_id=context.interaction.interaction_id,
        scope=held.scope,
        channel_id=context.interaction.channel_id,
    )
    try:
        await called(stub.AnnounceSettings(request, timeout=context.timeout))
    except GuildhallError as error:
        _log.warning("settings not announced", reason=error.reason)
