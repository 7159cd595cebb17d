"""Has changed settings written down in their channel, so that they outlive the store (executor does it)."""

import structlog
from guildhall.executor.v1 import announcement_pb2, announcement_pb2_grpc
from guildhall.settings.v1 import settings_pb2

from chassis.errors import GuildhallError
from chassis.scoped import ScopeKind
from services.gateway.context import Context, Services
from services.gateway.handover import called

_log = structlog.get_logger(__name__)


async def announce(context: Context, held: settings_pb2.ScopeSettings) -> None:
    """Announces what a scope holds now, in the channel in which it was changed."""
    interaction = context.interaction
    await announce_at(
        context.services, interaction.interaction_id, interaction.channel_id, held, deadline=context.timeout
    )


async def announce_at(
    services: Services, event_id: int, channel_id: int, held: settings_pb2.ScopeSettings, *, deadline: float
) -> None:
    """Announces what a scope holds now. The change stands in any case, so a failure is logged and no more."""
    if held.scope.kind == ScopeKind.PERSON.value:
        return
    stub = services.stub(announcement_pb2_grpc.AnnouncementServiceStub, "executor")
    request = announcement_pb2.AnnounceSettingsRequest(
        event_id=event_id,
        scope=held.scope,
        channel_id=channel_id,
    )
    try:
        await called(stub.AnnounceSettings(request, timeout=deadline))
    except GuildhallError as error:
        _log.warning("settings not announced", reason=error.reason)
